//! Frames and answers that nodes send: counted, observed, and handed to the wires.

use super::Cluster;
use crate::{
    core::{
        event::{Input, LinkId},
        frame::{Answer, Chunk, Frame},
        id::NodeId,
    },
    sim::{
        host::index_of,
        links::{
            Transit,
            lengths::{answer_len, frame_len},
        },
        observation::Observation,
        traffic::Kind,
    },
};

impl Cluster {
    pub(super) fn send(&mut self, host: usize, links: Vec<LinkId>, frame: Frame) {
        let (kind, bytes) = (Kind::of(&frame), frame_len(&frame));
        self.count(host, kind, links.len(), bytes);
        for observation in observed(&frame, links.len(), bytes) {
            self.hosts[host].has_asked |= matches!(observation, Observation::Asked(_));
            self.timeline.observe(host, observation);
        }
        let Some((&last, others)) = links.split_last() else { return };
        for &link in others {
            self.send_one(host, link, frame.clone(), kind, bytes);
        }
        self.send_one(host, last, frame, kind, bytes);
    }

    fn send_one(&mut self, host: usize, link: LinkId, frame: Frame, kind: Kind, bytes: usize) {
        let from = self.name(host).clone().into();
        let transit = Transit { input: Input::Arrived { from, frame }, kind, bytes };
        let sent = self.wires.send(&mut self.timeline, host, link, transit);
        if self.relays_at_once {
            self.current.targets.extend(sent.target);
        }
        self.after.extend(sent.unsent.map(|why| Input::Unsent { link, why }));
    }

    pub(super) fn answer(&mut self, host: usize, to: &NodeId, answer: Answer) -> bool {
        let (kind, bytes) = (Kind::of_answer(&answer), answer_len(&answer));
        self.count(host, kind, 1, bytes);
        let to = index_of(to);
        to.is_some_and(|to| self.wires.answer(&mut self.timeline, host, to, answer, (kind, bytes)))
    }

    /// Counts frames that are sent.
    fn count(&mut self, host: usize, kind: Kind, frames: usize, bytes: usize) {
        self.counts.traffic[usize::from(self.is_idle)].add(kind, frames, bytes);
        self.hosts[host].frames += frames as u64;
        if kind.is_news() && frames > 0 {
            self.last_news = Some((self.timeline.now, self.wires.named(host), kind));
            if kind != Kind::Payload {
                self.timeline.observe(host, Observation::Told { bytes: frames * bytes });
            }
        }
    }
}

/// Observations of a frame that goes over `links` links: one for each message in it.
fn observed(frame: &Frame, links: usize, bytes: usize) -> Vec<Observation> {
    let (batch, bytes) = match frame {
        Frame::Message(batch) => (batch, bytes),
        Frame::Chunk(Chunk { head: Some(head), length, .. }) => match &**head {
            Frame::Message(batch) => (batch, bytes + *length as usize),
            _ => return Vec::new(),
        },
        Frame::Pull { streams, .. } => return vec![Observation::Asked(streams.clone())],
        Frame::Path(copy) => {
            let path = Some(copy.trace.path.clone());
            return vec![Observation::Sent { id: copy.id.clone(), path, has_payload: false, links, bytes }];
        }
        _ => return Vec::new(),
    };
    let (first, last) = batch.range();
    let (bytes, stream) = (bytes / batch.body.count() as usize, batch.id.stream());
    let sent = |sequence| {
        let path = batch.trace.as_ref().map(|trace| trace.path.clone());
        Observation::Sent { id: stream.message(sequence), path, has_payload: true, links, bytes }
    };
    (first..=last).map(sent).collect()
}
