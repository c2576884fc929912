//! Programs in other languages: how they are found, run, and bounded in time.

use std::{
    env,
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Time that a story may take. Each wait in it has a shorter deadline of its own.
const DEADLINE: Duration = Duration::from_secs(240);
/// Time that a killed one may take to be gone.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// A program with its interpreter and the settings that it needs.
pub(crate) struct Program {
    command: Vec<OsString>,
}

/// A Python program of this package.
pub(crate) fn python(script: &str) -> Program {
    let interpreter = tools().join("venv/bin/python");
    assert!(interpreter.exists(), "no {}: `make test` sets it up", interpreter.display());
    Program { command: vec![interpreter.into(), root().join(script).into()] }
}

/// A JavaScript program of this package.
pub(crate) fn javascript(script: &str) -> Program {
    let modules = tools().join("node_modules/zeromq");
    assert!(modules.exists(), "no {}: `make test` sets it up", modules.display());
    Program { command: vec!["node".into(), root().join(script).into()] }
}

/// A program of the package `clients/rust`, which is built first.
pub(crate) fn rust(program: &str) -> Program {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let target = tools().join("rust");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--bins", "--examples", "--manifest-path"])
            .arg(root().join("clients/rust/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "clients/rust does not build");
        target.join("debug")
    });
    Program { command: vec![folder.join(program).into()] }
}

impl Program {
    /// The interpreter and the script, for a program that starts this one.
    pub(crate) fn command_line(&self) -> Vec<String> {
        self.command.iter().map(|part| part.to_str().expect("a path in UTF-8").to_owned()).collect()
    }

    /// Runs to the end and returns what was printed; fails if the program does, or does not end.
    pub(crate) fn run(&self, first: &str, arguments: &[String]) -> String {
        let child = Command::new(&self.command[0])
            .args(&self.command[1..])
            .arg(first)
            .args(arguments)
            .env("NODE_PATH", tools().join("node_modules"))
            .env_remove("GOSSIP_NETWORK")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} does not start: {error}; see `make test`", self.command[0]));
        let pid = Pid::from_child(&child);
        let (done, ended) = mpsc::channel();
        thread::spawn(move || done.send(child.wait_with_output()));
        let output = ended.recv_timeout(DEADLINE).or_else(|_| {
            // With what it started, which holds its streams open.
            let _ = kill_process_group(pid, Signal::KILL);
            ended.recv_timeout(LAST_WORDS)
        });
        let output = output.unwrap_or_else(|_| panic!("{first} is killed and its streams stay open"));
        let output = output.expect("its output can be read");
        let (printed, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{first}: {}\n{printed}{complaints}", output.status);
        printed.into_owned()
    }
}

/// Folder where `make test` puts packages of other languages.
fn tools() -> PathBuf {
    env::var_os("GOSSIP_INTEROP").map_or_else(|| root().join("target/interop"), PathBuf::from)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
