//! Looks at the whole network beside the stream: who is there and not watched yet, and how those are that fell silent.

use crate::{
    clock::{Clock, Deadline},
    core::{endpoint::Endpoint, id::NodeId, time::Mono},
    survey::{Judgement, Overlay, State, Survey, SurveyError, Target},
};
use std::{sync::mpsc, thread, time::Duration};

/// Longest time that one look may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// Least time between the beginnings of two looks.
const PACE: Duration = Duration::from_secs(1);

/// Sight of the network.
pub(super) struct Sight {
    nodes: Vec<(NodeId, Endpoint, State)>,
    /// Places in `nodes` of those that answered.
    answered: Vec<usize>,
}

impl Sight {
    fn of(targets: Vec<Target>, is_wide: bool) -> Result<Self, SurveyError> {
        let deadline = Deadline::after(PATIENCE);
        let mut survey = Survey::of(targets, &deadline)?;
        if is_wide {
            survey.widen(false, &deadline)?;
        }
        let judgement = Judgement::of(&survey, &Overlay::of(&survey)?);
        let mut sight = Self { nodes: Vec::new(), answered: Vec::new() };
        for heard in &survey.nodes {
            if let Ok(node) = NodeId::new(&heard.name) {
                sight.answered.extend(heard.status().map(|_| sight.nodes.len()));
                sight.nodes.push((node, heard.endpoint.clone(), judgement.state_of(&heard.name)));
            }
        }
        Ok(sight)
    }

    /// Those that answered.
    pub(super) fn answered(&self) -> impl Iterator<Item = (&NodeId, &Endpoint)> {
        self.answered.iter().map(|&place| (&self.nodes[place].0, &self.nodes[place].1))
    }

    /// State of a node, as every command judges it.
    pub(super) fn state_of(&self, name: &str, endpoint: &Endpoint) -> Option<State> {
        let is_meant = |(node, place, _): &&(NodeId, Endpoint, State)| node.as_str() == name || place == endpoint;
        self.nodes.iter().find(is_meant).map(|(_, _, state)| *state)
    }
}

/// Looks when that is wanted, one look at a time and not too often.
pub(super) struct Lookout {
    clock: Clock,
    is_wanted: bool,
    next: Mono,
    under_way: Option<mpsc::Receiver<Option<Sight>>>,
}

impl Lookout {
    pub(super) fn new() -> Self {
        let clock = Clock::new();
        Self { next: clock.now().mono, clock, is_wanted: false, under_way: None }
    }

    /// There is a reason to look.
    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Begins a look at `targets` if one is wanted and may begin. Says whether it began.
    pub(super) fn begin(&mut self, is_wide: bool, targets: impl FnOnce() -> Vec<Target>) -> bool {
        let now = self.clock.now().mono;
        if !self.is_wanted || self.under_way.is_some() || now < self.next {
            return false;
        }
        (self.is_wanted, self.next) = (false, now + PACE);
        let ((tell, told), targets) = (mpsc::channel(), targets());
        // Nobody waits for one that is still looking when the watch ends.
        thread::spawn(move || drop(tell.send(Sight::of(targets, is_wide).ok())));
        self.under_way = Some(told);
        true
    }

    /// Result of the look under way: nothing yet, that this machine cannot look now, or what was seen.
    pub(super) fn take(&mut self) -> Option<Option<Sight>> {
        let told = match self.under_way.as_ref()?.try_recv() {
            Err(mpsc::TryRecvError::Empty) => return None,
            Ok(sight) => sight,
            Err(mpsc::TryRecvError::Disconnected) => None,
        };
        self.under_way = None;
        Some(told)
    }
}
