//! Graphs: the declared links of a network, made from a named shape and a seed.
//!
//! [`generate::generate`] makes a [`Graph`], [`metrics::Metrics`] measures one,
//! [`resilience`] says how far it is from falling apart.

pub mod change;
pub mod generate;
pub mod graph;
pub mod metrics;
pub mod resilience;
pub mod shape;

pub use change::{BoundsError, DegreeBounds};
pub use generate::{generate, generate_within};
pub use graph::{Graph, GraphError};
pub use metrics::Metrics;
pub use resilience::{Margin, WeakPoints};
pub use shape::{Shape, ShapeError};
