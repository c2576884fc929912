//! Connections as sockets see them: opened by one node, used by both, up or not, with a bound on what may be under way.

pub(super) mod lengths;

use super::{
    network::{Network, transmission},
    traffic::Kind,
};
use crate::core::{
    event::{Dial, Input, LinkId},
    frame::Frame,
    id::MessageId,
    time::Mono,
};
use std::time::Duration;

/// First pause between two attempts to connect, and the longest; each is twice the one before.
const RECONNECT: Duration = Duration::from_millis(10);
const RECONNECT_MAX: Duration = Duration::from_secs(1);

/// Content of a connection: a frame on the way there, an answer on the way back.
#[derive(Debug)]
pub(super) struct Transit {
    pub(super) input: Input,
    pub(super) kind: Kind,
    pub(super) bytes: usize,
}

impl Transit {
    /// The message that it carries, if it does.
    pub(super) fn message(&self) -> Option<&MessageId> {
        match &self.input {
            Input::Arrived { frame: Frame::Message(message), .. } => Some(&message.id),
            _ => None,
        }
    }
}

/// Which way something crosses a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the node that opened it.
    There,
    /// To that node.
    Back,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// Time at which the last frame will have been put on the link.
    free_at: Mono,
    /// Time at which the last frame arrives.
    last: Mono,
    /// Sent and not yet taken by the far end.
    pub(super) bytes: usize,
    /// Set if frames that are sent into it are lost, and nobody is told.
    pub(super) is_mute: bool,
    /// Stopped by a cut, to arrive when it ends.
    pub(super) held: Vec<Transit>,
}

/// Reason why something could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsent {
    Full,
    NotConnected,
}

/// A connection: one DEALER of one node at the ROUTER of another.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) dialer: usize,
    pub(super) link: LinkId,
    pub(super) target: usize,
    pub(super) latency: u64,
    pub(super) is_up: bool,
    /// The dialer has closed it, or is gone: what is under way there still arrives, nothing comes back.
    pub(super) is_closed: bool,
    /// Raised whenever it breaks: what was under way before is lost.
    pub(super) epoch: u32,
    /// The life of the target that it leads to.
    pub(super) target_life: u32,
    /// The dialer wants to hear when frames can be sent.
    pub(super) wants_writable: bool,
    pub(super) dial: Dial,
    /// Bytes a second, each way.
    pub(super) bandwidth: Option<u64>,
    /// Another has its name at the ROUTER: it stands, and what is sent into it stays there.
    pub(super) is_jammed: bool,
    pause: Duration,
    pub(super) there: Pipe,
    pub(super) back: Pipe,
}

impl Connection {
    pub(super) fn new(
        (dialer, link): (usize, LinkId),
        target: usize,
        (latency, bandwidth): (u64, Option<u64>),
        dial: Dial,
    ) -> Self {
        let (there, back) = (Pipe::default(), Pipe::default());
        let (is_up, is_closed, is_jammed, wants_writable) = (false, false, false, true);
        let (epoch, target_life, pause) = (0, 0, RECONNECT);
        Self {
            dialer,
            link,
            target,
            latency,
            is_up,
            is_closed,
            epoch,
            target_life,
            wants_writable,
            dial,
            bandwidth,
            is_jammed,
            pause,
            there,
            back,
        }
    }

    pub(super) fn pipe(&mut self, way: Direction) -> &mut Pipe {
        match way {
            Direction::There => &mut self.there,
            Direction::Back => &mut self.back,
        }
    }

    /// Sender and receiver on one way.
    pub(super) fn ends(&self, way: Direction) -> (usize, usize) {
        match way {
            Direction::There => (self.dialer, self.target),
            Direction::Back => (self.target, self.dialer),
        }
    }

    /// Time that connecting takes: two round trips, TCP's and ZeroMQ's.
    pub(super) fn dialling(&self) -> Duration {
        Duration::from_nanos(4 * self.latency)
    }

    /// Pause before the next attempt.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (2 * pause).min(RECONNECT_MAX);
        pause
    }

    /// The connection is made.
    pub(super) fn establish(&mut self, target_life: u32) {
        (self.is_up, self.is_jammed, self.target_life, self.pause) = (true, false, target_life, RECONNECT);
        (self.there, self.back) = (Pipe::default(), Pipe::default());
    }

    /// The connection is gone; gives what a cut had held back.
    pub(super) fn shut(&mut self) -> impl Iterator<Item = Transit> + use<> {
        self.is_up = false;
        self.epoch += 1;
        let [there, back] = [&mut self.there, &mut self.back].map(|pipe| std::mem::take(&mut pipe.held));
        there.into_iter().chain(back)
    }

    /// Puts a frame on its way and says when it arrives.
    pub(super) fn admit(
        &mut self,
        now: Mono,
        way: Direction,
        bytes: usize,
        network: &mut Network,
    ) -> Result<Mono, Unsent> {
        if !self.is_up || (way == Direction::Back && self.is_closed) {
            return Err(Unsent::NotConnected);
        }
        let latency = network.draw(self.latency);
        let (model, bandwidth, pipe) = (&network.model, self.bandwidth, self.pipe(way));
        // A frame larger than the bound goes alone, or it could never go.
        if pipe.bytes > 0 && pipe.bytes + bytes > model.queue {
            return Err(Unsent::Full);
        }
        pipe.bytes += bytes;
        pipe.free_at = Mono(pipe.free_at.max(now).0.saturating_add(transmission(bandwidth, bytes)));
        let arrival = Mono(pipe.free_at.0.saturating_add(latency));
        pipe.last = if model.order { pipe.last.max(arrival) } else { arrival };
        Ok(pipe.last)
    }

    /// A frame that was held back goes on; says when it arrives.
    pub(super) fn release(&mut self, now: Mono, way: Direction) -> Mono {
        let latency = self.latency;
        let pipe = self.pipe(way);
        pipe.last = pipe.last.max(Mono(now.0 + latency));
        pipe.last
    }
}
