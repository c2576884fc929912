//! Promises of the generated graphs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::topology::metrics::Metrics;

const RANDOM_3: Shape = Shape::Random { degree: 3 };

fn assert_regular(graph: &Graph, nodes: u32, degree: u32) {
    assert_eq!(graph.node_count(), nodes as usize);
    assert!((0..graph.node_count()).all(|index| graph.degree(index) == degree as usize));
    // Graph merges links named twice, so this holds only if the generator made each once.
    assert_eq!(graph.edge_count(), (nodes * degree / 2) as usize);
    assert!(graph.is_connected());
}

fn edges(shape: Shape, nodes: u32, seed: u64) -> Vec<(usize, usize)> {
    generate(shape, nodes, seed).unwrap().edges().collect()
}

/// Every shape that can be, small ones often.
fn any_network() -> impl Strategy<Value = (Shape, u32)> {
    let nodes = prop_oneof![4 => 2..=12u32, 4 => 2..=96u32, 1 => 97..=300u32];
    (nodes, 0..3u8, any::<prop::sample::Index>()).prop_map(|(nodes, shape, pick)| {
        let degrees: Vec<u32> = (0..nodes).filter(|&degree| Shape::Random { degree }.check(nodes).is_ok()).collect();
        let shape = match shape {
            0 => Shape::Circular,
            1 => Shape::Powerlaw,
            _ => Shape::Random { degree: *pick.get(&degrees) },
        };
        (shape, nodes)
    })
}

proptest! {
    #[test]
    fn what_is_allowed_is_made_connected_and_the_same_each_time((shape, nodes) in any_network(), seed: u64) {
        let graph = generate(shape, nodes, seed).unwrap();
        prop_assert!(graph.is_connected());
        prop_assert_eq!(graph.nodes()[nodes as usize - 1].as_str(), nodes.to_string());
        prop_assert_eq!(&graph, &generate(shape, nodes, seed).unwrap());
        match shape {
            Shape::Random { degree } => assert_regular(&graph, nodes, degree),
            Shape::Circular => assert_regular(&graph, nodes, if nodes == 2 { 1 } else { 2 }),
            Shape::Powerlaw => {
                let metrics = Metrics::of(&graph);
                prop_assert_eq!(metrics.degree_min() as u32, 3.min(nodes - 1));
                let grown = nodes.saturating_sub(4) as usize;
                prop_assert_eq!(metrics.edges, [0, 0, 1, 3, 6][nodes.min(4) as usize] + 3 * grown);
            }
        }
    }

    #[test]
    fn what_is_not_allowed_is_refused(nodes in 0..1100u32, degree in 0..1100u32) {
        let shape = Shape::Random { degree };
        prop_assume!(shape.check(nodes).is_err());
        prop_assert_eq!(generate(shape, nodes, 1).unwrap_err(), shape.check(nodes).unwrap_err());
    }
}

#[test]
fn the_same_seed_gives_the_same_graph_in_every_version() {
    let random = edges(RANDOM_3, 8, 1);
    let powerlaw = edges(Shape::Powerlaw, 7, 1);
    assert_eq!(
        random,
        [(0, 1), (0, 2), (0, 7), (1, 4), (1, 5), (2, 3), (2, 7), (3, 6), (3, 7), (4, 5), (4, 6), (5, 6)]
    );
    assert_eq!(
        powerlaw,
        [
            (0, 1),
            (0, 2),
            (0, 3),
            (0, 5),
            (0, 6),
            (1, 2),
            (1, 3),
            (1, 4),
            (1, 5),
            (2, 3),
            (2, 4),
            (3, 4),
            (3, 5),
            (3, 6),
            (5, 6)
        ]
    );
    assert_ne!(random, edges(RANDOM_3, 8, 2));
}

#[test]
fn every_degree_works_at_the_largest_size() {
    for degree in [2, 3, 16, 511, 512, 1021, 1022, 1023] {
        assert_regular(&generate(Shape::Random { degree }, 1024, 7).unwrap(), 1024, degree);
    }
}

#[test]
fn the_ring_goes_round_in_node_order() {
    assert_eq!(edges(Shape::Circular, 2, 0), [(0, 1)]);
    assert_eq!(edges(Shape::Circular, 5, 0), [(0, 1), (0, 4), (1, 2), (2, 3), (3, 4)]);
    let metrics = Metrics::of(&generate(Shape::Circular, 1024, 0).unwrap());
    assert_eq!(metrics.diameter, Some(512));
}

/// Of the 70 cubic graphs on six named nodes 60 are prisms and 10 complete bipartite; a prism has triangles.
#[test]
fn cubic_graphs_are_drawn_evenly() {
    let draws = 2100;
    let has_triangle = |edges: &[(usize, usize)]| {
        edges.iter().any(|&(a, b)| {
            (0..6).any(|c| {
                let linked = |x: usize, y: usize| edges.contains(&(x.min(y), x.max(y)));
                linked(a, c) && linked(b, c)
            })
        })
    };
    let mut drawn = BTreeMap::new();
    for seed in 0..draws {
        *drawn.entry(edges(RANDOM_3, 6, seed)).or_insert(0) += 1;
    }
    assert_eq!(drawn.len(), 70, "each of the graphs is drawn");
    let prisms: i32 = drawn.iter().filter(|(edges, _)| has_triangle(edges)).map(|(_, count)| count).sum();
    // 1800 are expected, the standard deviation is 16.
    assert!((1736..=1864).contains(&prisms), "{prisms} prisms");
}

/// A random cubic graph has paths of about log2 n hops; the circulant that it is made from has n/8.
#[test]
fn nothing_is_left_of_the_regular_start() {
    let metrics = Metrics::of(&generate(RANDOM_3, 1024, 3).unwrap());
    assert!(metrics.average_path.unwrap() < 9.0, "{:?}", metrics.average_path);
    assert!(metrics.diameter.unwrap() <= 15, "{:?}", metrics.diameter);
}

#[test]
fn parts_are_joined_without_changing_a_degree() {
    let mut links = Links::new(15);
    for start in [0, 5, 10] {
        for a in start..start + 5 {
            for b in a + 1..start + 5 {
                links.add(a, b);
            }
        }
    }
    join_parts(&mut links);
    let graph = Graph::new((1..=15).map(NodeId::numbered).collect(), links.edges).unwrap();
    assert_regular(&graph, 15, 4);
}

/// Preferential attachment makes hubs, the triangle step makes clusters; a random graph of the same size has neither.
#[test]
fn powerlaw_has_hubs_and_triangles() {
    let graph = generate(Shape::Powerlaw, 512, 5).unwrap();
    assert!(Metrics::of(&graph).degree_max() > 40);
    let triangles = |graph: &Graph| {
        let third =
            |(a, b): (usize, usize)| graph.neighbours(a).iter().filter(|&&c| c > b && graph.has_edge(b, c)).count();
        graph.edges().map(third).sum::<usize>()
    };
    let random = generate(Shape::Random { degree: 6 }, 512, 5).unwrap();
    assert!(
        triangles(&graph) > 400 && triangles(&graph) > 5 * triangles(&random),
        "{} {}",
        triangles(&graph),
        triangles(&random)
    );
}
