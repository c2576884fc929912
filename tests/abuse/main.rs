//! Abuse of a node by hostile, broken and merely unlucky programs: real processes, real sockets. Each test shows that the
//! node goes on serving an honest client, counts what it refused, and stays within its bounds of memory.
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod dealer;
mod ending;
mod frames;
mod gaps;
mod idle;
mod links;
mod names;
mod node;
mod peers;
mod readers;
mod relay;
mod roots;
mod sizes;
mod stalled;
mod zmtp;
