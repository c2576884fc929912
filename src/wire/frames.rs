//! One multipart message, its envelope split off. Spec section 3.1.

use super::error::DecodeError;

/// The parts of a multipart message: `T` is whatever holds the bytes of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames<'a, T> {
    /// Envelope of ROUTER and REQ before the empty frame: goes back unchanged with the reply.
    pub envelope: &'a [T],
    /// The header's bytes.
    pub header: &'a [u8],
    /// The payload frames.
    pub body: &'a [T],
}

impl<'a, T: AsRef<[u8]>> Frames<'a, T> {
    /// Splits at the first empty frame, however long the envelope is.
    pub fn split(parts: &'a [T]) -> Result<Self, DecodeError> {
        let refused = || DecodeError::Envelope { parts: parts.len() };
        let empty = parts.iter().position(|part| part.as_ref().is_empty()).ok_or_else(refused)?;
        let header = parts.get(empty + 1).ok_or_else(refused)?.as_ref();
        Ok(Self { envelope: &parts[..empty], header, body: &parts[empty + 2..] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_ends_at_the_first_empty_frame() {
        let parts: [&[u8]; 6] = [b"route", b"corr", b"", b"head", b"", b"more"];
        let frames = Frames::split(&parts).unwrap();
        assert_eq!((frames.envelope.len(), frames.header, frames.body.len()), (2, &b"head"[..], 2));
    }

    #[test]
    fn no_empty_frame_or_no_header_is_an_error() {
        let none: [&[u8]; 2] = [b"route", b"head"];
        assert_eq!(Frames::split(&none), Err(DecodeError::Envelope { parts: 2 }));
        let last: [&[u8]; 2] = [b"route", b""];
        assert_eq!(Frames::split(&last), Err(DecodeError::Envelope { parts: 2 }));
    }
}
