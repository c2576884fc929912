//! The shapes a network can have, and what can never be one.

use std::fmt;

/// Fewest nodes of a network: gossip needs somebody to tell.
pub const NODES_MIN: u32 = 2;
/// Most nodes of a network on one machine.
pub const NODES_MAX: u32 = 1024;
/// Degree of a random graph when none is asked for: the smallest that survives the loss of nodes well. Where it cannot be,
/// [`Shape::random`] chooses another.
pub const DEGREE_DEFAULT: u32 = 3;

/// The law by which nodes are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Random regular graph: every node has the same number of neighbours.
    Random {
        /// Neighbours of each node.
        degree: u32,
    },
    /// Ring: each node is linked to the one before and the one after.
    Circular,
    /// Holme-Kim powerlaw cluster graph: few nodes have many neighbours, and neighbours know each other.
    Powerlaw,
}

/// Reason why there is no such network, and what to ask for instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// No such shape.
    #[error("unknown topology '{0}'; choose random, circular or powerlaw")]
    Word(String),
    /// A degree for a shape that has none to choose.
    #[error("a {shape} topology takes no degree, {degree} was given; leave it out{}", or_random(*degree, *nodes))]
    DegreeUnwanted {
        /// The shape asked for.
        shape: Shape,
        /// The degree given.
        degree: u32,
        /// Number of nodes that was asked for.
        nodes: u32,
    },
    /// Fewer nodes than [`NODES_MIN`] or more than there may be.
    #[error("{nodes} nodes cannot form a network; choose from {NODES_MIN} to {most} nodes")]
    Nodes {
        /// Number that was asked for.
        nodes: u32,
        /// Number that there may be.
        most: u32,
    },
    /// Nobody would have a neighbour.
    #[error("with degree 0 no node has a neighbour; choose a degree from {} to {}", if *nodes == 2 { 1 } else { 2 }, nodes - 1)]
    DegreeZero {
        /// Number of nodes that was asked for.
        nodes: u32,
    },
    /// Pairs that know nobody else.
    #[error("with degree 1 the {nodes} nodes form separate pairs; choose a degree from 2 to {}, or 2 nodes", nodes - 1)]
    DegreeOne {
        /// Number of nodes that was asked for.
        nodes: u32,
    },
    /// More neighbours than there are other nodes.
    #[error("each of {nodes} nodes has only {} others, so degree {degree} is too large; {}", nodes - 1, fewer(*degree, *nodes))]
    DegreeTooLarge {
        /// The degree asked for.
        degree: u32,
        /// Number of nodes that was asked for.
        nodes: u32,
    },
    /// The handshaking lemma: a link has two ends, so nodes times degree is even.
    #[error("nodes x degree must be even, {nodes} x {degree} is odd; choose degree {} or {} nodes", even(*degree, *nodes), nodes + 1)]
    Anomalies {
        /// The degree asked for.
        degree: u32,
        /// Number of nodes that was asked for.
        nodes: u32,
    },
}

/// The topology that has a degree, if there is one of this degree.
fn or_random(degree: u32, nodes: u32) -> String {
    let is_possible = Shape::Random { degree }.check_within(nodes, u32::MAX).is_ok();
    if is_possible { format!(" or choose random {degree}") } else { String::new() }
}

/// The even degrees beside an odd one that so many nodes can have.
fn even(degree: u32, nodes: u32) -> String {
    if degree + 1 < nodes { format!("{}, {}", degree - 1, degree + 1) } else { (degree - 1).to_string() }
}

/// The way out of a degree that is too large: more nodes too, if there can be that many.
fn fewer(degree: u32, nodes: u32) -> String {
    let most = nodes - 1;
    if degree < NODES_MAX {
        format!("choose a degree of at most {most}, or at least {} nodes", degree + 1)
    } else {
        format!("choose a degree of at most {most}")
    }
}

impl Shape {
    /// The random graph of `nodes` nodes where no degree is asked for: of degree [`DEGREE_DEFAULT`], or the next that is
    /// possible: one more if the number of nodes is odd, and no more than there are other nodes.
    pub fn random(nodes: u32) -> Self {
        let even = DEGREE_DEFAULT + nodes % 2 * (DEGREE_DEFAULT % 2);
        Self::Random { degree: even.min(nodes.saturating_sub(1)) }
    }

    /// Parses a shape's word and, for `random` only, its degree; `None`: the one that suits so many nodes.
    pub fn parse(word: &str, degree: Option<u32>, nodes: u32) -> Result<Self, ShapeError> {
        let shape = match word {
            "random" => return Ok(degree.map_or_else(|| Self::random(nodes), |degree| Self::Random { degree })),
            "circular" => Self::Circular,
            "powerlaw" => Self::Powerlaw,
            _ => return Err(ShapeError::Word(word.into())),
        };
        match degree {
            Some(degree) => Err(ShapeError::DegreeUnwanted { shape, degree, nodes }),
            None => Ok(shape),
        }
    }

    /// Checks that a network of `nodes` nodes on one machine can have this shape.
    pub fn check(self, nodes: u32) -> Result<(), ShapeError> {
        self.check_within(nodes, NODES_MAX)
    }

    /// Checks that a network of `nodes` nodes, at most `most`, can have this shape.
    pub fn check_within(self, nodes: u32, most: u32) -> Result<(), ShapeError> {
        if !(NODES_MIN..=most).contains(&nodes) {
            return Err(ShapeError::Nodes { nodes, most });
        }
        let Self::Random { degree } = self else { return Ok(()) };
        match degree {
            0 => Err(ShapeError::DegreeZero { nodes }),
            1 if nodes > 2 => Err(ShapeError::DegreeOne { nodes }),
            _ if degree >= nodes => Err(ShapeError::DegreeTooLarge { degree, nodes }),
            _ if nodes % 2 == 1 && degree % 2 == 1 => Err(ShapeError::Anomalies { degree, nodes }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Shape {
    /// The shape's word alone, as a user types it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Random { .. } => "random",
            Self::Circular => "circular",
            Self::Powerlaw => "powerlaw",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parsed_and_printed() {
        for (word, shape) in
            [("random", Shape::Random { degree: 3 }), ("circular", Shape::Circular), ("powerlaw", Shape::Powerlaw)]
        {
            assert_eq!(Shape::parse(word, None, 16), Ok(shape));
            assert_eq!(shape.to_string(), word);
        }
        assert_eq!(Shape::parse("random", Some(0), 16), Ok(Shape::Random { degree: 0 }));
    }

    #[test]
    fn errors_name_the_values_and_the_way_out() {
        let random = |degree, nodes| Shape::Random { degree }.check(nodes).unwrap_err().to_string();
        for (found, expected) in [
            (
                Shape::parse("star", None, 16).unwrap_err().to_string(),
                "unknown topology 'star'; choose random, circular or powerlaw",
            ),
            (
                Shape::parse("circular", Some(4), 16).unwrap_err().to_string(),
                "a circular topology takes no degree, 4 was given; leave it out or choose random 4",
            ),
            (
                Shape::parse("powerlaw", Some(3), 5).unwrap_err().to_string(),
                "a powerlaw topology takes no degree, 3 was given; leave it out",
            ),
            (
                Shape::Circular.check(1).unwrap_err().to_string(),
                "1 nodes cannot form a network; choose from 2 to 1024 nodes",
            ),
            (random(3, 1025), "1025 nodes cannot form a network; choose from 2 to 1024 nodes"),
            (random(0, 16), "with degree 0 no node has a neighbour; choose a degree from 2 to 15"),
            (random(0, 2), "with degree 0 no node has a neighbour; choose a degree from 1 to 1"),
            (random(1, 4), "with degree 1 the 4 nodes form separate pairs; choose a degree from 2 to 3, or 2 nodes"),
            (
                random(16, 16),
                "each of 16 nodes has only 15 others, so degree 16 is too large; choose a degree of at most 15, or at least 17 nodes",
            ),
            (
                random(4000, 16),
                "each of 16 nodes has only 15 others, so degree 4000 is too large; choose a degree of at most 15",
            ),
            (random(3, 15), "nodes x degree must be even, 15 x 3 is odd; choose degree 2, 4 or 16 nodes"),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn without_a_degree_every_number_of_nodes_can_be_had() {
        for nodes in NODES_MIN..=NODES_MAX {
            assert_eq!(Shape::random(nodes).check(nodes), Ok(()), "{nodes}");
        }
        let degree = |nodes| match Shape::random(nodes) {
            Shape::Random { degree } => degree,
            other => panic!("{other}"),
        };
        assert_eq!([2, 3, 4, 5, 7, 15, 16, 25].map(degree), [1, 2, 3, 4, 4, 4, 3, 4]);
    }

    #[test]
    fn the_way_out_works() {
        for nodes in NODES_MIN..=NODES_MAX {
            for degree in [0, 1, 2, 3, nodes - 1, nodes, nodes + 1, u32::MAX] {
                match (Shape::Random { degree }).check(nodes) {
                    Ok(()) => assert!(degree < nodes && nodes * degree % 2 == 0),
                    Err(ShapeError::Anomalies { .. }) => {
                        assert_eq!(Shape::Random { degree: degree - 1 }.check(nodes), Ok(()));
                        let more = Shape::Random { degree: degree + 1 };
                        assert_eq!(more.check(nodes).is_ok(), even(degree, nodes).contains(','));
                        assert_eq!(Shape::Random { degree }.check(nodes + 1), Ok(()));
                    }
                    Err(ShapeError::DegreeTooLarge { .. }) => {
                        assert_eq!(Shape::Random { degree: nodes - 1 }.check(nodes), Ok(()));
                        assert!(degree >= NODES_MAX || Shape::Random { degree }.check(degree + 1).is_ok());
                    }
                    Err(ShapeError::DegreeZero { .. } | ShapeError::DegreeOne { .. }) => assert!(degree < 2),
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
}
