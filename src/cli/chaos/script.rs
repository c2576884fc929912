//! Schedules as text: a time and an order a line, as `--dry-run` prints them.

use super::typed::{Meant, Typed};
use crate::{
    chaos::{Order, ScheduledOrder},
    cli::{NodeArgument, error::CliError, numbers},
    core::id::NodeId,
};
use clap::Parser;

/// One line behind its time.
#[derive(Parser)]
#[command(name = "gossip chaos", no_binary_name = true, disable_help_flag = true, disable_help_subcommand = true)]
struct Line {
    #[command(subcommand)]
    typed: Typed,
}

/// The steps of a script, by their times. Empty lines and what follows a `#` say nothing.
pub(super) fn read(
    text: &str,
    find: impl Fn(&NodeArgument) -> Result<NodeId, CliError>,
) -> Result<Vec<ScheduledOrder>, CliError> {
    let mut steps = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |why: String| CliError::Usage(format!("line {} of the script: {why}", number + 1));
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(time) = words.next() else { continue };
        let at = numbers::lasting()(time).map_err(|why| wrong(format!("'{time}': {why}")))?;
        let typed = Line::try_parse_from(words).map_err(|error| {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            wrong(format!("{}; give a time and an order, such as '1.5s kill 3'", first.trim_start_matches("error: ")))
        })?;
        let meant = typed.typed.meant(&find)?;
        let Some(Meant { order, lasting }) = meant else {
            return Err(wrong("a script always ends with a check; leave it out".into()));
        };
        let end = lasting.and_then(|lasting| match &order {
            Order::Pause(nodes) => Some(ScheduledOrder { at: at + lasting, order: Order::Resume(nodes.clone()) }),
            _ => None,
        });
        steps.push(ScheduledOrder { at, order });
        steps.extend(end);
    }
    // What stands first is done first where times are equal.
    steps.sort_by_key(|step| step.at);
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::{Kind, Place, schedule::draw};
    use std::time::Duration;

    fn find(argument: &NodeArgument) -> Result<NodeId, CliError> {
        match argument {
            NodeArgument::Name(name) => Ok(name.clone()),
            NodeArgument::Address(endpoint) => Err(CliError::Failed(endpoint.to_string())),
        }
    }

    #[test]
    fn a_schedule_reads_back_as_printed() {
        let places: Vec<_> = (1..=12)
            .map(|number| Place { node: NodeId::numbered(number), peers: vec![NodeId::numbered(number % 12 + 1)] })
            .collect();
        for seed in 0..20 {
            let steps = draw(seed, &places, Duration::from_secs(40), &Kind::ALL);
            let text: Vec<_> = steps.iter().map(|step| super::super::report::line(step.at, &step.order)).collect();
            assert_eq!(read(&text.join("\n"), find).unwrap(), steps);
        }
    }

    #[test]
    fn a_pause_ends_by_itself_and_comments_say_nothing() {
        let steps = read("# a start\n\n 2s kill 1-2 # both\n1s pause 3 --for 4s\n", find).unwrap();
        let words: Vec<_> = steps.iter().map(|step| format!("{:?} {}", step.at, step.order)).collect();
        assert_eq!(words, ["1s pause 3", "2s kill 1 2", "5s resume 3"]);
    }

    #[test]
    fn what_is_no_script_is_refused_with_its_line() {
        for (text, why) in [
            ("1s kill 1\nsoon kill 2", "line 2 of the script: 'soon': not a time"),
            ("1s explode 3", "line 1 of the script: unrecognized subcommand 'explode'"),
            ("1s kill", "line 1 of the script: the following required arguments"),
            ("1s check", "line 1 of the script: a script always ends with a check"),
        ] {
            let error = read(text, find).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
