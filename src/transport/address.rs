//! Addresses of replies: the frames that came before the empty one, packed into a [`ReturnAddress`]. Each is
//! preceded by its length (16 bits, big-endian).

use crate::core::event::ReturnAddress;

/// Longest envelope in bytes, lengths included: a routing id has at most 255, a correlation 4, and each proxy
/// on the way adds a routing id.
pub const ENVELOPE_LEN_MAX: usize = 4096;

/// Packs an envelope, routing id first. `None` if it is empty or longer than [`ENVELOPE_LEN_MAX`].
pub fn pack<F: AsRef<[u8]>>(frames: &[F]) -> Option<ReturnAddress> {
    let len: usize = frames.iter().map(|frame| 2 + frame.as_ref().len()).sum();
    if frames.is_empty() || len > ENVELOPE_LEN_MAX {
        return None;
    }
    let mut packed = Vec::with_capacity(len);
    for frame in frames.iter().map(F::as_ref) {
        packed.extend(u16::try_from(frame.len()).ok()?.to_be_bytes());
        packed.extend(frame);
    }
    Some(ReturnAddress(packed.into()))
}

/// The frames of a packed envelope. Ends early at bytes that [`pack`] did not write.
pub fn unpack(address: &ReturnAddress) -> impl Iterator<Item = &[u8]> + Clone {
    let mut rest = &*address.0;
    std::iter::from_fn(move || {
        let (len, tail) = rest.split_first_chunk::<2>()?;
        let (frame, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        rest = tail;
        Some(frame)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_survive() {
        for frames in [vec![&b"id"[..]], vec![b"id", &[7; 4]], vec![b"", &[1; 1000], b"x"]] {
            let address = pack(&frames).unwrap();
            assert_eq!(unpack(&address).collect::<Vec<_>>(), frames);
        }
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        assert_eq!(pack::<&[u8]>(&[]), None);
        assert_eq!(pack(&[[0; ENVELOPE_LEN_MAX]]), None);
        for bytes in [&[][..], &[0], &[0, 3, 1, 2]] {
            assert_eq!(unpack(&ReturnAddress(bytes.into())).count(), 0);
        }
    }
}
