//! Command lines and printed text, without a network.

use super::{
    Cli, CliError, Output,
    args::wants_json,
    change::{add_node, connect, disconnect, restart_node, restructure},
    commands::{
        bench, get_messages, list_peers,
        listing::{Choice, Document, Header, Listing, Missing, Nothing, Parts, Stamp},
        remove_node, send_message, start_network, stop_network,
    },
    health::{report::Report, survey, wording},
    output::Form,
    watch::command as watch,
};
use crate::{
    client::ClientError,
    core::{
        endpoint::Endpoint,
        event::record::Level,
        id::{Incarnation, MessageId, NodeId, StreamId},
        message::{Hop, Path, Payload},
        neighbours::{LinkRole, MemberState},
        request::{Cursor, Fetched, Gap, NodeStatus, Page, PeerInfo, Status},
        time::Wall,
    },
    survey::{Heard, Judgement, Outcome, Overlay, Survey},
};
use chrono::FixedOffset;
use clap::CommandFactory;
use std::{
    cell::RefCell,
    env, fs,
    io::{self, Write},
    path::{Path as FilePath, PathBuf},
    process::ExitCode,
    rc::Rc,
    time::Duration,
};

/// Command line that a user types, split at spaces.
fn read(line: &str) -> Result<Cli, CliError> {
    Cli::read(line.split_whitespace().map(Into::into))
}

/// Collects what is printed.
#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn output(&self, form: Form, is_terminal: bool) -> Output {
        Output::to(Box::new(self.clone()), form, is_terminal)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

/// Text that `print` prints.
fn printed(is_terminal: bool, print: impl FnOnce(&mut Output) -> Result<(), CliError>) -> String {
    let paper = Paper::default();
    let mut out = paper.output(Form::Text, is_terminal);
    print(&mut out).unwrap();
    out.flush().unwrap();
    paper.text()
}

#[test]
fn options_stand_anywhere() {
    for (line, same) in [
        ("gossip send-message 4 apple --relays 3", "gossip send-message --relays 3 4 apple"),
        ("gossip send-message 4 apple --relays 3", "gossip send-message 4 -r3 apple"),
        ("gossip send-message 4 apple --relays 3", "gossip send-message 4 apple --relays=3"),
        ("gossip get-messages 8 --json", "gossip --json get-messages 8"),
        ("gossip get-messages 8 --json", "gossip --json get-messages 8 --json"),
        ("gossip get-messages 8 --network b --timeout .5", "gossip --timeout 0.5 get-messages --network=b 8"),
        ("gossip get-messages 3 read -p --time", "gossip get-messages -p 3 -t read"),
        ("gossip get-messages 3 all -pp -ttt", "gossip get-messages -p -t 3 -p -tt"),
        ("gossip status --peers 3 4", "gossip status 3 4 --peers"),
    ] {
        let [one, other] = [line, same].map(|line| format!("{:?}", read(line).unwrap()));
        assert_eq!(one, other, "{line} | {same}");
    }
}

#[test]
fn lines_that_are_right() {
    for line in [
        "gossip -V",
        "gossip --version --verbose --json",
        "gossip -vv status",
        "gossip status -q --color always",
        "gossip completions bash",
        "gossip send-message 4 -",
        "gossip send-message 4 -- -apple",
        "gossip send-message Gossip-Node-4 apple",
        "gossip send-message tcp://[::1]:7004 apple -r 16",
        "gossip send-message db3.example.org:7004 apple --no-trace",
        "gossip get-messages 8 unread -A --limit 5",
        "gossip --network my-net_2.0 --timeout 3600 get-messages 8 -ppp -tt",
        "gossip status",
        "gossip list-networks",
        "gossip plot -o net.svg",
        "gossip add-node",
        "gossip add-node east --peers 2,Gossip-Node-5,127.0.0.1:7003",
        "gossip restart-node 4 --timeout 60",
        "gossip connect 1 127.0.0.1:7002",
        "gossip disconnect 1 Gossip-Node-2 --json",
        "gossip restructure random 4 --seed 7",
        "gossip restructure --min-degree 2",
        "gossip status -w --json",
        "gossip audit --timeout 10",
        "gossip audit 10.0.0.7:7004 10.0.0.8:7004",
        "gossip plot",
        "gossip plot --declared",
        "gossip plot --message 4-1795437901-17",
        "gossip gen here",
        "gossip node --name 4 --bind 127.0.0.1:0 --peer 5@127.0.0.1:7005",
        "gossip node --name 4 --bind 127.0.0.1:0 --timing wan --no-heal --dissemination flood",
        "gossip start-network circular --no-heal -n 4 --timing lan",
        "gossip simulate random 5 -n 1000 --seeds 4 --latency 10-50ms --loss 0.01 --senders all --crash .1 --plot",
        "gossip simulate --chaos --seed 41",
        "gossip simulate --warmup 5 --senders fresh --dissemination tree --no-heal",
        "gossip chaos kill 1-4 7,9 127.0.0.1:7003",
        "gossip chaos pause 3 --for 5s --network b",
        "gossip chaos cut 1 2 --one-way --json",
        "gossip chaos drop 1 2 0.5%",
        "gossip chaos --for 10min --seed 7 --rate 0 --faults kill,cut --keep 2s --leave-dead",
        "gossip chaos --script - --rate 500 --dry-run",
        "gossip bench --network b --messages 5000 --paced 50 --size 1KiB --window 100 --evict --json",
        "gossip simulate --experiment docs/experiments --seeds 2 --record docs/evaluation.md",
    ] {
        assert!(read(line).is_ok(), "{line}: {}", read(line).unwrap_err());
    }
}

#[test]
fn lines_that_can_never_work_are_refused_in_one_line() {
    for (line, says) in [
        ("gossip --json", "a command is missing; 'gossip --help' lists them"),
        ("gossip gem here", "unrecognized subcommand 'gem'; a similar subcommand exists: 'get-messages'; see"),
        ("gossip chaos kil 3", "a similar subcommand exists: 'kill'; see 'gossip chaos --help'"),
        ("gossip chaos kill", "see 'gossip chaos kill --help'"),
        ("gossip node --metrics-offse 3", "unexpected argument '--metrics-offse' found; see 'gossip node --help'"),
        ("gossip snd-message 4 a", "a similar subcommand exists: 'send-message'; see 'gossip --help'"),
        ("gossip send-message", "were not provided: <NODE> <MESSAGE>; see 'gossip send-message --help'"),
        (
            "gossip send-message 4 --resume a",
            "put --lines in the place of MESSAGE, or leave --resume out; see 'gossip send",
        ),
        ("gossip send-message 4 --resume a b", "put --lines in the place of MESSAGE, or leave --resume out"),
        (
            "gossip send-message 4 --lines a",
            "leave MESSAGE out, or leave --lines out to send that one; see 'gossip send-",
        ),
        ("gossip send-message 4 a b", "unexpected argument 'b' found"),
        ("gossip send-message 4 -a", "found; to pass '-a' as a value, use '-- -a'; see"),
        ("gossip send-message 4 -apple", "'-a' found; to pass '-apple' as a value, use '-- -apple'; see"),
        ("gossip send-message -1 apple", "unexpected argument '-1' found; see 'gossip send-message --help'"),
        ("gossip send-message 4 -a -r 2", "to pass '-a' as a value, put it last, after two dashes: '-- -a'; see"),
        ("gossip send-message 4 apple -a", "unexpected argument '-a' found; see 'gossip send-message --help'"),
        ("gossip list-peers 4 -x", "unexpected argument '-x' found; see 'gossip list-peers --help'"),
        ("gossip -v -q status", "cannot be used with"),
        ("gossip --color blue status", "'blue' for '--color <WHEN>' [possible values: auto, always, never]"),
        ("gossip send-message 4 a --relay 2", "a similar argument exists: '--relays'"),
        ("gossip send-message 4 a -r 0", "relays must be 1 to 16, not 0"),
        ("gossip send-message 4 a -r 17", "'17' for '--relays <R>': relays must be 1 to 16, not 17"),
        ("gossip send-message 4 a -r -1", "relays must be 1 to 16, not -1"),
        ("gossip send-message 4 a -r many", "relays must be a number from 1 to 16"),
        ("gossip send-message 4 a -r", "a value is required for '--relays <R>'"),
        ("gossip send-message 4 a -r 2 -r 3", "cannot be used multiple times"),
        (
            "gossip send-message 4 a -r 2 --no-trace",
            "leave out --relays or --no-trace; see 'gossip send-message --help'",
        ),
        ("gossip send-message a/b x", "must not contain '/'; a NODE is a number, a name, or host:port"),
        ("gossip get-messages h:99999", "the port '99999' is not a number from 1 to 65535"),
        ("gossip get-messages 4 new", "'new' for '[STATUS]' [possible values: all, unread, read]"),
        ("gossip get-messages 4 -pppp", "'-p' was given 4 times; give -p, -pp or -ppp"),
        ("gossip get-messages 4 -tttt", "'-t' was given 4 times"),
        ("gossip get-messages 4 -p -A", "'-p...' cannot be used with '--all-paths'"),
        ("gossip get-messages 4 --limit 0", "out of range; give a number from 1 to 18446744073709551615"),
        ("gossip get-messages 4 --limit 999999999999999999999", "out of range; give a number from 1 to"),
        ("gossip get-messages 4 --limit few", "not a whole number; give a number of at least 1"),
        ("gossip list-peers 4 --depth 0", "out of range; give a number from 1 to 4294967295"),
        ("gossip start-network -n -3", "'-3' for '--num-nodes <N>': out of range; give a number from 2 to 1024"),
        ("gossip start-network -n 1.5", "not a whole number; give a number from 2 to 1024"),
        ("gossip start-network random -1", "'-1' for '[DEGREE]': out of range; give a number from 1 to 1023"),
        ("gossip start-network --port-base -1", "out of range; give a number from 0 to 65533"),
        ("gossip start-network --seed -1", "out of range; give a number of at least 0"),
        ("gossip start-network --retain-bytes -1", "not a size; give one of at least 1 B, such as 100, 64 KiB"),
        ("gossip node --name a --bind 127.0.0.1:1 --payload-max 0", "out of range; give a size from 1 B to 1 GiB"),
        ("gossip add-node a/b", "must not contain '/'"),
        ("gossip node --bind 127.0.0.1:1 --name ..", "must not start with '.'"),
        ("gossip node --bind 127.0.0.1:1 --name 1-3", "stands for a range of nodes"),
        ("gossip node --bind 127.0.0.1:1 --name a,b", "must not contain ','"),
        ("gossip node --bind 127.0.0.1:1 --name a@b", "must not contain '@'"),
        ("gossip add-node a:1", "must not contain ':'"),
        ("gossip add-node a\u{200b}b", "must not contain '\\u{200b}', which cannot be seen"),
        ("gossip help nonexist", "unrecognized subcommand 'nonexist'; see 'gossip --help'"),
        ("gossip foo\u{1b}bar", "unrecognized subcommand 'foo\\u{1b}bar'"),
        ("gossip send-message 4\u{1b} x", "invalid value '4\\u{1b}' for '<NODE>'"),
        ("gossip add-node 4 --peers", "a value is required for '--peers <A,B,…>'"),
        ("gossip add-node 4 --peers 1,,2", "a NODE is a number, a name, or host:port"),
        ("gossip bench --messages 0", "out of range; give a number from 1 to 1000000"),
        ("gossip bench --size 7", "out of range; give a size from 8 B to 1 MiB"),
        ("gossip restart-node", "were not provided: <NODE>"),
        ("gossip connect 4", "were not provided: <B>"),
        ("gossip restructure", "were not provided: <TOPOLOGY>"),
        ("gossip restructure star", "unknown topology 'star'; choose random, circular or powerlaw"),
        ("gossip restructure circular 3", "a circular topology takes no degree"),
        ("gossip restructure --min-degree 0", "out of range; give a number from 1 to 1023"),
        ("gossip restructure random --max-degree 3", "cannot be used with"),
        ("gossip plot --message apple", "'apple' for '--message <ID>': not a message id; give one as"),
        ("gossip plot --declared --message 4-5-1", "cannot be used with"),
        ("gossip --timeout -1 status", "'-1' for '--timeout <TIME>': not a time; give one from 1ms to 1h"),
        ("gossip --timeout -0.5 status", "not a time; give one from 1ms to 1h"),
        ("gossip --timeout 0 status", "out of range; give a time from 1ms to 1h"),
        ("gossip --timeout 1e3 status", "give one from 1ms to 1h, such as 50ms, 1.5s, 2min or 8h"),
        ("gossip --timeout inf status", "not a time"),
        ("gossip status --timeout 3600.1", "out of range; give a time from 1ms to 1h"),
        ("gossip --network ../x status", "'../x' for '--network <NAME>': not a network name; use 1 to 64 letters"),
        ("gossip simulate star", "unknown topology 'star'; choose random, circular or powerlaw"),
        ("gossip simulate circular -n 140000", "140000 nodes cannot form a network; choose from 2 to 131072 nodes"),
        (
            "gossip simulate --loss 1",
            "'1' for '--loss <SHARE>': not a share from 0% to 20%; give one such as 10% or 0.1",
        ),
        ("gossip simulate --latency fast", "'fast' is not a time; write it like 250us, 50ms, 1.5s, 2min or 8h"),
        ("gossip simulate --latency 5s", "'5s' for '--latency <TIME>': out of range; give a time of at most 250ms"),
        ("gossip simulate --latency=-1s", "'-1s' is not a time"),
        ("gossip watch --for 99999999h", "out of range; give a time from 0s to 168h"),
        ("gossip get-messages 1 --limit -1", "give a number of at least 1"),
        ("gossip simulate --chaos --loss 0.1", "cannot be used with"),
        ("gossip simulate --chaos --experiment e1.toml", "cannot be used with"),
        ("gossip simulate -r 17", "relays must be 1 to 16, not 17"),
    ] {
        let result = read(line).and_then(|cli| cli.run(&mut Paper::default().output(Form::Text, false)));
        let error = result.expect_err(line);
        assert_eq!((error.exit_status(), error.code()), (2, "usage"), "{line}: {error}");
        assert!(error.line().contains(says), "{line}: {error}");
        assert!(!error.line().contains('\n'), "{line}: {error}");
    }
}

/// Quantities as they are typed, and whether each is one of its kind.
const TIMES: &[(&str, bool)] = &[
    ("50ms", true),
    ("0.5", true),
    ("1min", true),
    ("0.01h", true),
    ("7 s", true),
    ("10%", false),
    ("1e3", false),
    ("fast", false),
    ("-1s", false),
    ("", false),
];
const SHARES: &[(&str, bool)] =
    &[("10%", true), ("0.1", true), ("0.5 %", true), ("50ms", false), ("5", false), ("1e-3", false), ("-1%", false)];
const SIZES: &[(&str, bool)] =
    &[("1000", true), ("64 KiB", true), ("1MB", true), ("0.5MiB", true), ("10%", false), ("1e3", false), ("-1", false)];

#[test]
fn each_quantity_is_accepted_or_refused_alike_wherever_it_is_typed() {
    for (lines, quantities) in [
        (
            &[
                "--timeout ? status",
                "watch --for ?",
                "chaos --for ?",
                "chaos --for 1s --keep ?",
                "chaos pause 3 --for ?",
                "chaos delay 1 2 ?",
                "simulate --interval ?",
                "simulate --latency ?",
                "simulate --for ?",
            ][..],
            TIMES,
        ),
        (&["chaos drop 1 2 ?", "simulate --loss ?", "simulate --crash ?"], SHARES),
        (&["start-network --payload-max ?", "start-network --retain-bytes ?", "simulate --size ?"], SIZES),
    ] {
        for line in lines {
            for (quantity, is_one) in quantities {
                let words = format!("gossip {line}");
                let words = words.split(' ').map(|word| if word == "?" { *quantity } else { word }.into());
                let found = Cli::read(words).map(drop);
                let is_too_long = |error: &CliError| error.line().contains("out of range; give a time of at most");
                let is_read = found.is_ok() || found.as_ref().is_err_and(is_too_long);
                assert_eq!(is_read, *is_one, "'{quantity}' in '{line}': {found:?}");
                assert!(found.is_ok() || found.is_err_and(|error| error.exit_status() == 2));
            }
        }
    }
}

#[test]
fn help_says_how_long_commands_wait() {
    let seconds = [start_network::TIMEOUT, stop_network::TIMEOUT, list_peers::TIMEOUT, survey::TIMEOUT, watch::TIMEOUT]
        .into_iter()
        .chain([send_message::TIMEOUT, get_messages::TIMEOUT, remove_node::TIMEOUT, connect::TIMEOUT])
        .chain([add_node::TIMEOUT, restart_node::TIMEOUT, restructure::TIMEOUT, disconnect::TIMEOUT, bench::TIMEOUT])
        .map(|timeout| timeout.as_secs());
    assert_eq!(seconds.collect::<Vec<_>>(), [30, 30, 2, 2, 2, 5, 5, 5, 5, 30, 30, 30, 5, 30]);
    let help = Cli::command().term_width(240).render_long_help().to_string();
    let words = "[default: 30s to start, stop, break, measure or restructure a network and to add or restart a node, 2s for \
                 list-peers, status, audit and watch, else 5s]";
    assert!(help.contains(words));
}

#[test]
fn nothing_typed_is_answered_by_the_short_help() {
    for line in ["gossip", "gossip -v"] {
        let error = read(line).unwrap_err();
        assert_eq!((error.exit_status(), error.code()), (2, "usage"), "{line}");
        assert!(matches!(error, CliError::NoCommand { plain, .. } if plain.contains("start-network")), "{line}");
    }
}

#[test]
fn a_call_for_help_on_help_is_help() {
    for line in ["gossip help --help", "gossip help -h", "gossip help chaos --help"] {
        assert!(matches!(read(line), Err(CliError::Help { .. })), "{line}");
    }
    assert!(read("gossip send-message help --help").is_err_and(|error| matches!(error, CliError::Help { .. })));
}

#[test]
fn what_was_typed_cannot_break_an_error_line() {
    let arguments = ["gossip", "send-message", "4", "x", "a\n\nUsage: b\tc"];
    let line = Cli::read(arguments.map(Into::into)).unwrap_err().line();
    let expected = "unexpected argument 'a\\n\\nUsage: b\\tc' found; see 'gossip send-message --help'";
    assert_eq!(line, expected);
}

#[test]
fn json_is_noticed_before_anything_is_parsed() {
    let wants = |line: &str| wants_json(&line.split_whitespace().map(Into::into).collect::<Vec<_>>());
    assert!(wants("gossip nonsense --json"));
    assert!(!wants("gossip send-message 4 -- --json"));
}

#[test]
fn each_error_has_its_exit_code_and_document() {
    let text = || "why\nso".to_owned();
    for (error, status, code) in [
        (CliError::Usage(text()), 2, "usage"),
        (CliError::Failed(text()), 1, "failed"),
        (CliError::Refused { code: "too_large", text: text() }, 1, "too_large"),
        (CliError::Unreachable(text()), 3, "unreachable"),
        (CliError::TimedOut(text()), 3, "timeout"),
        (CliError::Interrupted(text()), 130, "interrupted"),
    ] {
        assert_eq!(error.exit_status(), status);
        let paper = Paper::default();
        let exit = paper.output(Form::Json, false).finish(Err(error));
        assert_eq!(format!("{exit:?}"), format!("{:?}", ExitCode::from(status)));
        assert_eq!(paper.text(), format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"why\\\\nso\"}}}}\n"));
    }
}

#[test]
fn stdout_gets_one_document_and_in_text_none() {
    let paper = Paper::default();
    let mut out = paper.output(Form::Json, false);
    out.document(&1).unwrap();
    out.finish(Err(CliError::Unreachable("gone".into())));
    assert_eq!(paper.text(), "1\n");
    let paper = Paper::default();
    paper.output(Form::Text, false).finish(Err(CliError::Failed("no".into())));
    assert_eq!(paper.text(), "");
}

/// A pipe that nobody reads.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_broken_pipe_is_no_error() {
    for form in [Form::Text, Form::Json] {
        let mut out = Output::to(Box::new(Broken), form, false);
        // Larger than any buffer, so that it breaks while printing in the one case and at the end in the other.
        let printed = if form == Form::Text { out.line("x".repeat(1 << 20)) } else { out.document(&1) };
        assert_eq!(format!("{:?}", out.finish(printed)), format!("{:?}", ExitCode::SUCCESS));
    }
}

/// 2026-11-22 22:11:04.000000005 UTC.
const AT: Wall = Wall(1_795_385_464_000_000_005);

fn path(nodes: &[u32]) -> Path {
    let hop = |(place, &node)| Hop { node: NodeId::numbered(node), micros: place as u64 * 214 };
    nodes.iter().enumerate().map(hop).collect()
}

fn fetched(sequence: u64, payload: &[u8], paths: &[&[u32]]) -> Fetched {
    Fetched {
        position: sequence,
        id: MessageId { origin: NodeId::numbered(4), incarnation: Incarnation(17), sequence },
        published_at: Wall(AT.0 - 700_000),
        received_at: AT,
        unread: true,
        continued: false,
        paths: paths.iter().map(|nodes| path(nodes)).collect(),
        payload: Payload::from(payload),
    }
}

fn listing(choice: Choice, stamp: Stamp, hop_times: bool) -> Listing<FixedOffset> {
    let zone = FixedOffset::east_opt(5400).unwrap();
    Listing { choice, stamp, hop_times, zone }
}

#[test]
fn messages_look_like_this() {
    let node = NodeId::numbered(8);
    let apple = fetched(1, b"apple", &[&[4, 5, 6, 8], &[4, 13, 8], &[4, 2, 8]]);
    for (choice, stamp, hop_times, expected) in [
        (Choice::All, Stamp::None, false, "• apple\n  ↳ 4 ➜ 5 ➜ 6 ➜ 8\n  ↳ 4 ➜ 13 ➜ 8\n  ↳ 4 ➜ 2 ➜ 8\n"),
        (Choice::Shortest, Stamp::Time, false, "• apple [23:41:04]\n  ↳ 4 ➜ 13 ➜ 8\n  ↳ 4 ➜ 2 ➜ 8\n"),
        (Choice::Longest, Stamp::Date, false, "• apple [23:41:04 - 22/11/2026]\n  ↳ 4 ➜ 5 ➜ 6 ➜ 8\n"),
        (
            Choice::Extremes,
            Stamp::Full,
            true,
            "• Nov 22, 2026 - 23:41:04 (UTC+0130): apple\n  ↳ 4 ➜ 13 (+214us) ➜ 8 (+428us)\n  \
             ↳ 4 ➜ 2 (+214us) ➜ 8 (+428us)\n  ↳ 4 ➜ 5 (+214us) ➜ 6 (+428us) ➜ 8 (+642us)\n",
        ),
    ] {
        let text = printed(false, |out| listing(choice, stamp, hop_times).print(&apple, out));
        assert_eq!(text, expected);
    }
    for (choice, words) in [
        (Choice::All, "all"),
        (Choice::Shortest, "shortest"),
        (Choice::Longest, "longest"),
        (Choice::Extremes, "shortest and longest"),
    ] {
        let header = Header { node: Some(&node), status: Status::Read, choice }.to_string();
        assert_eq!(header, format!("Fetched read messages from Gossip-Node-8; showing {words} path(s):\n"));
    }
    let nothing = Nothing { node: Some(&node), status: Status::Unread }.to_string();
    assert_eq!(nothing, "Gossip-Node-8 has no unread messages");
}

#[test]
fn equal_extremes_are_shown_once_and_untraced_messages_have_no_path() {
    let paths = [path(&[1, 2]), path(&[1, 3])];
    assert_eq!(Choice::Extremes.of(&paths).len(), 2);
    let text =
        printed(false, |out| listing(Choice::Shortest, Stamp::None, false).print(&fetched(1, b"plain", &[]), out));
    assert_eq!(text, "• plain\n");
}

#[test]
fn nothing_obeys_a_payload_and_no_line_is_forged_by_one() {
    let payload = "a\n\t\x1b[2J\u{202e}ü\u{7f}".as_bytes();
    let message = fetched(1, &[payload, b"\xff"].concat(), &[]);
    let shown = |is_terminal| printed(is_terminal, |out| listing(Choice::All, Stamp::None, false).print(&message, out));
    let harmless = "• a\\n\\t\\u{1b}[2J\\u{202e}ü\\u{7f}\\xff\n";
    assert_eq!((shown(true), shown(false)), (harmless.to_owned(), harmless.to_owned()));
}

#[test]
fn nothing_obeys_a_name_in_text_or_in_json() {
    let told = ["4\u{202e}\u{9b}2J\u{7f}\u{e0041}"];
    assert_eq!(printed(true, |out| out.line(told[0])), "4\\u{202e}\\u{9b}2J\\u{7f}\\u{e0041}\n");
    let document = printed(true, |out| out.document(&told));
    assert_eq!(document, "[\"4\\u202e\\u009b2J\\u007f\\udb40\\udc41\"]\n");
    assert_eq!(serde_json::from_str::<[String; 1]>(&document).unwrap(), told);
}

#[test]
fn a_terminal_shows_the_beginning_of_a_long_payload_and_its_length() {
    let message = fetched(1, "ü".repeat(5000).as_bytes(), &[]);
    let shown = |is_terminal| printed(is_terminal, |out| listing(Choice::All, Stamp::None, false).print(&message, out));
    assert_eq!(shown(true), format!("• {}\\… (9.7 KiB)\n", "ü".repeat(500)));
    let forged = fetched(1, "x… (9.7 KiB) \\… (9.7 KiB)".as_bytes(), &[]);
    let told = printed(true, |out| listing(Choice::All, Stamp::None, false).print(&forged, out));
    assert_eq!(told, "• x… (9.7 KiB) \\\\… (9.7 KiB)\n", "a backslash of its own is doubled");
    assert_eq!(shown(false), format!("• {}\n", "ü".repeat(5000)));
}

#[test]
fn messages_are_documents() {
    let node = NodeId::numbered(8);
    let messages = [fetched(1, b"apple", &[&[4, 2, 8], &[4, 8]]), fetched(2, b"\xff\x00", &[])];
    let gaps = [gap(4, 12, 40)];
    let document = Document::new(Some(&node), Status::All, &messages, &gaps, Choice::Shortest);
    let times = r#""unread":true,"published_at":"2026-11-22T22:11:03.999300005Z","received_at":"2026-11-22T22:11:04.000000005Z""#;
    let expected = format!(
        r#"{{"node":"8","status":"all","messages":[{{"id":"4-17-1","origin":"4","text":"apple",{times},"paths":[["4","8"]],"path_times_us":[[0,214]]}},{{"id":"4-17-2","origin":"4","base64":"/wA=",{times},"paths":[],"path_times_us":[]}}],"gaps":[{{"origin":"4","incarnation":17,"from":12,"to":40,"count":29}}]}}"#
    );
    assert_eq!(serde_json::to_string(&document).unwrap(), expected);
    let none = Document::new(Some(&node), Status::All, &[], &[], Choice::All);
    assert_eq!(serde_json::to_string(&none).unwrap(), r#"{"node":"8","status":"all","messages":[],"gaps":[]}"#);
}

fn gap(origin: u32, first: u64, last: u64) -> Gap {
    Gap::whole(StreamId { origin: NodeId::numbered(origin), incarnation: Incarnation(17) }, first, last)
}

#[test]
fn what_was_given_up_is_said_in_words() {
    let said = [gap(4, 12, 40), gap(9, 3, 3)].map(|gap| Missing(&gap).to_string());
    assert_eq!(
        said,
        [
            "Given up: messages 12 to 40 of node 4 (no neighbour keeps them)",
            "Given up: message 3 of node 9 (no neighbour keeps it)"
        ]
    );
}

#[test]
fn a_message_spread_over_pages_is_put_together() {
    let page = |messages, paths| Page { messages, next: Some(Cursor { position: 2, paths }), through: 3, gaps: vec![] };
    let mut parts = Parts::default();
    let whole = parts.join(page(vec![fetched(1, b"a", &[]), fetched(2, b"b", &[&[1]])], 1));
    assert_eq!((whole.len(), parts.is_open()), (1, true));
    let more = Fetched { continued: true, ..fetched(2, b"", &[&[2], &[3]]) };
    assert!(parts.join(page(vec![more.clone()], 3)).is_empty() && parts.is_open());
    let whole = parts.join(page(vec![more, fetched(3, b"c", &[])], 0));
    assert_eq!(
        whole.iter().map(|message| (&*message.payload, message.paths.len())).collect::<Vec<_>>(),
        [(&b"b"[..], 5), (b"c", 0)]
    );
    assert!(!parts.is_open() && parts.finish().is_none());
}

fn endpoint(port: u16) -> Endpoint {
    Endpoint::from_ip([127, 0, 0, 1].into(), port)
}

/// The status of a node.
pub(super) fn state() -> NodeStatus {
    let peer = |number, up| PeerInfo {
        node: Some(NodeId::numbered(number)),
        endpoint: endpoint(7005),
        up,
        round_trip: up.then_some(Duration::from_micros(180)),
        state: None,
        role: LinkRole::Declared,
    };
    let counters = |count| [("delivered".to_owned(), 2), ("sent".to_owned(), count)].into();
    NodeStatus {
        node: NodeId::numbered(4),
        endpoint: endpoint(7004),
        network: "default".parse().unwrap(),
        instance: "a".parse().unwrap(),
        incarnation: Incarnation(17),
        version: "0.1.0".into(),
        uptime: Duration::from_millis(1500),
        peers: vec![peer(5, true), peer(6, false)],
        payload_len_max: 1 << 20,
        retained_messages: 2,
        retained_bytes: 1536,
        unread: 1,
        root: Some(NodeId::numbered(4)),
        health: Some(0),
        seen_messages: Some(2),
        digest: Some(7),
        missing: 0,
        given_up: 0,
        unproven: 0,
        disturbed: Vec::new(),
        name_taken: None,
        instance_unstored: None,
        level: Level::Memory,
        log_trouble: None,
        counters: counters(9),
        peer_counters: [("12".to_owned(), counters(5)), ("5".to_owned(), counters(4)), ("6".to_owned(), [].into())]
            .into(),
    }
}

/// Survey of a ring of nodes; those that are `gone` have ended, and their neighbours know it.
fn survey(nodes: u32, gone: &[u32]) -> Survey {
    let peer = |number: u32| PeerInfo {
        node: Some(NodeId::numbered(number)),
        endpoint: endpoint(7000 + number as u16),
        up: !gone.contains(&number),
        round_trip: (!gone.contains(&number)).then_some(Duration::from_micros(180)),
        state: Some(if gone.contains(&number) { MemberState::Down } else { MemberState::Up }),
        role: LinkRole::Declared,
    };
    let heard = |number: u32| {
        let (before, behind) = ((number + nodes - 2) % nodes + 1, number % nodes + 1);
        let (node, peers) = (NodeId::numbered(number), vec![peer(before), peer(behind)]);
        let status = NodeStatus { node, peers, ..state() };
        let outcome = if gone.contains(&number) { Outcome::Ended } else { Outcome::Said(Box::new(status)) };
        Heard { name: number.to_string(), endpoint: endpoint(7000 + number as u16), is_ours: true, outcome }
    };
    Survey { nodes: (1..=nodes).map(heard).collect(), is_whole: true }
}

fn report(survey: &Survey, with_peers: bool) -> Report {
    Report::new(&"default".parse().unwrap(), survey, &Overlay::of(survey).unwrap(), with_peers, false)
}

fn silent() -> Outcome {
    Outcome::Silent(ClientError::TimedOut { endpoint: endpoint(7003), after: Duration::from_secs(2) })
}

fn complaint(survey: &Survey) -> Result<(), CliError> {
    let overlay = Overlay::of(survey).unwrap();
    wording::complaint(&Judgement::of(survey, &overlay), survey.is_whole, &overlay, None)
}

#[test]
fn a_network_is_judged_at_a_glance() {
    let told = |survey: &Survey| {
        complaint(survey).map_or_else(|error| (error.exit_status(), error.to_string()), |()| (0, String::new()))
    };
    for (gone, first, second, status, words) in [
        (&[][..], "is healthy: all 6 nodes are up.", "Two node failures could split it.", 0, ""),
        (
            &[3],
            "is connected, but degraded: 5 of 6 nodes up, 1 down (3).",
            "One node failure could split it: any of nodes 1, 5-6; so could the loss of a bridge: 1–2, 1–6, 4–5, 5–6.",
            1,
            "1 of 6 nodes is down: 3",
        ),
        (
            &[3, 6],
            "is SPLIT into 2 parts: 4 of 6 nodes up, 2 down (3, 6).",
            "Parts: 1-2 | 4-5.",
            1,
            "the network is split into 2 parts: 1-2 | 4-5; 2 of 6 nodes are down: 3, 6",
        ),
    ] {
        let survey = survey(6, gone);
        let text = report(&survey, false).to_string();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(&*format!("Network 'default' {first}")));
        assert_eq!(lines.next(), Some(second));
        assert_eq!(told(&survey), (status, words.to_owned()));
    }
}

#[test]
fn a_screen_has_the_verdict_and_the_worst_nodes_first_whatever_there_is() {
    for (nodes, gone, hidden) in [(16, 11, None), (256, 200, Some(" more nodes, up")), (1, 1, None)] {
        let report = report(&survey(nodes, &[gone]), false);
        let frame = report.frame(80, 24);
        assert!(frame.len() <= 24 && frame[0].starts_with("Network 'default' is "), "{frame:#?}");
        let head = frame.iter().position(|line| line.starts_with("  node ")).unwrap();
        assert!(frame[head + 1].starts_with(&format!("  {gone} ")) && frame[head + 1].contains("down"), "{frame:#?}");
        assert!(frame[..head].iter().all(|line| line.chars().count() <= 80), "{frame:#?}");
        if let Some(hidden) = hidden {
            assert!(frame.len() == 24 && frame.last().is_some_and(|line| line.ends_with(hidden)), "{frame:#?}");
        }
    }
    // What was counted gives way to the verdict, and to the nodes not all.
    let frame = report(&survey(16, &[]), false).frame(60, 6);
    assert!(frame.iter().any(|line| line.contains(" could split it")), "{frame:#?}");
    let frame = report(&survey(16, &[11]), true).frame(80, 24);
    assert!(frame.len() == 24 && frame.iter().any(|line| line.starts_with("Gossip-Node-")), "{frame:#?}");
    assert!(frame.iter().filter(|line| line.contains("  up ")).count() >= 5, "{frame:#?}");
    assert!(frame.last().unwrap().ends_with(" more lines"), "{frame:#?}");
    let all: Vec<_> = (1..=256).collect();
    let frame = report(&survey(256, &all), false).frame(80, 24);
    assert!(frame[0].contains("DOWN") && frame.last().unwrap().ends_with("of them not up"), "{frame:#?}");
    assert_eq!(report(&survey(16, &[]), false).frame(40, 5).len(), 5);
}

#[test]
fn nothing_is_said_of_how_a_network_holds_in_which_nobody_lives() {
    let dead = survey(5, &[1, 2, 3, 4, 5]);
    let text = report(&dead, false).to_string();
    assert!(text.starts_with("Network 'default' is DOWN: 0 of 5 nodes up, 5 down (1-5).\n\n"), "{text}");
    assert!(!text.contains("split") && !text.contains("link"), "{text}");
    let error = complaint(&dead).unwrap_err();
    assert_eq!((error.exit_status(), &*error.to_string()), (1, "5 of 5 nodes are down: 1-5"));
    let json = serde_json::to_value(report(&dead, false)).unwrap();
    let told = ["ok", "health", "failures_to_split", "is_exact"].map(|field| json["verdict"][field].clone());
    assert_eq!(told, [false.into(), "down".into(), serde_json::Value::Null, false.into()]);

    let mut mute = survey(3, &[1]);
    for node in 1..3 {
        mute.nodes[node].outcome = silent();
    }
    let text = report(&mute, false).to_string();
    assert!(
        text.starts_with("Network 'default' is SILENT: 0 of 3 nodes up, 2 silent (2-3), 1 down (1).\n\n"),
        "{text}"
    );

    let one = report(&survey(3, &[1, 2]), false).to_string();
    let says = "is connected, but degraded: 1 of 3 nodes up, 2 down (1-2).\nOnly one node is up.";
    assert!(one.contains(says), "{one}");
}

#[test]
fn who_does_not_answer_or_is_not_heard_is_named() {
    let mut survey = survey(6, &[]);
    survey.nodes[2].outcome = silent();
    if let Outcome::Said(status) = &mut survey.nodes[4].outcome {
        status.peers[1].state = Some(MemberState::Suspect);
        (status.seen_messages, status.digest) = (Some(9), Some(1));
    }
    let text = report(&survey, false).to_string();
    let first = "is connected, but degraded: 4 of 6 nodes up, 1 suspect (6), 1 silent (3).";
    assert!(text.starts_with(&format!("Network 'default' {first}\n")), "{text}");
    assert!(text.contains("not heard by 5") && text.contains("no reply"), "{text}");
    let json = serde_json::to_value(report(&survey, false)).unwrap();
    let state = |node: usize| (json["nodes"][node]["state"].as_str().unwrap(), json["nodes"][node]["lag"].as_u64());
    assert_eq!([2, 4, 5].map(state), [("silent", None), ("up", Some(0)), ("suspect", Some(7))]);
    assert_eq!((&json["verdict"]["ok"], &json["verdict"]["equal"]), (&false.into(), &false.into()));
    // Equal hashes: what was given up has been seen, and yet not had.
    if let Outcome::Said(status) = &mut survey.nodes[4].outcome {
        (status.seen_messages, status.digest, status.given_up, status.unproven) = (Some(2), Some(7), 2, 4);
    }
    let json = serde_json::to_value(report(&survey, false)).unwrap();
    assert_eq!((&json["nodes"][4]["lag"], &json["verdict"]["equal"]), (&2.into(), &false.into()));
    assert!(report(&survey, false).to_string().contains("2 given up; 4 only heard of"));
    let error = complaint(&survey).unwrap_err();
    assert_eq!((error.exit_status(), &*error.to_string()), (3, "1 of 6 nodes did not answer: 3"));
}

#[test]
fn what_was_dropped_is_shown_by_node_peer_and_reason() {
    let mut survey = survey(3, &[]);
    if let Outcome::Said(status) = &mut survey.nodes[0].outcome {
        status.counters.extend([("queue_full".to_owned(), 3), ("refused_malformed".to_owned(), 1)]);
    }
    let plain = report(&survey, false).to_string();
    assert!(plain.ends_with("Drops, refusals, resends and gaps: queue_full 3, refused_malformed 1"), "{plain}");
    let full = report(&survey, true).to_string();
    for line in [
        "Gossip-Node-1: delivered 2, queue_full 3, refused_malformed 1, sent 9",
        "  Gossip-Node-2 (up, 180us)",
        "  Gossip-Node-5 (former peer): delivered 2, sent 4",
        "  Gossip-Node-12 (former peer): delivered 2, sent 5",
    ] {
        assert!(full.lines().any(|shown| shown == line), "no line {line:?} in\n{full}");
    }
    let json = serde_json::to_value(report(&survey, false)).unwrap();
    let (up, verdict) = (&json["nodes"][0], &json["verdict"]);
    assert_eq!((up["up"].as_bool(), up["peers"][0]["round_trip_us"].as_u64()), (Some(true), Some(180)));
    assert_eq!((&up["counters"]["sent"], &up["uptime_ms"]), (&9.into(), &1500.into()));
    assert_eq!((&verdict["troubles"]["queue_full"], &verdict["degree"]["mean"]), (&3.into(), &2.0.into()));
    assert_eq!((&verdict["failures_to_split"], &verdict["retained_bytes"]), (&serde_json::Value::Null, &4608.into()));
}

#[test]
fn completions_and_man_pages_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["gossip".into(), "gen".into(), folder.path().into()];
    Cli::read(arguments).unwrap().run(&mut Paper::default().output(Form::Text, false)).unwrap();
    for file in ["completions/gossip.bash", "completions/_gossip", "completions/gossip.fish"] {
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.contains("gossip complete "), "{file} does not ask the program");
    }
    let page = |name: &str| fs::read_to_string(folder.path().join(format!("man/{name}.1"))).unwrap();
    for name in ["gossip", "gossip-send-message", "gossip-chaos", "gossip-chaos-kill", "gossip-chaos-partition"] {
        let text = page(name);
        for section in ["NAME", "SYNOPSIS", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"] {
            assert!(
                text.contains(&format!(".SH \"{section}\"")) || text.contains(&format!(".SH {section}")),
                "{name}: {section}"
            );
        }
    }
    assert!(page("gossip").replace('\\', "").contains("send-message"));
    let sent = page("gossip-send-message");
    let parts =
        ["[OPTIONS] <NODE> <MESSAGE | ", "GOSSIP_NETWORK", ".SH EXAMPLES\n.nf\n", "3\\[u00D7] to its neighbors"];
    assert!(sent.is_ascii() && parts.iter().all(|part| sent.contains(part)) && !sent.contains("EXTRA"), "{sent}");
    assert!(
        sent.contains(".SH ARGUMENTS\n.TP\n\\fB<NODE>\\fR\nNumber or name") && sent.ends_with("gossip(1)\n"),
        "{sent}"
    );
    let kill = page("gossip-chaos-kill");
    assert!(kill.contains("SIGKILL") && kill.ends_with("gossip\\-chaos(1)\n"), "{kill}");
    assert!(page("gossip-chaos").contains("gossip(1), gossip\\-chaos\\-kill(1), "));
    assert!(!folder.path().join("man/gossip-gen.1").exists());
}

#[test]
fn a_simulation_is_told_as_text_and_as_json() {
    let run = |line: &str, form| {
        let paper = Paper::default();
        let mut out = paper.output(form, false);
        read(line).unwrap().run(&mut out).unwrap();
        out.flush().unwrap();
        paper.text()
    };
    let line = "gossip simulate circular -n 8 --latency 10ms --messages 3 --seed 5 --dissemination flood";
    let text = run(line, Form::Text);
    for says in [
        "Simulated circular · 8 nodes · latency 10ms · 3 messages of 100 B from random nodes · seed 5\n",
        "24 of 24: all 3 messages everywhere, nothing twice\n",
        "  last delivery  mean 40ms, at most 40ms\n",
        "  flood optimum  mean 40ms, at most 40ms → 1.000 × that\n",
        "  last hop       mean 4, at most 4\n",
        "  redundancy     mean 0.286, at most 0.286 (RMR)\n",
        "  frames         27 of messages",
    ] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    let [json, again] = [(); 2].map(|()| run(&format!("{line} --json"), Form::Json));
    let [json, again] = [json, again].map(|json| serde_json::from_str::<serde_json::Value>(&json).unwrap());
    assert_eq!((&json["delivery_ratio"], &json["report"]["message_frames"]), (&1.0.into(), &27.into()));
    assert_eq!(json["trace_hash"], again["trace_hash"]);
    let several = run("gossip simulate --chaos --seeds 5 --seed 3", Form::Text);
    assert!(several.starts_with("Simulated 5 random scenarios · seeds 3-7\n"), "{several}");
}

/// Returns whether golden files are to be written anew instead of compared: `GOSSIP_UPDATE_GOLDEN=1 cargo test help_is`.
fn updates_golden() -> bool {
    env::var_os("GOSSIP_UPDATE_GOLDEN").is_some()
}

#[test]
fn help_is_as_agreed() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help");
    let mut program = Cli::command().term_width(100);
    program.build();
    let commands = program.get_subcommands().filter(|command| command.get_name() != "help").cloned();
    for mut command in std::iter::once(program.clone()).chain(commands) {
        command = command.term_width(100);
        let name = command.get_name().to_owned();
        compare(&folder.join(format!("{name}.short.txt")), &command.render_help().to_string());
        compare(&folder.join(format!("{name}.txt")), &command.render_long_help().to_string());
    }
}

fn compare(golden: &FilePath, found: &str) {
    // Clap leaves spaces on empty lines, which no editor would keep.
    let found: String = found.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    if updates_golden() {
        fs::create_dir_all(golden.parent().unwrap()).unwrap();
        fs::write(golden, &found).unwrap();
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    assert_eq!(found, expected, "{} differs; write it anew with GOSSIP_UPDATE_GOLDEN=1", golden.display());
}
