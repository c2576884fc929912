//! Instructions by function, counted by valgrind's callgrind: the same on a busy machine and on an idle one.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Instructions of the functions of one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Functions {
    /// By function of the program.
    pub(crate) own: BTreeMap<String, u64>,
    /// Those of libraries: the allocator and copying, which differ with the system's libc and the processor.
    pub(crate) libraries: u64,
}

/// Runs the test `test` of this program under callgrind and counts within the function `part`.
pub(crate) fn measure(test: &str, part: &str) -> Result<Functions, Box<dyn Error>> {
    let program = env::current_exe()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("callgrind.out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--dump-line=no"])
        .arg(format!("--toggle-collect=*{part}*"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(&program)
        .args(["--ignored", "--exact", test])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind does not start ({error}); on Debian: apt install valgrind"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("valgrind: {}\n{text}", output.status).into());
    }
    let functions = parse(&fs::read_to_string(file)?, &program);
    if functions.own.is_empty() { Err(format!("callgrind saw no function '{part}'").into()) } else { Ok(functions) }
}

/// Reads callgrind's format (its manual, *Callgrind Format Specification*): self cost by function. What drives the work
/// is not counted.
fn parse(text: &str, program: &Path) -> Functions {
    let program = program.display().to_string();
    let (mut objects, mut names) = (Dictionary::default(), Dictionary::default());
    let (mut object, mut name) = (String::new(), String::new());
    let mut functions = Functions::default();
    let mut is_call = false;
    for line in text.lines() {
        if let Some((key, value)) = line.split_once('=').filter(|(key, _)| key.chars().all(char::is_alphabetic)) {
            match key {
                "ob" => object = objects.look_up(value),
                "cob" => drop(objects.look_up(value)),
                "fn" => name = names.look_up(value),
                "cfn" => drop(names.look_up(value)),
                // The cost on the next line is that of the function called, which is counted there.
                "calls" => is_call = true,
                _ => {}
            }
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
            if std::mem::take(&mut is_call) || cost == 0 {
                continue;
            }
            if object != program {
                functions.libraries += cost;
            } else if !name.contains("guards::") {
                *functions.own.entry(plain(&name)).or_default() += cost;
            }
        }
    }
    functions
}

/// Names that are written once, and called by a number from then on.
#[derive(Default)]
struct Dictionary(BTreeMap<String, String>);

impl Dictionary {
    /// The name that `(7) name`, `(7)` or `name` stands for.
    fn look_up(&mut self, text: &str) -> String {
        let Some((number, name)) = text.strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
            return text.to_owned();
        };
        match name.trim() {
            "" => self.0.get(number).cloned().unwrap_or_default(),
            name => {
                self.0.insert(number.to_owned(), name.to_owned());
                name.to_owned()
            }
        }
    }
}

/// A function's name without the hash that tells it from others of the name, and without callgrind's number of a cycle.
fn plain(name: &str) -> String {
    let name = name.split('\'').next().unwrap_or(name);
    let is_hash = |tail: &str| tail.len() == 16 && tail.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.rsplit_once("::h") {
        Some((head, tail)) if is_hash(tail) => head.to_owned(),
        _ => name.to_owned(),
    }
}

#[test]
fn what_callgrind_writes_is_read() {
    let text = "\
version: 1
events: Ir
ob=(1) /target/guards
fl=(1) ???
fn=(1) gossip::core::dissemination::seen::Seen::insert::h0123456789abcdef
0 70
cob=(2) /lib/libc.so.6
cfn=(2) malloc
calls=3 0
0 900
0 30

ob=(2)
fn=(2)
+3 900

ob=(1)
fn=(3) guards::load::Net::deliver
0 5000
fn=(1)
* 1
fn=(4) <gossip::wire::Decoder>::decode
0 8
totals: 6009
";
    let functions = parse(text, Path::new("/target/guards"));
    let own = [("gossip::core::dissemination::seen::Seen::insert", 101), ("<gossip::wire::Decoder>::decode", 8)];
    assert_eq!(functions.own, own.map(|(name, cost)| (name.to_owned(), cost)).into());
    assert_eq!(functions.libraries, 900);
}
