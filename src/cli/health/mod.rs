//! Health of a whole network: what all its nodes say is asked for at once, and judged together. The commands `status`,
//! `audit` and `plot`, and what they stand on.

pub mod audit;
pub mod live;
pub mod message_id;
pub mod node_health;
pub mod plot;
pub mod report;
pub mod status;
pub mod survey;
pub mod wording;
