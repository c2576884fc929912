//! Guards what a delivered message costs in `wire` and `core`: its allocations and instructions, held against what they came
//! to before (`baseline.json`). `make guards` measures; `docs/performance.md` says how and what for.

#[path = "../../fuzz/allocations.rs"]
mod allocations;
mod baseline;
mod callgrind;
mod load;

use baseline::Costs;
use load::{DELIVERIES, Net};
use std::{env, error::Error, fs, path::Path, process::Command};

/// Variable with the options of the guards: `--record`, or nothing.
const OPTIONS: &str = "GOSSIP_GUARDS";

#[test]
#[ignore = "needs optimised code and valgrind: make guards"]
fn guards() -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guards/baseline.json");
    let options = env::var(OPTIONS).unwrap_or_default();
    let records = match options.trim() {
        "" => false,
        "--record" => true,
        other => return Err(format!("unknown option '{other}'; --record writes a new baseline").into()),
    };
    if cfg!(debug_assertions) {
        return Err("built with debug assertions, whose cost nobody pays: make guards builds without".into());
    }
    let mut net = Net::warm();
    let allocations = net.measured_part();
    let functions = callgrind::measure("under_valgrind", "measured_part")?;
    let costs = Costs::new(toolchain()?, DELIVERIES, &allocations, &functions);
    if records {
        fs::write(&path, costs.to_json()?)?;
        println!("{}written to {}", costs.report(), path.display());
        return Ok(());
    }
    let before = Costs::from_json(&fs::read_to_string(&path)?)?;
    let verdict = baseline::compare(&before, &costs);
    println!("{}", verdict.text);
    if verdict.is_worse { Err("a delivery costs more than before".into()) } else { Ok(()) }
}

/// The same work for [`callgrind::measure`].
#[test]
#[ignore = "make guards runs it under valgrind"]
fn under_valgrind() {
    Net::warm().measured_part();
}

/// Compiler and processor, on which instructions depend.
fn toolchain() -> Result<String, Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    Ok(format!("{}, {}", String::from_utf8(output.stdout)?.trim(), env::consts::ARCH))
}
