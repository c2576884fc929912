//! What the kernel says: of the machine, of a process, of the loopback interface.

use crate::Failure;
use std::{fs, thread};

/// One line that says on what the numbers were measured.
pub(crate) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU", |(_, name)| name);
    let memory = kilobytes(&read("/proc/meminfo"), "MemTotal:").unwrap_or_default() >> 20;
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let (kernel, load) = (read("/proc/sys/kernel/osrelease"), read("/proc/loadavg"));
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} cores ({model}), {memory} GiB, Linux {}, load before {load}", kernel.trim())
}

/// Nanoseconds that all threads of these processes have run, user and system.
pub(crate) fn cpu_nanos(pids: impl Iterator<Item = u32>) -> Result<u64, Failure> {
    let mut sum = 0;
    for pid in pids {
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let ran = text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok());
            sum += ran.ok_or_else(|| Failure::new(format!("the kernel does not say how long process {pid} ran")))?;
        }
    }
    Ok(sum)
}

/// Bytes of memory that these processes take, what they share divided among those who share it.
pub(crate) fn pss_bytes(pids: impl Iterator<Item = u32>) -> Result<u64, Failure> {
    let mut sum = 0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let pss = kilobytes(&text, "Pss:");
        sum += pss.ok_or_else(|| Failure::new(format!("the kernel does not say what memory process {pid} takes")))?;
    }
    Ok(sum << 10)
}

/// Bytes that have gone over the loopback interface, with their IP and TCP headers: those of every program of this
/// network namespace.
pub(crate) fn loopback_bytes() -> Result<u64, Failure> {
    let text = fs::read_to_string("/proc/net/dev")?;
    let counts = text.lines().find_map(|line| line.trim_start().strip_prefix("lo:"));
    let received = counts.and_then(|counts| counts.split_whitespace().next()?.parse().ok());
    received.ok_or_else(|| Failure::new("the kernel does not count what goes over the loopback interface"))
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}
