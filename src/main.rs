//! The `gossip` program: parse, run, map the error to an exit code.

use gossip::cli::{
    Cli, Output,
    args::{wants_colours, wants_json},
    output::Form,
};
use std::{ffi::OsString, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let form = if wants_json(&arguments) { Form::Json } else { Form::Text };
    let mut out = Output::stdout(form, wants_colours(&arguments));
    let result = Cli::read(arguments).and_then(|cli| cli.run(&mut out));
    out.finish(result)
}
