//! Behaviour of nodes, as it can be set from the command line: for one node, or for all of a network.

use crate::core::config::{Broadcast, Protocol, Timing};
use clap::ValueEnum;
use std::ffi::OsString;

/// Behaviour of a node. The timing that is meant without the option differs: `start-network` changes it to `local`.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Behaviour of a node")]
pub struct Behaviour {
    /// How untraced messages spread
    #[arg(long, value_name = "HOW", default_value = "tree")]
    dissemination: Dissemination,
    /// Do not replace dead neighbours
    #[arg(long)]
    no_heal: bool,
    /// Allow fault injection: anyone who can reach a node can drop or delay its traffic
    #[arg(long)]
    chaos: bool,
    /// Distance between nodes; sets how soon a silent neighbour is suspected and a lost message is requested
    #[arg(long, value_name = "PRESET", default_value = "lan")]
    timing: TimingPreset,
}

/// [`Broadcast`] as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Dissemination {
    /// Along one tree per origin
    Tree,
    /// Over every link, for experiments
    Flood,
}

/// [`Timing`] as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum TimingPreset {
    /// One machine
    Local,
    /// Hosts at one site
    Lan,
    /// Hosts at distant sites
    Wan,
}

impl Behaviour {
    /// As the core takes it.
    pub fn protocol(&self) -> Protocol {
        Protocol {
            dissemination: match self.dissemination {
                Dissemination::Tree => Broadcast::Tree,
                Dissemination::Flood => Broadcast::Flood,
            },
            heal: !self.no_heal,
            chaos: self.chaos,
            timing: match self.timing {
                TimingPreset::Local => Timing::LOCAL,
                TimingPreset::Lan => Timing::LAN,
                TimingPreset::Wan => Timing::WAN,
            },
            ..Protocol::default()
        }
    }

    /// As `gossip node` takes it.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments = vec!["--dissemination".into(), word(&self.dissemination)];
        arguments.extend(["--timing".into(), word(&self.timing)]);
        arguments.extend(self.no_heal.then(|| "--no-heal".into()));
        arguments.extend(self.chaos.then(|| "--chaos".into()));
        arguments
    }
}

/// A value as it is typed; none is left out of those that can be.
fn word(value: &impl ValueEnum) -> OsString {
    value.to_possible_value().map_or_else(OsString::new, |word| word.get_name().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::{CommandFactory, Parser};

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        behaviour: Behaviour,
    }

    fn typed<T: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = T>) -> Behaviour {
        let arguments = arguments.into_iter().map(Into::into);
        Typed::try_parse_from(std::iter::once(OsString::from("gossip")).chain(arguments)).unwrap().behaviour
    }

    #[test]
    fn a_node_is_told_what_was_typed() {
        let tree = Protocol { timing: Timing::LAN, ..Protocol::default() };
        let (dissemination, timing) = (Broadcast::Flood, Timing::WAN);
        let flood = Protocol { dissemination, heal: false, timing, chaos: true, ..tree };
        for (line, protocol) in [
            ("", tree),
            ("--timing local", Protocol { timing: Timing::LOCAL, ..tree }),
            ("--no-heal", Protocol { heal: false, ..tree }),
            ("--dissemination flood --no-heal --timing wan --chaos", flood),
        ] {
            let behaviour = typed(line.split_whitespace());
            assert_eq!(behaviour.protocol(), protocol, "{line}");
            assert_eq!(typed(behaviour.arguments()).protocol(), protocol, "{line}");
        }
    }

    #[test]
    fn a_network_on_one_machine_is_timed_as_such_and_a_node_by_itself_is_not() {
        for (command, timing) in [("start-network", "local"), ("node", "lan")] {
            let cli = Cli::command();
            let argument = cli.find_subcommand(command).unwrap().get_arguments().find(|a| a.get_id() == "timing");
            assert_eq!(argument.unwrap().get_default_values(), [timing], "{command}");
        }
    }
}
