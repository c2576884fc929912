//! One message as a page of a fetch returns it: whole, or as many of its paths as fit.

use super::entry::{Entry, encoded_len};
use crate::core::{
    id::MessageId,
    message::Payload,
    request::{Cursor, Fetched},
};

/// Bytes that a page counts for a message beside its payload and paths: the fields of its entry, encoded, at most.
const ENTRY_LEN: usize = 192;

/// The part of `entry` that fits into `room`, what it takes, and where the rest begins. Nothing fits: `None`,
/// unless the page is empty; then the payload and at least one path go, so that each page gets further.
pub(super) fn fetched(
    entry: &Entry,
    id: MessageId,
    from: Cursor,
    room: usize,
    is_first: bool,
) -> (Option<Fetched>, usize, Option<Cursor>) {
    let continued = from.paths > 0;
    let payload = if continued { Payload::from(&[][..]) } else { entry.payload.clone() };
    let mut cost = ENTRY_LEN + id.origin.as_str().len() + payload.len();
    if cost > room && !is_first {
        return (None, 0, None);
    }
    let all = entry.traced.as_ref().map_or(&[][..], |traced| &traced.paths);
    let mut paths = Vec::new();
    let mut rest = None;
    for (index, path) in all.iter().enumerate().skip(usize::try_from(from.paths).unwrap_or(usize::MAX)) {
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
        published_at: entry.published_at,
        received_at: entry.received_at,
        unread: !entry.read,
        continued,
        paths,
        payload,
    };
    (Some(fetched), cost, rest)
}
