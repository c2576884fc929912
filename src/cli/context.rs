//! Context of every command: the network, the patience, and whether somebody pressed Ctrl-C.

use super::{error::CliError, globals::Globals, node_argument::NodeArgument, output::complain};
use crate::{
    client::Client,
    clock::Clock,
    core::{endpoint::Endpoint, id::NetworkName, request::NodeStatus, stats::Refusal, time::Mono},
    launcher::{Networks, Target, require_record, resolve},
    quantity::Time,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    flag,
};
use std::{
    fmt, fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Exit code of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// The global options as a command uses them.
///
/// As long as no command has [taken over](Self::catch_interrupts) the signals, SIGINT ends the program at once
/// with exit code 130: an ordinary command leaves nothing behind.
pub struct Context {
    globals: Globals,
    network: NetworkName,
    clock: Clock,
    ends_at_once: Arc<AtomicBool>,
}

impl Context {
    /// Sets the handler of SIGINT.
    pub fn new(globals: Globals) -> Result<Self, CliError> {
        let ends_at_once = Arc::new(AtomicBool::new(true));
        flag::register_conditional_shutdown(SIGINT, INTERRUPTED, Arc::clone(&ends_at_once)).map_err(no_handler)?;
        let network = globals.network.clone().unwrap_or_default();
        Ok(Self { globals, network, clock: Clock::new(), ends_at_once })
    }

    /// The network that commands are about.
    pub fn network(&self) -> &NetworkName {
        &self.network
    }

    /// Refuses a node of another network than the one that was named, if one was.
    pub fn check_network(&self, NodeStatus { node, endpoint, network, .. }: &NodeStatus) -> Result<(), CliError> {
        match &self.globals.network {
            Some(named) if named != network => {
                let text = format!(
                    "node {node} at {} belongs to network '{network}', not to network '{named}'; name its network with \
                     --network, or omit it",
                    endpoint.authority()
                );
                Err(CliError::Refused { code: Refusal::OtherNetwork.name(), text })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a node that was named by its address and belongs to another network than the one that was named. One that does
    /// not answer is nobody's.
    pub fn check_address(&self, node: &NodeArgument, timeout: Duration) -> Result<(), CliError> {
        let NodeArgument::Address(endpoint) = node else { return Ok(()) };
        if self.globals.network.is_none() {
            return Ok(());
        }
        match Client::connect(endpoint, timeout).and_then(|mut client| client.status()) {
            Ok(status) => self.check_network(&status),
            Err(_) => Ok(()),
        }
    }

    /// Time to wait: `--timeout`, or else the command's `default`.
    pub fn timeout_or(&self, default: Duration) -> Duration {
        self.globals.timeout.unwrap_or(default)
    }

    /// Says what is done, with `-v`: one line on stderr.
    pub fn detail(&self, text: impl fmt::Display) {
        if self.globals.verbose > 0 {
            complain(format_args!("gossip: {text}"));
        }
    }

    /// Verbosity: below 0 with `-q`, above with `-v`.
    pub fn verbosity(&self) -> i16 {
        i16::from(self.globals.verbose) - i16::from(self.globals.quiet)
    }

    /// Time that the command has run.
    pub fn age(&self) -> Time {
        Time(self.clock.now().mono.since(Mono(0))).rounded()
    }

    /// From now on signals are the command's own affair: SIGINT does not end the program by itself any more.
    pub fn release_interrupts(&self) {
        self.ends_at_once.store(false, Ordering::SeqCst);
    }

    /// The records of this user's networks.
    pub fn networks(&self) -> Result<Networks, CliError> {
        Ok(Networks::from_environment()?)
    }

    /// The records of this user's networks, one of which must be the network's. Without it the error says that it is not
    /// running, and `remedy`: what to do about nodes that were started by hand.
    pub fn recorded(&self, remedy: &str) -> Result<Networks, CliError> {
        let networks = self.networks()?;
        let record = require_record(&networks.folder(self.network()), &networks);
        record.map(|_| networks).map_err(|error| CliError::without_record(error, remedy))
    }

    /// Address of a node: looked up in the record of the network, unless it is an address. That of a node whose
    /// process is known to have ended is nobody's.
    pub fn endpoint_of(&self, node: &NodeArgument) -> Result<Endpoint, CliError> {
        let name = match node {
            NodeArgument::Address(endpoint) => return Ok(endpoint.clone()),
            NodeArgument::Name(name) => name,
        };
        let networks = self.networks()?;
        self.detail(format_args!("looking up '{name}' in {}", networks.folder(self.network()).record().display()));
        let Target { node, endpoint, has_ended } = resolve::find(&networks, self.network(), name)?;
        if has_ended {
            let name = node.as_ref().unwrap_or(name);
            let log = networks.folder(self.network()).log(name);
            let text = format!("node {name} is down: its process has ended; see its log {}", log.display());
            return Err(CliError::Unreachable(text));
        }
        Ok(endpoint)
    }

    /// The node that is meant, looked up in the record of the network unless it is an address; dead or alive.
    pub fn target(&self, networks: &Networks, node: &NodeArgument) -> Result<Target, CliError> {
        match node {
            NodeArgument::Address(endpoint) => Ok(Target { node: None, endpoint: endpoint.clone(), has_ended: false }),
            NodeArgument::Name(name) => Ok(resolve::find(networks, self.network(), name)?),
        }
    }

    /// A connection to a node; each wait of it takes `--timeout`, or else the command's `default`.
    pub fn connect(&self, node: &NodeArgument, default: Duration) -> Result<Client, CliError> {
        let (endpoint, timeout) = (self.endpoint_of(node)?, self.timeout_or(default));
        self.detail(format_args!("asking {}, waiting up to {} each time", endpoint.authority(), Time(timeout)));
        let mut client = Client::connect(&endpoint, timeout)?;
        if matches!(node, NodeArgument::Address(_)) && self.globals.network.is_some() {
            self.check_network(&client.status()?)?;
        }
        Ok(client)
    }

    /// From now on SIGINT, SIGTERM, SIGQUIT and SIGHUP set the flag that is returned and do nothing else: for commands
    /// that have something to clean up. A SIGHUP that is ignored, as below `nohup`, stays so.
    pub fn catch_interrupts(&self) -> Result<Arc<AtomicBool>, CliError> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGQUIT, SIGHUP] {
            if signal != SIGHUP || !is_ignored(signal) {
                flag::register(signal, Arc::clone(&interrupted)).map_err(no_handler)?;
            }
        }
        self.release_interrupts();
        Ok(interrupted)
    }
}

/// Returns whether this process was started with a signal ignored (proc(5): `SigIgn` in its status).
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// The file of this program, to be run as a node.
pub fn own_program() -> Result<PathBuf, CliError> {
    std::env::current_exe().map_err(|error| CliError::Failed(format!("cannot find this program: {error}")))
}

fn no_handler(error: std::io::Error) -> CliError {
    CliError::Failed(format!("cannot handle signals: {error}"))
}
