//! Frames that nodes send each other over their links, and the answers; without pieces, which hold a header themselves. Spec
//! sections 5 and 6.

use crate::{
    core::{
        batch::{Batch, Body},
        frame::{self, Answer, Beacon, Frame, Hashes, Introduction, PathCopy, Walk},
        id::{Incarnation, MessageId},
        message::Payload,
        time::Wall,
    },
    wire::{
        array::{Fields, List, Nullable, One},
        error::DecodeError,
        fields::{Id, MemberFields, TraceFields, WalkHop},
        streams::{AnnouncementFields, SeenFields},
        types,
    },
};
use serde::de::SeqAccess;

pub(super) fn decode_frame<'de, A: SeqAccess<'de>, T: AsRef<[u8]>>(
    kind: u64,
    fields: &mut Fields<'_, '_, A>,
    body: &[T],
) -> Result<Frame, A::Error> {
    match kind {
        types::HELLO => {
            let hello = fields.introduction()?;
            let priority = types::priority_of(fields.optional(0)?);
            Ok(Frame::Hello(Introduction { payload_len_max: fields.optional(None)?, ..hello }, priority))
        }
        types::MESSAGE => {
            let (id, published_at, hops) = copy(fields)?;
            let trace = fields.seeded_or(Nullable(One::<TraceFields>::NEW), None)?;
            let tree = fields.optional_node("tree")?;
            let count = fields.count()?;
            let body = Body::new(payload(body), count, fields.trailing()?);
            Ok(Frame::Message(Batch { id, published_at, hops, trace, tree, body }))
        }
        types::LEAVE => Ok(Frame::Leave),
        types::PING => {
            let (token, seen) = (fields.required("token")?, fields.optional(None)?);
            let given_up = fields.optional(0)?;
            Ok(Frame::Ping { token, digest: seen.map(|seen| Hashes { seen, given_up }) })
        }
        types::IHAVE => {
            let announcements = List::<AnnouncementFields>::up_to(frame::STREAMS_MAX);
            fields.seeded("announcements", announcements).map(Frame::Have)
        }
        types::PATH => {
            let (id, published_at, hops) = copy(fields)?;
            let trace = fields.seeded("trace", One::<TraceFields>::NEW)?;
            Ok(Frame::Path(PathCopy { id, published_at, hops, trace }))
        }
        types::PRUNE => fields.node("origin").map(Frame::Prune),
        types::GRAFT => fields.node("origin").map(Frame::Graft),
        types::DIGEST => {
            let streams = fields.streams()?;
            let given_up = fields.streams_or_none()?;
            Ok(Frame::Digest { streams, given_up, spans: fields.spans_or_none()? })
        }
        types::PULL => Ok(Frame::Pull { streams: fields.streams()?, spans: fields.spans_or_none()? }),
        types::NEIGHBOURS => {
            fields.seeded("members", List::<MemberFields>::up_to(frame::MEMBERS_MAX)).map(Frame::Neighbours)
        }
        types::PART => fields.required("reason").map(|reason| Frame::Part(types::disconnect_reason_of(reason))),
        types::BEACON => {
            let root = fields.node("root")?;
            let incarnation = Incarnation(fields.required("incarnation")?);
            let beat = fields.required("beat")?;
            Ok(Frame::Beacon(Beacon { root, incarnation, beat, hops: hops(fields)? }))
        }
        types::WALK => walk(fields).map(Frame::Walk),
        found => Err(fields.scope.fail(DecodeError::UnknownType { found })),
    }
}

pub(super) fn decode_answer<'de, A: SeqAccess<'de>>(
    kind: u64,
    fields: &mut Fields<'_, '_, A>,
) -> Result<Answer, A::Error> {
    match kind {
        types::WELCOME => {
            let welcome = fields.introduction()?;
            let seen = fields.seeded_or(Nullable(One::<SeenFields>::NEW), None)?;
            Ok(Answer::Welcome(Introduction { payload_len_max: fields.optional(None)?, ..welcome }, seen))
        }
        types::FAREWELL => Ok(Answer::Farewell),
        types::PONG => fields.required("token").map(Answer::Pong),
        types::LOST => fields.streams().map(Answer::Lost),
        types::REFUSE => {
            let code = fields.text("code", types::CODE_LEN_MAX)?;
            let text = fields.text("text", types::TEXT_LEN_MAX)?;
            Ok(Answer::Refuse { code, text })
        }
        found => Err(fields.scope.fail(DecodeError::UnknownType { found })),
    }
}

/// Fields that MESSAGE and PATH begin with: id, time and hops.
fn copy<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<(MessageId, Wall, u32), A::Error> {
    let id = fields.seeded("id", One::<Id>::NEW)?;
    let published_at = Wall(fields.required("published_at")?);
    Ok((id, published_at, hops(fields)?))
}

/// A number of links, as far as anybody counts.
fn hops<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<u32, A::Error> {
    let hops: u64 = fields.required("hops")?;
    Ok(u32::try_from(hops).unwrap_or(u32::MAX))
}

fn walk<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Walk, A::Error> {
    let kind = types::walk_kind_of(fields.required("kind")?);
    let kind = fields.value("kind", kind.ok_or("is no kind of walk that is known here"))?;
    let steps: u64 = fields.required("steps")?;
    let few = u8::try_from(steps).ok().filter(|&steps| steps <= types::STEPS_MAX);
    let steps = fields.value("steps", few.ok_or("are more than a walk may have"))?;
    let path = fields.seeded("path", List::<WalkHop>::up_to(frame::WALK_PATH_LEN_MAX))?;
    let members = fields.seeded("members", List::<MemberFields>::up_to(frame::MEMBERS_MAX))?;
    Ok(Walk { kind, steps, path, members })
}

/// The payload frame; a missing one is found when the frames are counted.
pub(super) fn payload<T: AsRef<[u8]>>(body: &[T]) -> Payload {
    Payload::from(body.first().map_or(&[][..], AsRef::as_ref))
}
