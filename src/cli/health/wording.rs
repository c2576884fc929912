//! Judgement of a network, for people, and the error that it makes of a command.

use crate::{
    cli::{
        error::{CliError, ErrorBody},
        text::{self, count},
    },
    core::id::NodeId,
    launcher::ranges::ranges,
    survey::{Health, Heard, Judgement, Outcome, Overlay, State, SurveyError},
};

/// `all 6 nodes are up`, `4 of 6 nodes up, 1 suspect (6), 1 silent (3)`.
pub fn nodes(judgement: &Judgement) -> String {
    let (up, all) = (judgement.count(State::Up) as u64, judgement.all());
    if up == all && all > 0 {
        return if all == 1 { "its only node is up".to_owned() } else { format!("all {all} nodes are up") };
    }
    let others = [State::Suspect, State::Silent, State::Down].into_iter().filter(|&state| judgement.count(state) > 0);
    let told = others.map(|state| {
        let names = text::escape(&ranges(&judgement.names(state))).into_owned();
        format!("{} {} ({names})", judgement.count(state), state.name())
    });
    std::iter::once(format!("{up} of {} up", count(all, "node"))).chain(told).collect::<Vec<_>>().join(", ")
}

/// `5 of 6 nodes up`, as a caption has it.
pub fn up(judgement: &Judgement) -> String {
    format!("{} of {} up", judgement.count(State::Up), count(judgement.all(), "node"))
}

/// Complaint about a network that is not well: split or with nodes that are down, or with nodes that do not answer.
/// `is_whole`: whether these are all nodes; `logs`: where those of its nodes lie.
pub fn complaint(
    judgement: &Judgement,
    is_whole: bool,
    overlay: &Overlay,
    logs: Option<String>,
) -> Result<(), CliError> {
    let (down, silent) = (judgement.names(State::Down), judgement.names(State::Silent));
    let mut wrong = Vec::new();
    if is_whole && judgement.health == Health::Split {
        wrong.push(format!("the network is split into {} parts: {}", overlay.parts().len(), parts(overlay)));
    }
    let of = |nodes: &[NodeId]| format!("{} of {}", nodes.len(), count(judgement.all(), "node"));
    let hint = logs.map_or_else(String::new, |logs| format!("; see the logs in {logs}"));
    if !down.is_empty() {
        let verb = if down.len() == 1 { "is" } else { "are" };
        wrong.push(format!("{} {verb} down: {}", of(&down), ranges(&down)));
    }
    let is_failed = !wrong.is_empty();
    if !silent.is_empty() {
        wrong.push(format!("{} did not answer: {}", of(&silent), ranges(&silent)));
    }
    match (wrong.is_empty(), is_failed) {
        (true, _) => Ok(()),
        (false, true) => Err(CliError::Failed(format!("{}{hint}", wrong.join("; ")))),
        (false, false) => Err(CliError::Unreachable(format!("{}{hint}", wrong.join("; ")))),
    }
}

/// The parts of an overlay: `1-2 | 4-6`.
pub fn parts(overlay: &Overlay) -> String {
    let parts: Vec<_> = overlay.parts().into_iter().map(ranges).collect();
    parts.join(" | ")
}

/// Reason why a node said nothing, if it did not answer.
pub fn error(heard: &Heard) -> Option<ErrorBody> {
    match &heard.outcome {
        Outcome::Said(_) => None,
        Outcome::Deaf => Some(CliError::Unreachable("it serves no requests".into()).body()),
        Outcome::Silent(error) => Some(CliError::from(error).body()),
        Outcome::Ended => Some(CliError::Unreachable("its process has ended".into()).body()),
    }
}

impl From<SurveyError> for CliError {
    fn from(error: SurveyError) -> Self {
        Self::from(&error)
    }
}

impl From<&SurveyError> for CliError {
    fn from(error: &SurveyError) -> Self {
        match error {
            SurveyError::Client(error) => error.into(),
            SurveyError::Unsearched => Self::TimedOut(error.to_string()),
            SurveyError::Graph(_)
            | SurveyError::Reply
            | SurveyError::NoDigest
            | SurveyError::NotKept(_)
            | SurveyError::Untraced(_) => Self::Failed(error.to_string()),
        }
    }
}
