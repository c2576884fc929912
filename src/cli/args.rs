//! The command line as a whole: its help, its commands, and how they are run.

use super::{
    Context, Output,
    change::{add_node, connect, disconnect, restart_node, restructure},
    chaos,
    commands::{
        bench, get_messages, list_networks, list_peers, node, remove_node, send_message, start_network, stop_network,
    },
    disk_log::command as disk_log,
    error::CliError,
    globals::Globals,
    health::{audit, plot, status},
    install::{complete, completions, generate},
    misread,
    output::Colours,
    simulate::{self, replay::Typed},
    version::Version,
    watch::command as watch,
};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;

/// A brokerless message bus over ZeroMQ.
///
/// Hand a message to any node: every node of the network receives it, exactly once. No broker, no leader: each node is
/// one process with one TCP port, and forwards messages to its neighbours.
#[derive(Debug, Parser)]
#[command(
    name = "gossip",
    disable_version_flag = true,
    max_term_width = 100,
    subcommand_value_name = "COMMAND",
    override_usage = "gossip [OPTIONS] <COMMAND>",
    after_help = "Start with 'gossip start-network', then 'gossip send-message 4 apple' and \
                  'gossip get-messages 8'. For help on a command, run 'gossip COMMAND --help'.",
    after_long_help = "\
Start with 'gossip start-network', then 'gossip send-message 4 apple' and 'gossip get-messages 8'. For help on a command, \
run 'gossip COMMAND --help'.

Exit codes:
  0    success; also Ctrl-C in node, watch, status --watch and start-network --foreground
  1    refused or failed now: port in use, no such network or node, audit found gaps
  2    usage error: the command line is invalid
  3    unreachable or timed out
  130  interrupted by Ctrl-C

Units: times such as 50ms, 1.5s, 2min or 8h (a plain number means seconds), shares such as 10% or 0.1, sizes such as 100, \
64 KiB or 1.5 MiB."
)]
pub struct Cli {
    /// Print the version; with -v, the build details
    #[arg(short = 'V', long)]
    version: bool,
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The commands, in the order in which help lists them.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "what documents the arguments of a command is its help; here it would replace that")]
pub enum Command {
    StartNetwork(Typed<start_network::Args>),
    StopNetwork(stop_network::Args),
    SendMessage(send_message::Args),
    GetMessages(get_messages::Args),
    ListPeers(list_peers::Args),
    ListNetworks(list_networks::Args),
    AddNode(add_node::Args),
    RemoveNode(remove_node::Args),
    RestartNode(restart_node::Args),
    Connect(connect::Args),
    Disconnect(disconnect::Args),
    Restructure(restructure::Args),
    Status(status::Args),
    Audit(audit::Args),
    Plot(plot::Args),
    Watch(watch::Args),
    Node(node::Args),
    Log(disk_log::Args),
    Chaos(chaos::Args),
    Bench(bench::Args),
    Simulate(Typed<simulate::Args>),
    Completions(completions::Args),
    #[command(hide = true)]
    Complete(complete::Args),
    #[command(name = "gen", hide = true)]
    Generate(generate::Args),
}

impl Cli {
    /// The arguments of this process, the program's name first. An error is one line that says what to do;
    /// a call for help is an error of its own kind, [`CliError::Help`].
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, CliError> {
        let arguments = misread::without_more_help(arguments.into_iter().collect());
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(&arguments);
        let cli = matches.and_then(|matches| Self::from_arg_matches(&matches));
        let cli = cli.map_err(|error| misread::explain(error, &arguments, &command))?;
        if cli.command.is_none() && !cli.version {
            let help = command.render_help();
            return Err(CliError::NoCommand { plain: help.to_string(), coloured: help.ansi().to_string() });
        }
        Ok(cli)
    }

    /// Does what was asked for.
    pub fn run(self, out: &mut Output) -> Result<(), CliError> {
        match self.command {
            _ if self.version => out.print(&Version::new(self.globals.verbose > 0)),
            Some(command) => {
                out.set_quiet(self.globals.quiet);
                let context = Context::new(self.globals)?;
                let result = command.run(&context, out);
                context.detail(format_args!("finished after {}", context.age()));
                result
            }
            None => Ok(()),
        }
    }
}

impl Command {
    fn run(self, context: &Context, out: &mut Output) -> Result<(), CliError> {
        match self {
            Self::StartNetwork(args) => start_network::run(&args, context, out),
            Self::StopNetwork(args) => stop_network::run(args, context, out),
            Self::SendMessage(args) => send_message::run(args, context, out),
            Self::GetMessages(args) => get_messages::run(args, context, out),
            Self::ListPeers(args) => list_peers::run(args, context, out),
            Self::ListNetworks(args) => list_networks::run(&args, context, out),
            Self::AddNode(args) => add_node::run(args, context, out),
            Self::RestartNode(args) => restart_node::run(args, context, out),
            Self::Connect(args) => connect::run(args, context, out),
            Self::Disconnect(args) => disconnect::run(args, context, out),
            Self::Restructure(args) => restructure::run(&args, context, out),
            Self::RemoveNode(args) => remove_node::run(args, context, out),
            Self::Status(args) => status::run(args, context, out),
            Self::Audit(args) => audit::run(args, context, out),
            Self::Plot(args) => plot::run(args, context, out),
            Self::Watch(args) => watch::run(args, context, out),
            Self::Node(args) => node::run(args, context, out),
            Self::Log(args) => disk_log::run(args, context, out),
            Self::Chaos(args) => chaos::run(args, context, out),
            Self::Bench(args) => bench::run(&args, context, out),
            Self::Simulate(args) => simulate::run(&args, context, out),
            Self::Completions(args) => completions::run(&args, out),
            Self::Complete(args) => complete::run(&args, Cli::command(), out),
            Self::Generate(args) => generate::run(&args, Cli::command(), out),
        }
    }
}

/// Returns whether the arguments ask for JSON, told before they are parsed: a usage error must know.
pub fn wants_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// Which colours the arguments ask for, told before they are parsed: help and errors must know.
pub fn wants_colours(arguments: &[OsString]) -> Colours {
    let typed = arguments.iter().take_while(|argument| *argument != "--").filter_map(|argument| argument.to_str());
    let words: Vec<&str> = typed.flat_map(|argument| argument.splitn(2, '=')).collect();
    let found = words.windows(2).filter(|pair| pair[0] == "--color").map(|pair| Colours::from_str(pair[1], false));
    found.flatten().last().unwrap_or(Colours::Auto)
}
