//! Folders of networks on disk: one each, under the user's state folder as the XDG base
//! directory specification 0.8 names it.

pub mod stored;

use self::stored::StoredNetwork;
use super::{error::LaunchError, manifest::Manifest, process::count_nodes};
use crate::{
    clock::Deadline,
    core::id::{NetworkName, NodeId},
    disk,
};
use std::{
    collections::BTreeMap,
    env, fs,
    fs::{File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Interval at which a held lock is tried again.
const LOCK_STEP: Duration = Duration::from_millis(10);

/// Runs of a network whose logs and pictures are kept beside those of the last one.
const EARLIER_MAX: usize = 2;

/// Bytes for which there must be room before a change begins: what nodes write when they start.
const ROOM: u64 = 64 << 10;

/// Pictures of a network: its declared topology, the overlay at one time, the way of a message.
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
        root(|name| env::var_os(name).map(PathBuf::from)).map(Self::at).ok_or(LaunchError::NoHome)
    }

    /// Number of nodes that run of each network, whoever started them, as long as they have their state here, too.
    pub fn count_nodes(&self) -> BTreeMap<NetworkName, usize> {
        count_nodes(|variable| root(|name| variable(name).map(PathBuf::from)).as_ref() == Some(&self.root))
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

    /// Folder of what nodes write: incarnations and logs.
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
        create(&self.nodes())
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

    /// Returns whether there is anything in it but what any start makes first.
    pub fn is_bare(&self) -> bool {
        let count = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().count();
        let made = usize::from(self.path.join("lock").exists()) + usize::from(self.nodes().exists());
        count(&self.path) == made && count(&self.nodes()) == 0
    }

    /// Folder of logs and pictures of an earlier run: 1 is the one before the present.
    pub fn earlier(&self, run: usize) -> PathBuf {
        self.path.join("earlier").join(run.to_string())
    }

    /// Sets logs and pictures of the last run aside, beside those of the run before it; older ones are removed. Incarnations
    /// stay where they are: none may be used twice.
    pub fn set_aside(&self) -> Result<(), LaunchError> {
        let nodes = self.nodes();
        let entries = fs::read_dir(&nodes).map_err(LaunchError::file("read", nodes))?;
        let logs = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("log".as_ref()));
        let pictures = PICTURES.iter().flat_map(|name| ["svg", "png"].map(|extension| self.picture(name, extension)));
        let files: Vec<_> = logs.chain(pictures.filter(|path| path.exists())).collect();
        if files.is_empty() {
            return Ok(());
        }
        let oldest = self.earlier(EARLIER_MAX);
        if oldest.exists() {
            fs::remove_dir_all(&oldest).map_err(LaunchError::file("remove", &oldest))?;
        }
        for run in (1..EARLIER_MAX).rev().filter(|&run| self.earlier(run).exists()) {
            rename(&self.earlier(run), &self.earlier(run + 1))?;
        }
        let last = self.earlier(1);
        create(&last)?;
        files.iter().try_for_each(|file| rename(file, &last.join(file.file_name().unwrap_or_default())))
    }

    /// The record; `None` if there is none.
    pub fn read_record(&self) -> Result<Option<Manifest>, LaunchError> {
        let path = self.record();
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LaunchError::file("read", path)(error)),
            Ok(bytes) => match Manifest::from_json(&bytes) {
                Ok(mut manifest) => {
                    manifest.complete();
                    Ok(Some(manifest))
                }
                Err(why) => Err(LaunchError::Record { network: self.network.clone(), path, why: why.to_string() }),
            },
        }
    }

    /// Puts the record in place whole: a reader sees the old one or the new one, also after a crash. That of a durable network
    /// is kept beside its data, too.
    pub fn write_record(&self, manifest: &Manifest) -> Result<(), LaunchError> {
        self.write_whole(&self.record(), manifest, 0)?;
        self.keep(manifest)
    }

    /// The data of a durable network that does not say where it is to be.
    pub fn data(&self) -> StoredNetwork {
        StoredNetwork::at(self.path.join("data"))
    }

    fn keep(&self, manifest: &Manifest) -> Result<(), LaunchError> {
        manifest.data.clone().map_or(Ok(()), |data| StoredNetwork::at(data).keep(manifest))
    }

    /// The record as it is to be after a change that is being made.
    pub(super) fn next(&self) -> PathBuf {
        self.path.join("network.json.next")
    }

    /// Puts the record as it is to be beside the one that holds; not without room for what the change needs.
    pub(super) fn write_next(&self, manifest: &Manifest) -> Result<(), LaunchError> {
        self.write_whole(&self.next(), manifest, ROOM)
    }

    /// The record as it is to be, if a change is being made or was left half made. One that makes no sense says nothing.
    pub(super) fn read_next(&self) -> Result<Option<Manifest>, LaunchError> {
        let path = self.next();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(LaunchError::file("read", &path))?,
        };
        let Ok(mut manifest) = Manifest::from_json(&bytes) else { return self.withdraw().map(|()| None) };
        manifest.complete();
        Ok(Some(manifest))
    }

    /// The record as it was to be is the record now. It needs no room.
    pub(super) fn commit(&self) -> Result<(), LaunchError> {
        rename(&self.next(), &self.record())?;
        self.sync()?;
        self.read_record()?.map_or(Ok(()), |manifest| self.keep(&manifest))
    }

    /// Nothing is to be changed.
    pub(super) fn withdraw(&self) -> Result<(), LaunchError> {
        remove_file(&self.next())?;
        self.sync()
    }

    fn write_whole(&self, path: &Path, manifest: &Manifest, room: u64) -> Result<(), LaunchError> {
        let written = disk::replace(path, |file| write_with_room(file, &manifest.to_json(), room));
        written.map(drop).map_err(|error| LaunchError::file("write", error.path)(error.source))
    }

    /// Makes sure that what was renamed or removed in the folder stays so.
    fn sync(&self) -> Result<(), LaunchError> {
        disk::sync_folder(&self.path).map_err(LaunchError::file("write", &self.path))
    }

    /// Removes the record, if there is one.
    pub fn remove_record(&self) -> Result<(), LaunchError> {
        for name in ["network.json.new", "network.json.next.new", "network.json.next"] {
            remove_file(&self.path.join(name))?;
        }
        remove_file(&self.record())
    }
}

/// The folder of all networks, as variables of an environment name it.
fn root(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let folder = |name| variable(name).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("gossip"))
}

/// Writes a file to the disk, which must have `room` bytes more at this moment.
fn write_with_room(file: &mut File, bytes: &[u8], room: u64) -> io::Result<()> {
    use rustix::{
        fs::{FallocateFlags, fallocate},
        io::Errno,
    };
    let len = bytes.len() as u64;
    match fallocate(&mut *file, FallocateFlags::empty(), 0, len + room) {
        // Some file systems cannot say; what is written is on the disk all the same.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    file.write_all(bytes)?;
    file.set_len(len)
}

fn create(folder: &Path) -> Result<(), LaunchError> {
    disk::create_folder(folder).map_err(LaunchError::file("create", folder))
}

fn rename(from: &Path, to: &Path) -> Result<(), LaunchError> {
    fs::rename(from, to).map_err(LaunchError::file("write", to))
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
    fn logs_and_pictures_of_the_last_three_runs_stay() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        let life = folder.nodes().join("4.incarnation");
        fs::write(&life, "x").unwrap();
        for run in ["one", "two", "three", "four"] {
            folder.set_aside().unwrap();
            for path in [folder.log(&NodeId::numbered(4)), folder.picture("overlay", "svg")] {
                assert!(!path.exists());
                fs::write(path, run).unwrap();
            }
        }
        assert_eq!(fs::read_to_string(folder.log(&NodeId::numbered(4))).unwrap(), "four");
        for (run, text) in [(1, "three"), (2, "two")] {
            let read = |name: &str| fs::read_to_string(folder.earlier(run).join(name)).unwrap();
            assert_eq!([read("4.log"), read("overlay.svg")], [text, text]);
        }
        assert!(!folder.earlier(3).exists() && life.exists());
        // A run that left nothing takes the place of none.
        folder.set_aside().unwrap();
        folder.set_aside().unwrap();
        assert_eq!(fs::read_to_string(folder.earlier(1).join("4.log")).unwrap(), "four");
    }

    #[test]
    fn what_is_to_be_is_the_record_only_once_it_is_committed() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        let (before, mut next) = (sample(), sample());
        next.forget(&NodeId::numbered(1));
        folder.write_record(&before).unwrap();
        folder.write_next(&next).unwrap();
        assert_eq!(folder.read_record().unwrap(), Some(before.clone()));
        folder.withdraw().unwrap();
        assert_eq!((folder.read_record().unwrap(), folder.read_next().unwrap()), (Some(before), None));
        folder.write_next(&next).unwrap();
        folder.commit().unwrap();
        assert_eq!((folder.read_record().unwrap(), folder.read_next().unwrap()), (Some(next), None));
        fs::write(folder.next(), "{").unwrap();
        assert_eq!(folder.read_next().unwrap(), None);
        assert!(!folder.next().exists(), "what makes no sense is removed");
    }
}
