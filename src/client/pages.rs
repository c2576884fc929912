//! Reading an inbox page by page, so that neither side ever holds more than one of them.

use super::{connection::Client, error::ClientError};
use crate::{
    core::{
        id::NodeId,
        request::{Cursor, Fetch, Page, Reply, Request, Status},
    },
    wire::Response,
};

/// The messages that a node held when the first page was asked for.
///
/// Pages are marked as read with [`mark_shown`](Self::mark_shown), after they were shown: what a lost reply or an
/// interrupted reader did not show stays unread.
pub struct Pages<'c> {
    client: &'c mut Client,
    node: Option<NodeId>,
    status: Status,
    limit: u64,
    next: Option<Cursor>,
    through: Option<u64>,
    /// First and last position of the pages since the last mark.
    shown: Option<(u64, u64)>,
}

impl<'c> Pages<'c> {
    /// The messages that a node holds by now, at most `limit` of them.
    pub fn new(client: &'c mut Client, status: Status, limit: u64) -> Self {
        Self { client, node: None, status, limit, next: Some(Cursor::default()), through: None, shown: None }
    }

    /// The next page; `None` after the last.
    pub fn next_page(&mut self) -> Result<Option<Page>, ClientError> {
        let Some(from) = self.next else { return Ok(None) };
        // The rest of a message that was counted already comes on top of the limit.
        let limit = self.limit.saturating_add(u64::from(from.paths > 0));
        let fetch = Fetch { status: self.status, from, through: self.through, limit, mark: false };
        let Response { node, reply, .. } = self.client.call(&Request::Fetch(fetch))?;
        let page = match reply {
            Reply::Page(page) => page,
            other => return Err(self.client.unexpected(&other)),
        };
        self.node = Some(node);
        self.through = Some(page.through);
        if let Some((first, last)) = page.span() {
            let first = self.shown.map_or(first, |(shown, _)| shown);
            self.shown = Some((first, last));
        }
        // A message whose paths go on has been counted by the page that began it.
        let whole = page.messages.iter().filter(|message| !message.continued).count();
        self.limit -= (whole as u64).min(self.limit);
        let goes_on = page.next.is_some_and(|next| next.paths > 0);
        self.next = page.next.filter(|_| self.limit > 0 || goes_on);
        Ok(Some(page))
    }

    /// The node that the pages come from; `None` before the first.
    pub fn node(&self) -> Option<&NodeId> {
        self.node.as_ref()
    }

    /// Marks the messages of all pages so far as read; a fetch of what was read before marks nothing.
    pub fn mark_shown(&mut self) -> Result<(), ClientError> {
        match self.shown.take() {
            Some((first, last)) if self.status != Status::Read => {
                self.client.tell(&Request::Mark { first, last }).map(drop)
            }
            _ => Ok(()),
        }
    }
}
