//! Two nodes that watch each other over a network that loses frames, and stand still now and then, for a thousand hours.

use super::*;
use rand_pcg::{
    Pcg64Mcg,
    rand_core::{Rng, SeedableRng},
};
use std::collections::VecDeque;

const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLI;

/// A frame between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Ping,
    Pong,
}

/// One of the two.
struct End {
    life: Liveness,
    health: LocalHealth,
    /// It does nothing until then.
    stalled_until: u64,
    next_stall: u64,
    dies_at: u64,
    /// Frames on the way to it, by the time of their arrival.
    inbox: VecDeque<(u64, Frame)>,
    pings: u64,
    suspected_at: Option<u64>,
    down_at: Option<u64>,
    suspicions: u64,
}

impl End {
    fn new(timing: &Timing) -> Self {
        Self {
            life: Liveness::new(Mono(0), timing),
            health: LocalHealth::default(),
            stalled_until: 0,
            next_stall: u64::MAX,
            dies_at: u64::MAX,
            inbox: VecDeque::new(),
            pings: 0,
            suspected_at: None,
            down_at: None,
            suspicions: 0,
        }
    }

    /// The time at which it does something next.
    fn next(&self) -> u64 {
        let timer = self.life.deadline().map_or(u64::MAX, |at| at.0);
        let arrival = self.inbox.front().map_or(u64::MAX, |&(at, _)| at);
        let at = timer.min(arrival).max(self.stalled_until).min(self.next_stall.max(self.stalled_until));
        if at >= self.dies_at { u64::MAX } else { at }
    }
}

struct Pair {
    timing: Timing,
    ends: [End; 2],
    random: Pcg64Mcg,
    now: u64,
    /// Of 1,000 frames.
    loss: u64,
    stalls: bool,
}

impl Pair {
    fn new(timing: Timing, seed: u64, loss: u64, stalls: bool) -> Self {
        let random = Pcg64Mcg::seed_from_u64(seed);
        let mut pair = Self { ends: [(); 2].map(|()| End::new(&timing)), timing, random, now: 0, loss, stalls };
        (0..2).for_each(|end| pair.schedule_stall(end));
        pair
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    fn schedule_stall(&mut self, end: usize) {
        if self.stalls {
            let pause = 3 * SECOND + self.below(20 * SECOND);
            self.ends[end].next_stall = self.now + pause;
        }
    }

    fn send(&mut self, to: usize, frame: Frame) {
        let at = self.now + MILLI + self.below(10 * MILLI);
        if self.below(1_000) >= self.loss {
            let at = self.ends[to].inbox.back().map_or(at, |&(last, _)| at.max(last));
            self.ends[to].inbox.push_back((at, frame));
        }
    }

    /// Lets all that is due until `end` happen.
    fn run(&mut self, end: u64) {
        while let Some(who) = (0..2).min_by_key(|&who| self.ends[who].next()) {
            let at = self.ends[who].next();
            if at > end {
                break;
            }
            self.now = at.max(self.now);
            self.turn(who);
        }
        self.now = end;
    }

    fn turn(&mut self, who: usize) {
        let now = Mono(self.now);
        if self.ends[who].next_stall <= self.now {
            let length = self.below(2 * SECOND);
            self.ends[who].stalled_until = self.now + length;
            return self.schedule_stall(who);
        }
        let (timing, other) = (self.timing, 1 - who);
        // What arrived while it stood still is read before its timers run, or after them.
        let reads_first = self.below(2) == 0;
        let end = &mut self.ends[who];
        let is_due = end.life.deadline().is_some_and(|due| due <= now);
        if let Some((_, frame)) = end.inbox.pop_front_if(|(at, _)| *at <= now.0 && (reads_first || !is_due)) {
            end.life.heard(now, true, &timing);
            match frame {
                Frame::Ping => self.send(other, Frame::Pong),
                Frame::Pong => end.health.on_pong(),
            }
            return;
        }
        let Some(due) = end.life.deadline().filter(|&due| due <= now) else { return };
        if end.health.on_timer(now, due, &timing) {
            return end.life.forgive(now, &timing);
        }
        match end.life.step(now, end.health, &timing) {
            None => return,
            Some(SilenceAction::Probe) => {}
            Some(SilenceAction::Suspect) => {
                end.suspected_at = Some(now.0);
                end.suspicions += 1;
            }
            Some(SilenceAction::Down) => return end.down_at = Some(now.0),
        }
        end.pings += 1;
        self.send(other, Frame::Ping);
    }
}

#[test]
fn nobody_is_taken_for_dead_in_a_thousand_hours_of_loss_and_stalls() {
    let hours = 125 * 3_600 * SECOND;
    let mut suspicions = 0;
    for seed in 0..4 {
        let mut pair = Pair::new(Timing::LAN, seed, 20, true);
        pair.run(hours);
        for end in &pair.ends {
            assert_eq!(end.down_at, None, "seed {seed}");
            suspicions += end.suspicions;
            assert!(end.life.deadline().is_some_and(|at| at.0 + 3 * SECOND > pair.now), "it goes on watching");
        }
    }
    // Such stalls and losses do meet; what they lead to must be undone each time.
    assert!(suspicions > 0);
    let hasty = Timing { pings_missed_max: 1, suspicion: Duration::from_millis(500), ..Timing::LAN };
    let mut pair = Pair::new(hasty, 0, 20, true);
    pair.run(hours / 10);
    assert!(pair.ends.iter().any(|end| end.down_at.is_some()), "less patience would not do");
}

#[test]
fn silence_is_noticed_in_time_whatever_was_lost_before() {
    for timing in [Timing::LOCAL, Timing::LAN, Timing::WAN] {
        let interval = timing.ping_interval.as_nanos() as u64;
        for seed in 0..300 {
            let mut pair = Pair::new(timing, seed, 20, false);
            let death = 10 * interval + pair.below(2 * interval);
            pair.ends[1].dies_at = death;
            pair.run(death + 20 * interval);
            let watcher = &pair.ends[0];
            let probes = u64::from(timing.pings_missed_max);
            let suspected = watcher.suspected_at.unwrap();
            // A probe that was lost before the death makes it earlier, not later.
            let reaction = 30 * MILLI;
            assert!(suspected <= death + probes * interval + interval / 2 + reaction, "{suspected} {death}");
            let down = watcher.down_at.unwrap();
            let patience = timing.suspicion.as_nanos() as u64;
            assert_eq!(down, suspected + patience);
            if timing == Timing::LAN {
                assert!(suspected <= death + 3_500 * MILLI + reaction && down <= death + 6 * SECOND);
            }
        }
    }
}

#[test]
fn two_idle_nodes_probe_at_most_once_in_an_interval() {
    let mut pair = Pair::new(Timing::LAN, 1, 0, false);
    pair.run(3_600 * SECOND);
    let pings: Vec<_> = pair.ends.iter().map(|end| end.pings).collect();
    assert!(pings.iter().all(|&pings| pings <= 3_600) && pings.iter().sum::<u64>() >= 3_500, "{pings:?}");
}

#[test]
fn a_node_that_was_paused_calls_nobody_dead() {
    for pause in [3, 60, 3_600] {
        let timing = Timing::LAN;
        let (mut life, mut health) = (Liveness::new(Mono(0), &timing), LocalHealth::default());
        let due = life.deadline().unwrap();
        let now = due + Duration::from_secs(pause);
        assert!(health.on_timer(now, due, &timing));
        life.forgive(now, &timing);
        assert_eq!((life.step(now, health, &timing), life.state()), (None, MemberState::Up));
        assert_eq!(life.deadline(), Some(now + timing.ping_interval), "it listens as long as at the beginning");
    }
}

#[test]
fn a_node_that_is_late_again_and_again_is_slow_to_judge() {
    let timing = Timing::LAN;
    let time_to_down = |lateness: u32| {
        let (mut life, mut health) = (Liveness::new(Mono(0), &timing), LocalHealth::default());
        for _ in 0..lateness {
            health.on_timer(Mono(0) + Duration::from_secs(1), Mono(0), &timing);
        }
        while let Some(due) = life.deadline() {
            if life.step(due, health, &timing) == Some(SilenceAction::Down) {
                return Duration::from_nanos(due.0);
            }
        }
        unreachable!("a node that is down has no deadline");
    };
    let [well, ill, worst] = [0, 2, 100].map(time_to_down);
    assert_eq!((well, ill, worst), [5_500, 9_500, 19_500].map(Duration::from_millis).into());
    let mut health = LocalHealth::default();
    health.on_timer(Mono(0) + LATE, Mono(0), &timing);
    assert_eq!(health.score(), 0, "a little late is on time");
    health.on_timer(Mono(SECOND), Mono(0), &timing);
    assert_eq!(health.score(), 1);
    health.on_pong();
    health.on_pong();
    assert_eq!(health.score(), 0);
}

#[test]
fn a_lost_connection_is_suspicious_at_once_and_voices_elsewhere_put_off_the_verdict() {
    let (timing, at) = (Timing::LAN, |millis| Mono(millis * MILLI));
    let mut life = Liveness::new(at(0), &timing);
    assert!(life.lost(at(100), &timing) && !life.lost(at(200), &timing));
    assert_eq!(life.state(), MemberState::Suspect);
    let mut alive = life.clone();
    assert!(alive.heard(at(1_200), false, &timing), "who goes on speaking over its own link lives");
    assert!(!life.heard(at(1_000), false, &timing), "what was under way says nothing");
    let steps = |life: &mut Liveness, until| {
        let mut down = None;
        while let Some(due) = life.deadline().filter(|&due| due <= at(until)) {
            down = (life.step(due, LocalHealth::default(), &timing) == Some(SilenceAction::Down)).then_some(due);
        }
        down
    };
    assert_eq!(steps(&mut life, 2_900), None);
    let mut again = life.clone();
    assert!(again.met(at(2_950), &timing) && again.state() == MemberState::Up);
    assert_eq!(steps(&mut life, 10_000), Some(at(3_000)));
    assert!(!life.heard(at(11_000), true, &timing) && life.deadline().is_none(), "down until it is met again");
    assert!(life.met(at(12_000), &timing));
}

#[test]
fn a_neighbour_that_waits_behind_moving_bytes_is_probed_and_not_judged() {
    let (timing, at) = (Timing::LAN, |millis| Mono(millis * MILLI));
    let mut life = Liveness::new(at(0), &timing);
    let mut down = None;
    while let Some(due) = life.deadline() {
        // They move for a minute.
        if due < at(60_000) {
            life.excuse(due + Duration::from_secs(2));
        }
        match life.step(due, LocalHealth::default(), &timing) {
            Some(SilenceAction::Suspect) => assert!(due >= at(60_000), "suspected at {due:?}"),
            Some(SilenceAction::Down) => down = Some(due),
            _ => {}
        }
    }
    assert!(down.is_some_and(|down| down <= at(72_000)), "{down:?}");
}
