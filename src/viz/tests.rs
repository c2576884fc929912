//! What a picture promises: complete, well-formed, without overlaps, the same each time.

use super::Picture;
use crate::topology::{Shape, generate};

#[test]
#[ignore = "writes pictures to look at"]
fn show() {
    for (name, shape) in
        [("circular", Shape::Circular), ("random", Shape::Random { degree: 3 }), ("powerlaw", Shape::Powerlaw)]
    {
        for n in [2, 3, 8, 16, 64, 256, 1024] {
            if n == 3 && name == "random" {
                continue;
            }
            let shape = if n == 2 && name == "random" { Shape::Random { degree: 1 } } else { shape };
            let graph = generate(shape, n, 1).unwrap();
            let at = std::time::Instant::now();
            let picture = Picture::new(&graph, "default", &shape.to_string());
            let placed = at.elapsed();
            let svg = picture.svg();
            let drawn = at.elapsed();
            let png = picture.png().unwrap();
            println!(
                "{name} {n}: placed {placed:?} svg {:?} {} png {:?} {}",
                drawn - placed,
                svg.len(),
                at.elapsed() - drawn,
                png.len()
            );
            std::fs::write(format!("/tmp/viz/{name}-{n}.svg"), svg).unwrap();
            std::fs::write(format!("/tmp/viz/{name}-{n}.png"), png).unwrap();
            std::fs::write(format!("/tmp/viz/{name}-{n}.txt"), picture.terminal(80, 24, false)).unwrap();
        }
    }
}
