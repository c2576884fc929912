//! Outgoing frames whose bytes are shared between several sends and never copied, and the one way in which
//! any socket of this room sends a message.

use super::{budget::Share, error::Errno, raw::Socket};
use crate::core::message::Payload;
use std::sync::Arc;

/// Frames up to this many bytes are copied: measured over sender and I/O thread together, a copy of 128 bytes
/// costs less than sharing them (which allocates too, and frees on the other thread), one of 256 costs more.
/// The last frame of a message is never copied, however short: it carries the message's [`Share`].
const COPY_LEN_MAX: usize = 128;

/// The bytes of one frame, encoded once and handed to libzmq any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFrame(pub(super) Arc<[u8]>);

impl From<Payload> for SharedFrame {
    fn from(payload: Payload) -> Self {
        Self(payload.into())
    }
}

impl From<Vec<u8>> for SharedFrame {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&[u8]> for SharedFrame {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl AsRef<[u8]> for SharedFrame {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Sends the frames of `envelope`, then `head`, then `last` as one message, all or nothing, without waiting.
/// The share is given back when libzmq lets go of `last`.
pub(super) fn send_message<'a>(
    socket: &mut Socket,
    envelope: impl Iterator<Item = &'a [u8]>,
    head: &[SharedFrame],
    last: &SharedFrame,
    share: Share,
) -> Result<(), Errno> {
    let mut outcome = Ok(());
    let mut is_first = true;
    let mut note = |sent: Result<(), Errno>| {
        // The first frame decides. A later one fails only when the connection goes away in between: libzmq
        // then throws away all frames of this message, and must be given them all to know where it ends.
        let refused = is_first && sent.is_err();
        outcome = outcome.and(sent);
        is_first = false;
        refused
    };
    for bytes in envelope {
        if note(socket.send_copy(bytes, true)) {
            return outcome;
        }
    }
    for frame in head {
        let sent = match frame.0.len() {
            0..=COPY_LEN_MAX => socket.send_copy(&frame.0, true),
            _ => socket.send_shared(&frame.0, None, true),
        };
        if note(sent) {
            return outcome;
        }
    }
    note(socket.send_shared(&last.0, Some(share), false));
    outcome
}
