//! Where networks keep what they leave on disk: one folder each, under the user's state folder as the XDG base
//! directory specification 0.8 names it.

use super::{error::LaunchError, manifest::Manifest};
use crate::{
    clock::Deadline,
    core::id::{NetworkName, NodeId},
};
use std::{
    env, fs,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How often a held lock is tried again.
const LOCK_STEP: Duration = Duration::from_millis(10);

/// What pictures of a network show: its declared topology, the overlay at one time, the way of a message.
pub const PICTURES: [&str; 3] = ["topology", "overlay", "message"];

/// The folder of all networks of this user.
#[derive(Debug, Clone)]
pub struct Networks {
    root: PathBuf,
}

impl Networks {
    /// `$XDG_STATE_HOME/gossip`, or `~/.local/state/gossip`; a relative folder is ignored, as the specification
    /// demands.
    pub fn from_environment() -> Result<Self, LaunchError> {
        let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")));
        state.map(|state| Self::at(state.join("gossip"))).ok_or(LaunchError::NoHome)
    }

    /// Networks under `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of them all.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one network; it need not exist.
    pub fn folder(&self, network: &NetworkName) -> Folder {
        Folder { network: network.clone(), path: self.root.join(network.as_str()) }
    }

    /// Networks that have a record, by name.
    pub fn recorded(&self) -> Vec<Folder> {
        self.all().into_iter().filter(|folder| folder.record().exists()).collect()
    }

    /// Networks that have a folder, by name: also those that were stopped and have left something.
    pub fn all(&self) -> Vec<Folder> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.path().is_dir());
        let names = folders.filter_map(|entry| entry.file_name().to_str()?.parse::<NetworkName>().ok());
        let mut folders: Vec<_> = names.map(|name| self.folder(&name)).collect();
        folders.sort_by(|a, b| a.network.cmp(&b.network));
        folders
    }
}

/// The folder of one network.
#[derive(Debug, Clone)]
pub struct Folder {
    network: NetworkName,
    path: PathBuf,
}

/// Keeps other commands from starting or stopping the same network; released when dropped.
#[derive(Debug)]
#[must_use]
pub struct Lock(#[expect(dead_code, reason = "closing it releases the lock")] File);

impl Folder {
    /// Whose folder it is.
    pub fn network(&self) -> &NetworkName {
        &self.network
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The record of processes.
    pub fn record(&self) -> PathBuf {
        self.path.join("network.json")
    }

    /// What nodes write: incarnations and logs.
    pub fn nodes(&self) -> PathBuf {
        self.path.join("nodes")
    }

    /// The text log of a node.
    pub fn log(&self, node: &NodeId) -> PathBuf {
        self.nodes().join(format!("{node}.log"))
    }

    /// A picture of the network, one of [`PICTURES`], with this extension.
    pub fn picture(&self, name: &str, extension: &str) -> PathBuf {
        self.path.join(name).with_extension(extension)
    }

    /// The chart of a simulation with this extension.
    pub fn chart(&self, extension: &str) -> PathBuf {
        self.path.join("simulation").with_extension(extension)
    }

    /// Makes the folder, if need be, for this user alone.
    pub fn create(&self) -> Result<(), LaunchError> {
        use std::os::unix::fs::DirBuilderExt;
        let nodes = self.nodes();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&nodes).map_err(LaunchError::file("create", nodes))
    }

    /// Takes the lock of a folder that exists, waiting for whoever has it until `deadline`, or until `interrupted` is
    /// set.
    pub fn lock(&self, deadline: &Deadline, interrupted: Option<&AtomicBool>) -> Result<Lock, LaunchError> {
        let path = self.path.join("lock");
        let waited = deadline.remaining();
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(LaunchError::file("create", &path))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::Error(source)) => return Err(LaunchError::file("lock", path)(source)),
                Err(TryLockError::WouldBlock) if interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) => {
                    return Err(LaunchError::Interrupted);
                }
                Err(TryLockError::WouldBlock) if deadline.pause(LOCK_STEP) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LaunchError::Busy { network: self.network.clone(), after: waited });
                }
            }
        }
    }

    /// Removes logs and pictures of an earlier start. Incarnations stay: none may be used twice.
    pub fn clear(&self) -> Result<(), LaunchError> {
        let nodes = self.nodes();
        let entries = fs::read_dir(&nodes).map_err(LaunchError::file("read", nodes))?;
        let logs = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("log".as_ref()));
        let pictures = PICTURES.iter().flat_map(|name| ["svg", "png"].map(|extension| self.picture(name, extension)));
        for path in logs.chain(pictures) {
            remove_file(&path)?;
        }
        Ok(())
    }

    /// The record; `None` if there is none.
    pub fn read_record(&self) -> Result<Option<Manifest>, LaunchError> {
        let path = self.record();
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LaunchError::file("read", path)(error)),
            Ok(bytes) => match Manifest::from_json(&bytes) {
                Ok(manifest) => Ok(Some(manifest)),
                Err(why) => Err(LaunchError::Record { network: self.network.clone(), path, why: why.to_string() }),
            },
        }
    }

    /// The record of a network that must have one.
    pub fn require_record(&self, networks: &Networks) -> Result<Manifest, LaunchError> {
        self.read_record()?.ok_or_else(|| LaunchError::NoNetwork {
            network: self.network.clone(),
            others: networks.recorded().iter().map(|folder| folder.network.to_string()).collect(),
        })
    }

    /// Puts the record in place whole: a reader sees the old one or the new one.
    pub fn write_record(&self, manifest: &Manifest) -> Result<(), LaunchError> {
        let (path, draft) = (self.record(), self.path.join("network.json.new"));
        fs::write(&draft, manifest.to_json()).map_err(LaunchError::file("write", &draft))?;
        fs::rename(&draft, &path).map_err(LaunchError::file("write", path))
    }

    /// Removes the record, if there is one.
    pub fn remove_record(&self) -> Result<(), LaunchError> {
        remove_file(&self.path.join("network.json.new"))?;
        remove_file(&self.record())
    }
}

fn remove_file(path: &Path) -> Result<(), LaunchError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LaunchError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launcher::manifest::tests::sample;

    fn folder(root: &Path) -> Folder {
        let folder = Networks::at(root).folder(&"net".parse().unwrap());
        folder.create().unwrap();
        folder
    }

    #[test]
    fn a_record_is_written_read_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let (networks, folder) = (Networks::at(root.path()), folder(root.path()));
        assert!(folder.read_record().unwrap().is_none());
        assert!(networks.recorded().is_empty());
        folder.write_record(&sample()).unwrap();
        assert_eq!(folder.read_record().unwrap(), Some(sample()));
        assert_eq!(networks.recorded().len(), 1);
        folder.remove_record().unwrap();
        folder.remove_record().unwrap();
        let error = folder.require_record(&networks).unwrap_err();
        assert_eq!(error.to_string(), "network 'net' is not running; start one with 'gossip start-network'");
    }

    #[test]
    fn a_damaged_record_is_named_and_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        fs::write(folder.record(), "{\"network\":").unwrap();
        let text = folder.read_record().unwrap_err().to_string();
        assert!(text.contains("network.json is damaged (EOF") && text.contains("remove the file"), "{text}");
        assert!(folder.record().exists());
    }

    #[test]
    fn one_command_at_a_time_has_the_lock() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        let held = folder.lock(&Deadline::after(Duration::ZERO), None).unwrap();
        let busy = folder.lock(&Deadline::after(Duration::from_millis(30)), None).unwrap_err();
        assert!(matches!(busy, LaunchError::Busy { .. }), "{busy}");
        let patient = Deadline::after(Duration::from_secs(60));
        let interrupted = folder.lock(&patient, Some(&AtomicBool::new(true))).unwrap_err();
        assert!(matches!(interrupted, LaunchError::Interrupted), "{interrupted}");
        drop(held);
        let _held = folder.lock(&Deadline::after(Duration::ZERO), None).unwrap();
    }

    #[test]
    fn a_new_start_clears_logs_and_pictures_but_no_incarnation() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        let [log, svg, life] =
            [folder.log(&NodeId::numbered(4)), folder.picture("overlay", "svg"), folder.nodes().join("4.incarnation")];
        for path in [&log, &svg, &life] {
            fs::write(path, "x").unwrap();
        }
        folder.clear().unwrap();
        assert_eq!([&log, &svg, &life].map(|path| path.exists()), [false, false, true]);
    }
}
