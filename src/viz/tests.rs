//! Promises of a picture: complete, well-formed, without overlaps, the same each time.

use super::{Link, LinkMark, Measure, NodeMark, Picture, Scene, glyphs::Glyphs, layout::Point, placed::Node};
use crate::{
    core::id::NodeId,
    topology::{Graph, Shape, generate},
};
use std::collections::BTreeMap;

const RANDOM_3: Shape = Shape::Random { degree: 3 };

fn picture(shape: Shape, nodes: u32) -> Picture {
    Picture::new(&generate(shape, nodes, 1).unwrap(), "default", &shape.to_string())
}

fn named(names: &[&str], edges: &[(usize, usize)]) -> Graph {
    Graph::new(names.iter().map(|name| NodeId::new(name).unwrap()).collect(), edges.iter().copied()).unwrap()
}

fn distance(a: Point, b: Point) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// Left, top, right, bottom of a name.
fn name_box(node: &Node, glyphs: &Glyphs) -> [f64; 4] {
    let (wide, high) = node.label.half_extent(glyphs);
    let at = node.label.at;
    [at.x - wide, at.y - high, at.x + wide, at.y + high]
}

#[test]
fn no_two_nodes_overlap_and_names_fit() {
    let dense = Shape::Random { degree: 20 };
    let glyphs = Glyphs::new();
    for shape in [Shape::Circular, RANDOM_3, dense, Shape::Powerlaw] {
        for nodes in [3, 4, 16, 41, 64, 256] {
            if shape.check(nodes).is_err() {
                continue;
            }
            let picture = picture(shape, nodes);
            let boxes: Vec<_> = picture.nodes.iter().map(|node| name_box(node, &glyphs)).collect();
            for (index, a) in picture.nodes.iter().enumerate() {
                let [left, top, right, bottom] = boxes[index];
                assert!(!a.label.inside || distance(a.at, Point { x: left, y: top }) < a.radius, "{shape} {nodes}");
                for (b, other) in picture.nodes.iter().zip(&boxes).skip(index + 1) {
                    let gap = distance(a.at, b.at) - a.radius - b.radius;
                    assert!(gap > 3.0, "{shape} {nodes}: {} and {} are {gap} apart", a.name, b.name);
                    // Names like spokes are as far from each other as their middles.
                    let apart = if a.label.turn != 0.0 || b.label.turn != 0.0 {
                        distance(a.label.at, b.label.at) > a.label.size
                    } else {
                        right < other[0] || other[2] < left || bottom < other[1] || other[3] < top
                    };
                    assert!(apart, "{shape} {nodes}: names {} and {} overlap", a.name, b.name);
                }
            }
        }
    }
}

#[test]
fn a_ring_goes_clockwise_from_the_top_in_node_order() {
    for nodes in [3, 16, 64] {
        let picture = picture(Shape::Circular, nodes);
        let at = |index: usize| picture.nodes[index % nodes as usize].at;
        assert!(at(0).x.abs() < 1e-9 && picture.nodes.iter().all(|node| node.at.y >= at(0).y));
        let side = distance(at(0), at(1));
        for index in 0..nodes as usize {
            let turn = at(index).x * at(index + 1).y - at(index).y * at(index + 1).x;
            assert!(turn > 0.0, "node {} is not clockwise of its neighbour", index + 2);
            assert!((distance(at(index), at(index + 1)) - side).abs() < 1e-6);
        }
    }
}

/// Names of a ring are put in the order of the ring, not of their numbers.
#[test]
fn a_ring_in_any_order_is_drawn_round() {
    let ring = named(&["a", "b", "c", "d", "e"], &[(0, 3), (3, 1), (1, 4), (4, 2), (2, 0)]);
    let picture = Picture::new(&ring, "n", "overlay");
    let sides: Vec<_> =
        picture.edges.iter().map(|&(a, b)| distance(picture.nodes[a].at, picture.nodes[b].at)).collect();
    assert!(sides.iter().all(|side| (side - sides[0]).abs() < 1e-6), "{sides:?}");
}

/// A path of hops is drawn as a line: nodes far apart in the graph are far apart on paper.
#[test]
fn distance_on_paper_follows_hops() {
    let line = named(&["a", "b", "c", "d", "e", "f"], &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]);
    let nodes = Picture::new(&line, "n", "overlay").nodes;
    let step = distance(nodes[0].at, nodes[5].at) / 5.0;
    for (a, b) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)] {
        assert!((distance(nodes[a].at, nodes[b].at) / step - 1.0).abs() < 0.05);
    }
    let (wide, high) = (nodes[0].at.x - nodes[5].at.x, nodes[0].at.y - nodes[5].at.y);
    assert!(wide.abs() > 20.0 * high.abs(), "a picture is wider than high");
}

#[test]
fn the_same_graph_gives_the_same_picture() {
    for shape in [Shape::Circular, RANDOM_3, Shape::Powerlaw] {
        assert_eq!(picture(shape, 64).svg(), picture(shape, 64).svg());
        assert_eq!(picture(shape, 16).terminal(80, 24, true), picture(shape, 16).terminal(80, 24, true));
    }
}

/// Of one network in four states, with a note on each link.
#[test]
fn nodes_stay_where_they_are_and_notes_cover_none() {
    for (shape, nodes) in [(RANDOM_3, 16), (RANDOM_3, 40), (Shape::Powerlaw, 16), (Shape::Circular, 8)] {
        let graph = generate(shape, nodes, 7).unwrap();
        let before = Picture::new(&graph, "n", "declared");
        let count = graph.node_count();
        for state in 0..4 {
            let note = |_| Some("+10.83 ms".to_owned());
            let links = graph.edges().map(|edge| (edge, Link { note: note(edge), ..Link::default() }));
            let marks = (0..count).map(|node| if node % 5 == state { NodeMark::Dead } else { NodeMark::Plain });
            let values = (Measure::Hops, (0..count).map(|node| node * state).collect());
            let (links, marks) = (links.collect(), marks.collect());
            let scene = Scene { places: &graph, links, marks, values, heading: "n".into(), caption: "now".into() };
            let picture = Picture::of(scene);
            for (node, old) in picture.nodes.iter().zip(&before.nodes) {
                assert_eq!((node.at, node.radius), (old.at, old.radius), "{shape} {nodes}: {} moved", node.name);
            }
            assert_eq!(picture.notes.len(), graph.edge_count());
            let hidden = picture.notes.iter().filter(|note| {
                let apart = |node: &Node| {
                    let x = ((note.at.x - node.at.x).abs() - note.half.0).max(0.0);
                    let y = ((note.at.y - node.at.y).abs() - note.half.1).max(0.0);
                    x.hypot(y) > node.radius
                };
                !picture.nodes.iter().all(apart)
            });
            assert_eq!(hidden.count(), 0, "{shape} {nodes}: notes over nodes");
        }
    }
}

#[test]
fn the_caption_counts() {
    assert_eq!(picture(RANDOM_3, 16).caption, "random · 16 nodes · 24 links · diameter 4");
    assert_eq!(picture(Shape::Circular, 2).caption, "circular · 2 nodes · 1 link · diameter 1");
    let split = named(&["a", "b", "c"], &[(0, 1)]);
    assert_eq!(Picture::new(&split, "n", "overlay").caption, "overlay · 3 nodes · 1 link · 2 separate parts");
}

#[test]
fn graphs_without_links_have_pictures_too() {
    for names in [&[][..], &["a"], &["a", "b"], &["a", "b", "c"]] {
        let picture = Picture::new(&named(names, &[]), "n", "overlay");
        assert_eq!(picture.svg().matches("class=\"node\"").count(), names.len());
        assert!(!picture.svg().contains("NaN") && !picture.svg().contains("inf"));
        assert_eq!(picture.terminal(20, 5, false).is_empty(), names.is_empty());
    }
}

/// A ring of five with one node down, a link in its place, and one that holds all together.
fn marked() -> Picture {
    let ring = named(&["1", "2", "3", "4", "5"], &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]);
    let mut links: BTreeMap<_, _> = ring.edges().map(|edge| (edge, Link::default())).collect();
    for (edge, mark) in [((1, 2), LinkMark::Down), ((2, 3), LinkMark::Down), ((1, 3), LinkMark::Healing)] {
        links.insert(edge, Link { mark, ..Link::default() });
    }
    links.insert((3, 4), Link { mark: LinkMark::Way, to: Some(4), note: Some("+0.42 ms".into()) });
    let marks = vec![NodeMark::Start, NodeMark::Cut, NodeMark::Dead, NodeMark::Suspect, NodeMark::Plain];
    let values = (Measure::Degree, vec![2, 2, 0, 2, 2]);
    Picture::of(Scene { places: &ring, links, marks, values, heading: "n".into(), caption: "now".into() })
}

#[test]
fn what_is_special_is_marked_and_told_in_the_legend() {
    let svg = marked().svg();
    for words in [
        "node 3, down",
        "node 1, degree 2",
        "degree 2: 4 nodes, origin: 1 node, single point of failure: 1 node, suspect: 1 node, down: 1 node",
        "declared, down: 2 links, added by repair: 1 link, first path: 1 link",
        "aria-label=\"+0.42 ms\"",
    ] {
        assert!(svg.contains(words), "no {words:?} in {svg}");
    }
    assert_eq!(svg.matches("<line").count(), 6);
    let dotted = svg.split("<g ").find(|group| group.contains("stroke-dasharray=\"3 5\"")).unwrap();
    assert_eq!(dotted.matches("<line").count(), 2, "what is down is dashed");
    let places: Vec<_> = marked().nodes.iter().map(|node| node.radius).collect();
    assert!(places.iter().all(|radius| *radius == places[0]), "who is down is no smaller");
}

mod terminal {
    use super::*;

    #[test]
    fn what_is_special_is_told_by_a_sign_before_the_name() {
        let text = marked().terminal(60, 20, false);
        for name in ["*1", "!2", "×3", "~4"] {
            assert!(text.contains(name), "{name} is missing in\n{text}");
        }
        assert!(marked().terminal(60, 20, true).contains("\x1b[31m×3"), "who is down is red");
    }

    fn plain(text: &str) -> String {
        let mut out = String::new();
        let mut parts = text.split('\x1b');
        out.push_str(parts.next().unwrap());
        parts.for_each(|part| out.push_str(part.split_once('m').unwrap().1));
        out
    }

    #[test]
    fn it_keeps_to_its_room() {
        for shape in [Shape::Circular, RANDOM_3, Shape::Powerlaw] {
            let picture = picture(shape, 64);
            for (columns, rows) in [(1, 1), (2, 1), (5, 3), (40, 12), (80, 24), (200, 10), (20, 60)] {
                let text = picture.terminal(columns, rows, false);
                assert!(text.lines().count() <= rows);
                assert!(text.lines().all(|line| line.chars().count() <= columns), "{columns}x{rows}\n{text}");
                assert!(!text.trim().is_empty());
            }
        }
        assert_eq!(picture(RANDOM_3, 16).terminal(0, 24, false), "");
        assert_eq!(picture(RANDOM_3, 16).terminal(80, 0, false), "");
    }

    #[test]
    fn every_number_of_sixteen_fits_an_ordinary_window() {
        for shape in [Shape::Circular, RANDOM_3, Shape::Powerlaw] {
            let text = picture(shape, 16).terminal(80, 22, false);
            let words: Vec<_> = text.split(|c: char| !c.is_ascii_digit()).collect();
            for number in 1..=16 {
                assert!(words.contains(&number.to_string().as_str()), "{shape}: {number} is missing in\n{text}");
            }
        }
    }

    #[test]
    fn links_run_between_their_nodes() {
        let text = Picture::new(&named(&["a", "b"], &[(0, 1)]), "n", "overlay").terminal(11, 1, false);
        assert_eq!(text, "a⠒⠒⠒⠒⠒⠒⠒⠒⠒b\n");
    }

    #[test]
    fn colour_comes_only_when_asked_for_and_changes_nothing_else() {
        let picture = picture(Shape::Powerlaw, 64);
        let (grey, coloured) = (picture.terminal(80, 24, false), picture.terminal(80, 24, true));
        assert!(!grey.contains('\x1b'));
        assert_eq!(plain(&coloured), grey);
        let hub = picture.classes.last().unwrap().terminal;
        assert!(
            coloured.contains(&format!("\x1b[{hub}m"))
                && coloured.lines().all(|line| !line.contains('\x1b') || line.ends_with("\x1b[0m"))
        );
    }
}

#[cfg(feature = "png")]
mod drawn {
    use std::collections::BTreeSet;

    use resvg::{
        tiny_skia::Pixmap,
        usvg::roxmltree::{Document, Node as Element},
    };

    use super::*;
    use crate::viz::legend::Rgb;

    #[test]
    fn the_svg_holds_every_node_and_link() {
        for shape in [Shape::Circular, RANDOM_3, Shape::Powerlaw] {
            for nodes in [2, 16, 64] {
                if shape.check(nodes).is_err() {
                    continue;
                }
                let graph = generate(shape, nodes, 1).unwrap();
                let svg = Picture::new(&graph, "default", "x").svg();
                let document = Document::parse(&svg).unwrap();
                let place = |node: &Element<'_, '_>, x: &str, y: &str| {
                    (node.attribute(x).unwrap().to_owned(), node.attribute(y).unwrap().to_owned())
                };
                let circles: Vec<_> =
                    document.descendants().filter(|node| node.attribute("class") == Some("node")).collect();
                let places: Vec<_> = circles.iter().map(|circle| place(circle, "cx", "cy")).collect();
                assert_eq!(places.len(), nodes as usize);
                let lines: Vec<_> = document
                    .descendants()
                    .filter(|node| node.has_tag_name("line"))
                    .map(|line| (place(&line, "x1", "y1"), place(&line, "x2", "y2")))
                    .collect();
                let wanted: Vec<_> = graph.edges().map(|(a, b)| (places[a].clone(), places[b].clone())).collect();
                assert_eq!(lines, wanted);
            }
        }
    }

    /// Names are outlines: each character is a reference to a path that the file itself defines.
    #[test]
    fn numbers_need_no_font() {
        let svg = picture(RANDOM_3, 64).svg();
        let document = Document::parse(&svg).unwrap();
        assert!(!document.descendants().any(|node| node.has_tag_name("text")));
        let defined: BTreeSet<_> = document
            .descendants()
            .filter(|node| node.has_tag_name("path"))
            .filter_map(|node| node.attribute("id"))
            .collect();
        for circle in document.descendants().filter(|node| node.attribute("class") == Some("node")) {
            let name = circle.next_sibling_element().unwrap();
            let uses: Vec<_> = name.children().filter_map(|node| node.attribute("href")).collect();
            assert_eq!(uses.len(), name.attribute("aria-label").unwrap().len());
            assert!(uses.iter().all(|href| defined.contains(href.trim_start_matches('#'))));
        }
    }

    #[test]
    fn hostile_names_stay_text() {
        let names = ["<b>", "a&b", "\"q\"", "it's", "]]>", "x\u{fffe}y"];
        let graph = named(&names, &[(0, 1), (1, 2), (3, 4)]);
        let svg = Picture::new(&graph, "<net> & \"co\"\u{1}", "a<b").svg();
        let document = Document::parse(&svg).unwrap();
        let title = document.descendants().find(|node| node.attribute("id") == Some("title")).unwrap();
        assert_eq!(title.text(), Some("<net> & \"co\"\u{fffd}"));
        for name in names {
            let shown = format!("node {}, degree", name.replace('\u{fffe}', "\u{fffd}"));
            assert!(
                document.descendants().any(|node| node.text().is_some_and(|text| text.starts_with(&shown))),
                "{name}"
            );
        }
        assert!(Picture::new(&graph, "<net>", "a<b").png().is_ok());
    }

    #[test]
    fn the_legend_names_every_colour_in_use() {
        let svg = picture(Shape::Powerlaw, 64).svg();
        let document = Document::parse(&svg).unwrap();
        let (mut nodes, mut legend) = (BTreeSet::new(), BTreeSet::new());
        for circle in document.descendants().filter(|node| node.has_tag_name("circle")) {
            let set = if circle.attribute("class") == Some("node") { &mut nodes } else { &mut legend };
            set.insert(circle.attribute("fill").unwrap().to_owned());
        }
        assert_eq!(nodes, legend);
        assert!(nodes.len() > 3);
    }

    #[test]
    fn the_png_shows_what_the_svg_says() {
        for (shape, nodes) in [(Shape::Circular, 16), (RANDOM_3, 64), (Shape::Powerlaw, 256), (Shape::Circular, 1024)] {
            let picture = picture(shape, nodes);
            let png = Pixmap::decode_png(&picture.png().unwrap()).unwrap();
            assert!(png.width().max(png.height()) <= 4096);
            assert!(nodes < 64 || png.width() >= 1600, "{} pixels wide", png.width());
            // In the middle of each legend dot is its colour.
            let svg = picture.svg();
            let document = Document::parse(&svg).unwrap();
            let number = |node: Element<'_, '_>, name: &str| node.attribute(name).unwrap().parse::<f32>().unwrap();
            let scale = png.width() as f32 / number(document.root_element(), "width");
            let legend: Vec<_> = document
                .descendants()
                .filter(|node| node.has_tag_name("circle") && !node.has_attribute("class"))
                .map(|dot| png.pixel((number(dot, "cx") * scale) as u32, (number(dot, "cy") * scale) as u32).unwrap())
                .map(|pixel| Rgb(pixel.red(), pixel.green(), pixel.blue()))
                .collect();
            assert_eq!(legend, picture.classes.iter().map(|class| class.colour).collect::<Vec<_>>(), "{shape}");
            let corner = png.pixel(0, 0).unwrap();
            assert!(corner.is_opaque() && corner.red() > 0xf0);
        }
    }
}

/// Eyes are the last judge: `cargo test --lib pictures_to_look_at -- --ignored` writes to `gossip-pictures` in the
/// system's folder for temporary files.
#[cfg(feature = "png")]
#[test]
#[ignore = "writes pictures to look at"]
fn pictures_to_look_at() {
    let folder = std::env::temp_dir().join("gossip-pictures");
    std::fs::create_dir_all(&folder).unwrap();
    for shape in [Shape::Circular, RANDOM_3, Shape::Powerlaw] {
        for nodes in [16, 64, 256] {
            let picture = picture(shape, nodes);
            let file = |ending: &str| folder.join(format!("{shape}-{nodes}.{ending}"));
            std::fs::write(file("svg"), picture.svg()).unwrap();
            std::fs::write(file("png"), picture.png().unwrap()).unwrap();
            std::fs::write(file("txt"), picture.terminal(100, 30, true)).unwrap();
        }
    }
}
