//! Version and build details, as `gossip --version` prints them.

use crate::transport::context::{can_encrypt, libzmq_version};
use serde::Serialize;
use std::fmt;

/// The program's version and, for those who ask, what it was built from.
#[derive(Debug, Serialize)]
pub struct Version {
    version: &'static str,
    #[serde(flatten)]
    build: Option<Build>,
}

/// Stamped by `build.rs`; `unknown` where it could not be told.
#[derive(Debug, Serialize)]
struct Build {
    revision: &'static str,
    date: &'static str,
    target: &'static str,
    profile: &'static str,
    libzmq: String,
    /// True if libzmq can encrypt: `yes` in every build that is shipped.
    curve: &'static str,
}

impl Version {
    /// The version; with `verbose` the rest, too.
    pub fn new(verbose: bool) -> Self {
        Self { version: env!("CARGO_PKG_VERSION"), build: verbose.then(Build::stamped) }
    }
}

impl Build {
    fn stamped() -> Self {
        let (major, minor, patch) = libzmq_version();
        let known = |stamp: Option<&'static str>| stamp.unwrap_or("unknown");
        Self {
            revision: known(option_env!("GOSSIP_REVISION")),
            date: known(option_env!("GOSSIP_COMMIT_DATE")),
            target: known(option_env!("GOSSIP_TARGET")),
            profile: known(option_env!("GOSSIP_PROFILE")),
            libzmq: format!("{major}.{minor}.{patch}"),
            curve: if can_encrypt() { "yes" } else { "no" },
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gossip {}", self.version)?;
        let Some(build) = &self.build else { return Ok(()) };
        write!(f, "\nrevision {}\ndate {}", build.revision, build.date)?;
        write!(f, "\ntarget {}\nprofile {}", build.target, build.profile)?;
        write!(f, "\nlibzmq {}\ncurve {}", build.libzmq, build.curve)
    }
}
