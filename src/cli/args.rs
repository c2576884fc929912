//! What can be typed: global options, commands, and the values that several of them take.

use super::{
    Context, Output,
    change::{add_node, connect, disconnect, restart_node, restructure},
    chaos,
    commands::{
        bench, get_messages, list_networks, list_peers, node, remove_node, send_message, simulate, start_network,
        stop_network,
    },
    error::CliError,
    health::{audit, plot, status},
    install::{complete, completions, generate},
    misread, numbers,
    output::Colours,
    text::is_obeyed,
    version::Version,
    watch::command as watch,
};
use crate::core::{
    endpoint::{Endpoint, EndpointError},
    id::{NetworkName, NodeId, NodeIdError},
};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::{ffi::OsString, fmt, str::FromStr, time::Duration};

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

/// Options that every command takes, before or behind its name.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Name of the network; a node given by address must belong to it [default: default]
    #[arg(long, global = true, env = "GOSSIP_NETWORK", hide_env_values = true, value_name = "NAME")]
    #[arg(value_parser = network)]
    pub network: Option<NetworkName>,
    /// Print one JSON document instead of text, errors included
    #[arg(long, global = true, overrides_with = "json")]
    pub json: bool,
    /// Maximum wait, such as 500ms, 5s or 2min [default: 30s to start, stop, break, measure or restructure a network and
    /// to add or restart a node, 2s for list-peers, status, audit and watch, else 5s]
    #[arg(long, global = true, value_name = "TIME", value_parser = patience(), allow_negative_numbers = true)]
    pub timeout: Option<Duration>,
    /// Print details on stderr: records read, nodes asked, time taken; for nodes: log more (-vv: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Print only errors on stderr; for nodes: log only warnings
    #[arg(short, long, global = true, overrides_with = "quiet")]
    pub quiet: bool,
    /// When to use colours; auto: on a terminal, unless NO_COLOR is set or TERM is 'dumb'
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", overrides_with = "color")]
    pub color: Colours,
}

/// The commands, in the order in which help lists them.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "what documents the arguments of a command is its help; here it would replace that")]
pub enum Command {
    StartNetwork(start_network::Args),
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
    Chaos(chaos::Args),
    Bench(bench::Args),
    Simulate(simulate::Args),
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
            Self::StartNetwork(args) => start_network::run(args, context, out),
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
            Self::Chaos(args) => chaos::run(args, context, out),
            Self::Bench(args) => bench::run(&args, context, out),
            Self::Simulate(args) => simulate::run(&args, context, out),
            Self::Completions(args) => completions::run(&args, out),
            Self::Complete(args) => complete::run(&args, out),
            Self::Generate(args) => generate::run(&args, out),
        }
    }
}

/// Whether the arguments ask for JSON, told before they are parsed: a usage error must know.
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

/// A node as typed: its number or name in the network, or its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeArgument {
    /// Looked up in the record of the network.
    Name(NodeId),
    /// Dialled as it is: `host:port`, with or without `tcp://`.
    Address(Endpoint),
}

/// A text that can be no node.
#[derive(Debug, thiserror::Error)]
pub enum NodeArgumentError {
    /// It has a colon, and is no address.
    #[error("{0}")]
    Address(#[from] EndpointError),
    /// It has none, and is no name.
    #[error("{0}; a NODE is a number, a name, or host:port")]
    Name(#[from] NodeIdError),
}

impl NodeArgument {
    /// The name, if it is one.
    pub fn name(&self) -> Option<&NodeId> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }
}

impl FromStr for NodeArgument {
    type Err = NodeArgumentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') { Ok(Self::Address(text.parse()?)) } else { Ok(Self::Name(text.parse()?)) }
    }
}

impl fmt::Display for NodeArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => fmt::Display::fmt(name, f),
            Self::Address(endpoint) => f.pad(&endpoint.authority()),
        }
    }
}

/// Parses the name of a node that is started here: one that commands can tell from addresses, lists and ranges of nodes, and
/// that people can see. Other programs may call their nodes as they like.
pub fn new_name(text: &str) -> Result<NodeId, String> {
    let node: NodeId = text.parse().map_err(|error: NodeIdError| error.to_string())?;
    let is_range = || {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        text.split_once('-').is_some_and(|(first, last)| is_number(first) && is_number(last))
    };
    if let Some(unseen) = text.chars().find(|&c| is_obeyed(c)) {
        return Err(format!("a node name must not contain {unseen:?}, which cannot be seen"));
    }
    if text.starts_with('.') {
        return Err("a node name must not start with '.'".into());
    }
    if let Some(mark) = text.chars().find(|c| matches!(c, ':' | ',' | '@')) {
        return Err(format!("a node name must not contain '{mark}', which separates addresses and nodes of a list"));
    }
    if is_range() { Err("it stands for a range of nodes; choose another name".into()) } else { Ok(node) }
}

/// Parses the name of a network. The error leaves out the text, which stands before it already.
fn network(text: &str) -> Result<NetworkName, &'static str> {
    text.parse().map_err(
        |_| "not a network name; use 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit",
    )
}

/// Times to wait: from 1ms to 1h.
fn patience() -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    numbers::time(Duration::from_millis(1), Duration::from_secs(3600))
}
