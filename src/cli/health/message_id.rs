//! Ids of messages, as they are typed.

use crate::core::id::{Incarnation, MessageId, NodeId};

/// Reads an id as it is written for people: `4-1795437901-17`.
pub fn parse(text: &str) -> Result<MessageId, String> {
    let mut parts = text.rsplitn(3, '-');
    let (sequence, incarnation) = (parts.next(), parts.next());
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<u64>().ok());
    let origin = parts.next().and_then(|origin| NodeId::new(origin).ok());
    match (origin, number(incarnation), number(sequence)) {
        (Some(origin), Some(incarnation), Some(sequence)) => {
            Ok(MessageId { origin, incarnation: Incarnation(incarnation), sequence })
        }
        _ => Err("not a message id; give one as printed by 'send-message --json' or 'get-messages --json', \
                  such as 4-1795437901-17"
            .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        for text in ["4-1795437901-17", "köln-3-east-5-1"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        for text in ["", "4", "4-5", "-5-1", "4-x-1", "4-5-", "a b-5-1"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
