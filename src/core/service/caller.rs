//! Whoever asks, as far as its reply needs to know.

use crate::core::{event::ReturnAddress, request::RequestId};

/// A client with one request that is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The address of the reply.
    pub address: ReturnAddress,
    /// The client's name for its request.
    pub id: RequestId,
}

impl Caller {
    /// The connection that the request came by: bounds on clients count by it.
    pub fn connection(&self) -> &[u8] {
        self.address.connection()
    }

    /// Says whether `self` and `other` are one request, asked twice. Only unique ids show that.
    pub fn repeats(&self, other: &Self) -> bool {
        matches!(self.id, RequestId::Unique(_)) && self.id == other.id
    }
}
