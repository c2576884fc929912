//! One message as a page of a fetch returns it: whole, or as many of its paths as fit.

use super::entry::{Entry, encoded_len};
use crate::core::{
    id::MessageId,
    request::{Cursor, Fetched},
};

/// Bytes that a page counts for a message beside its payload and paths: the fields of its entry, encoded, at most.
const ENTRY_LEN: usize = 192;

/// One message of an entry.
pub(super) struct Part<'a> {
    pub(super) id: MessageId,
    pub(super) payload: &'a [u8],
    pub(super) unread: bool,
}

/// The part of a message of `entry` that fits into `room`, what it takes, and where the rest begins. Nothing fits: `None`,
/// unless the page is empty; then the payload and at least one path go, so that each page gets further.
pub(super) fn fetched(
    entry: &Entry,
    message: Part<'_>,
    from: Cursor,
    room: usize,
    is_first: bool,
) -> (Option<Fetched>, usize, Option<Cursor>) {
    let Part { id, payload, unread } = message;
    let continued = from.paths > 0;
    let payload = if continued { &[] } else { payload };
    let mut cost = ENTRY_LEN + id.origin.as_str().len() + payload.len();
    if cost > room && !is_first {
        return (None, 0, None);
    }
    let mut paths = Vec::new();
    let mut rest = None;
    for (index, path) in entry.paths().iter().enumerate().skip(usize::try_from(from.paths).unwrap_or(usize::MAX)) {
        let path_len = encoded_len(path);
        if cost + path_len > room && !(is_first && paths.is_empty()) {
            rest = Some(Cursor { position: from.position, paths: index as u64 });
            break;
        }
        cost += path_len;
        paths.push(path.clone());
    }
    if paths.is_empty() && rest.is_some() {
        return (None, 0, None);
    }
    let fetched = Fetched {
        position: from.position,
        id,
        published_at: entry.published_at(),
        received_at: entry.received_at(),
        unread,
        continued,
        paths,
        payload: payload.into(),
    };
    (Some(fetched), cost, rest)
}
