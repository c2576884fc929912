//! Man pages: one for the program and one for each command, also for those that stand behind another one.

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::io;

/// Exit codes, and what ends a command with each.
const EXIT_STATUS: [(&str, &str); 6] = [
    (
        "0",
        "Success; also an empty result, a closed output pipe, and Ctrl-C in node, watch, status --watch and \
           start-network --foreground.",
    ),
    ("1", "Refused or failed now: port in use, no such network or node, payload over the limit, audit found gaps."),
    ("2", "Usage error: the command line is invalid."),
    ("3", "Unreachable or timed out."),
    ("130", "Interrupted by Ctrl-C."),
    ("other", "Terminated by a signal: 128 plus its number."),
];

/// Variables that are read from the environment.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("GOSSIP_NETWORK", "Name of the network if --network is not given."),
    ("GOSSIP_LOG", "Log level of nodes if --log-level is not given."),
    ("XDG_STATE_HOME", "Base folder of records, logs and pictures; ~/.local/state if not set."),
    ("NO_COLOR", "If not empty: no colours, unless --color always."),
    ("TERM", "If 'dumb': no colours and no full-screen output."),
    ("TZ", "Time zone of the times shown."),
];

/// Places of files.
const FILES: [(&str, &str); 4] = [
    (
        "$XDG_STATE_HOME/gossip/NETWORK/network.json",
        "Record of a network: its nodes, their addresses, processes and peers.",
    ),
    (
        "$XDG_STATE_HOME/gossip/NETWORK/nodes/NODE.log",
        "Log of a node started by start-network, add-node or restart-node.",
    ),
    ("$XDG_STATE_HOME/gossip/NETWORK/nodes/NODE.incarnation", "Last incarnation of a node; the next one is higher."),
    (
        "$XDG_STATE_HOME/gossip/NETWORK/*.svg, *.png",
        "Pictures drawn by plot, start-network --plot and simulate --plot.",
    ),
];

/// All pages, by the names of their files.
pub(super) fn pages(program: Command) -> io::Result<Vec<(String, String)>> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut shown = Vec::new();
    collect(&program, &mut shown);
    let names: Vec<String> = shown.iter().map(name).collect();
    shown.into_iter().map(|command| Ok((name(&command), page(command, &names)?))).collect()
}

fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn collect(command: &Command, shown: &mut Vec<Command>) {
    shown.push(command.clone());
    let below = command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help");
    below.for_each(|command| collect(command, shown));
}

/// The pages beside the one of this name, of all that there are: those above it and below it.
fn see_also(name: &str, pages: &[String]) -> String {
    let parent = |name: &str| {
        let above = pages.iter().filter(|other| name.strip_prefix(*other).is_some_and(|rest| rest.starts_with('-')));
        above.max_by_key(|other| other.len())
    };
    let above = parent(name);
    let others = pages.iter().filter(|other| Some(*other) == above || parent(other).is_some_and(|page| page == name));
    others.map(|other| format!("{other}(1)")).collect::<Vec<_>>().join(", ")
}

/// Arguments that stand in their place, without a name.
fn render_arguments(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    let shown: Vec<_> = command.get_positionals().filter(|arg| !arg.is_hide_set()).collect();
    if !shown.is_empty() {
        roff.control("SH", ["ARGUMENTS"]);
    }
    for arg in shown {
        let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
        roff.control("TP", []).text([bold(arg.to_string())]).text([roman(help)]);
    }
    roff.to_writer(page)
}

/// A man page in ASCII: what else there is stands in it as groff's escapes. `pages`: the names of all pages.
fn page(mut command: Command, pages: &[String]) -> io::Result<String> {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").split_whitespace().collect::<Vec<_>>().join(" ");
    let extra = command.get_after_long_help().or_else(|| command.get_after_help()).map(ToString::to_string);
    let (has_commands, name) = (command.has_subcommands(), name(&command));
    // Options alone stand among the options.
    let options = command.clone().mut_args(|arg| if arg.is_positional() { arg.hide(true) } else { arg });
    let man = Man::new(options.override_usage(usage));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    render_arguments(&command, &mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    let mut end = Roff::new();
    for (title, entries) in [("EXIT STATUS", &EXIT_STATUS[..]), ("ENVIRONMENT", &ENVIRONMENT), ("FILES", &FILES)] {
        end.control("SH", [title]);
        for (term, text) in entries {
            end.control("TP", []).text([bold(*term)]).text([roman(*text)]);
        }
    }
    if let Some(extra) = extra {
        end.control("SH", ["EXAMPLES"]);
        // Command lines are not filled up.
        end.control("nf", []);
        for line in extra.lines().filter(|line| *line != "Examples:") {
            end.text([roman(line)]);
        }
        end.control("fi", []);
    }
    end.control("SH", ["SEE ALSO"]).text([roman(see_also(&name, pages))]);
    end.to_writer(&mut page)?;
    Ok(String::from_utf8_lossy(&page).chars().map(in_ascii).collect())
}

fn in_ascii(character: char) -> String {
    if character.is_ascii() { character.into() } else { format!("\\[u{:04X}]", u32::from(character)) }
}
