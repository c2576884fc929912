//! Records as frames: round trips, and what stands together.

use super::*;
use crate::store::segment::records::{Read, Reader, cut, encode};

#[test]
fn records_are_read_as_they_were_written() {
    let mut rng = Rng::new(5);
    for place in 1..2000 {
        let records: Vec<_> = turn(&mut rng, place).into_iter().map(|(_, record)| record).collect();
        let (key, bodies) = encode(records.iter());
        let body = bodies.iter().flat_map(|body| body.iter().copied()).collect::<Vec<_>>();
        let (count, last) = (records.len() as u32, place + records.len() as u64 - 1);
        let read = Reader::default().records(last, count, &key, Some(&body)).unwrap();
        let expected = (place..).map(LogSeq).zip(records.iter().cloned().map(Read::Sound)).collect::<Vec<_>>();
        assert_eq!(read, expected);
        // Without its bytes a batch is known by name.
        let read = Reader::default().records(last, count, &key, None).unwrap();
        for ((_, read), record) in read.iter().zip(&records) {
            match (read, record) {
                (Read::Bodiless(found, range), Record::Received { batch, first, last, .. }) => {
                    assert_eq!((&found.id, *range), (&batch.id, (*first, *last)));
                }
                (Read::Sound(read), record) => assert_eq!(read, record),
                _ => panic!("{read:?}"),
            }
        }
        assert!(Reader::default().records(last, count + 1, &key, Some(&body)).is_none());
        assert!(Reader::default().records(last, count, &key[..key.len() - 1], Some(&body)).is_none());
    }
}

#[test]
fn bodies_go_to_the_disk_as_they_are() {
    let body = payload(1000);
    let record = message(1, body.clone());
    let (_, bodies) = encode([&record].into_iter());
    assert_eq!(bodies[0].as_ptr(), body.as_ptr());
}

#[test]
fn messages_and_their_receipts_stand_together() {
    let mut rng = Rng::new(1);
    let receipt = |sequence| {
        let StreamId { origin, incarnation } = stream(1);
        let message = MessageId { origin, incarnation, sequence };
        Record::Receipt { client: [].into(), request: [1].into(), message, count: 1 }
    };
    let mark = || Record::Marked { first: 1, last: 1 };
    let cuts = |records: Vec<Record>| cut(&(1..).map(LogSeq).zip(records).collect::<Vec<_>>());
    let mut message = |origin, sequence| received(&mut rng, origin, sequence);
    assert_eq!(cuts(vec![message(2, 10), message(2, 20), mark()]), [1, 1, 1]);
    assert_eq!(cuts(vec![message(2, 10), message(1, 20), mark(), receipt(20), mark()]), [1, 3, 1]);
    assert_eq!(cuts(vec![message(1, 10), message(1, 20), receipt(10), receipt(20), mark()]), [4, 1]);
    assert_eq!(cuts(vec![message(1, 10), message(1, 20), receipt(20), receipt(20), receipt(10)]), [5]);
    assert_eq!(cuts(vec![receipt(20), message(1, 20), mark()]), [1, 1, 1]);
    assert_eq!(cuts(vec![]), [0; 0]);
    let gap = [(LogSeq(1), message(1, 20)), (LogSeq(3), receipt(20))];
    assert_eq!(cut(&gap), [1, 1], "places of a frame have no gap");
}
