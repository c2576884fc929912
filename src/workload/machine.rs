//! Measurements by the kernel: of the machine, of a process, of the loopback interface.

use std::{fs, io, thread};

/// One line that says on what the numbers were measured.
pub fn describe() -> String {
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

/// Meter of what some processes and the loopback interface have done since it was made.
pub struct Meter {
    pids: Vec<u32>,
    began: Used,
}

/// Use of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// Nanoseconds that all threads of the processes ran.
    pub cpu_nanos: u64,
    /// Bytes over the loopback interface.
    pub wire_bytes: u64,
}

impl Meter {
    /// Begins to measure.
    pub fn start(pids: impl Iterator<Item = u32>) -> io::Result<Self> {
        let pids: Vec<_> = pids.collect();
        let began = used(&pids)?;
        Ok(Self { pids, began })
    }

    /// Use since the meter was started.
    pub fn stop(&self) -> io::Result<Used> {
        let Used { cpu_nanos, wire_bytes } = used(&self.pids)?;
        Ok(Used { cpu_nanos: cpu_nanos - self.began.cpu_nanos, wire_bytes: wire_bytes - self.began.wire_bytes })
    }
}

fn used(pids: &[u32]) -> io::Result<Used> {
    Ok(Used { cpu_nanos: cpu_nanos(pids.iter().copied())?, wire_bytes: loopback_bytes()? })
}

/// Nanoseconds that all threads of these processes have run, user and system.
pub fn cpu_nanos(pids: impl Iterator<Item = u32>) -> io::Result<u64> {
    let mut sum = 0;
    for pid in pids {
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let ran = text.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok());
            sum += ran.ok_or_else(|| missing(format!("how long process {pid} ran")))?;
        }
    }
    Ok(sum)
}

/// Bytes of memory that these processes take, what they share divided among those who share it.
pub fn pss_bytes(pids: impl Iterator<Item = u32>) -> io::Result<u64> {
    let mut sum = 0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let pss = kilobytes(&text, "Pss:");
        sum += pss.ok_or_else(|| missing(format!("what memory process {pid} takes")))?;
    }
    Ok(sum << 10)
}

/// Bytes that have gone over the loopback interface, with their IP and TCP headers: those of every program of this
/// network namespace.
pub fn loopback_bytes() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/net/dev")?;
    let counts = text.lines().find_map(|line| line.trim_start().strip_prefix("lo:"));
    let received = counts.and_then(|counts| counts.split_whitespace().next()?.parse().ok());
    received.ok_or_else(|| missing("what goes over the loopback interface".to_owned()))
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}

fn missing(what: String) -> io::Error {
    io::Error::other(format!("the kernel does not say {what}"))
}
