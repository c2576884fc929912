//! The one number that must survive a node: its incarnation. It is raised and stored before the node says a word,
//! so no id is ever minted twice. Spec: `docs/spec/gossip-bus.md`, section 7.

use super::error::StoreError;
use crate::{
    clock::Deadline,
    core::{
        id::{Incarnation, Instance, NetworkName, NodeId},
        time::Wall,
    },
    disk,
};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// A life of a node that has begun. While it lasts, nobody else can begin one of that name in that folder.
#[derive(Debug)]
pub struct Life {
    incarnation: Incarnation,
    path: PathBuf,
    _lock: File,
}

impl Life {
    /// Begins a new life of `node`: takes [the next number](Incarnation::next) after the one stored under `folder`, if there
    /// is one, and stores it for good.
    pub fn begin(folder: &Path, node: &NodeId, wall: Wall, chance: u64) -> Result<Self, StoreError> {
        disk::create_folder(folder).map_err(StoreError::io("create", folder))?;
        let lock = lock(&folder.join(format!("{node}.lock")), node)?;
        let path = folder.join(format!("{node}.incarnation"));
        let corrupt = |text: &str| StoreError::Corrupt { path: path.clone(), found: text.chars().take(40).collect() };
        let text = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(StoreError::io("read", path)(error)),
        };
        let last = |text: &String| text.trim().parse().map(Incarnation).map_err(|_| corrupt(text));
        let last = text.as_ref().map(last).transpose()?;
        let next = Incarnation::next(last, wall, chance).ok_or_else(|| corrupt(&text.unwrap_or_default()))?;
        replace(&path, &format!("{}\n", next.0))?;
        Ok(Self { incarnation: next, path, _lock: lock })
    }

    /// Goes on as this life, and stores it for good. One that is not above the present one changes nothing: lives are
    /// never taken back. After an error the present one goes on, and nothing may be said under the new one.
    pub fn renew(&mut self, incarnation: Incarnation) -> Result<(), StoreError> {
        if incarnation > self.incarnation {
            replace(&self.path, &format!("{}\n", incarnation.0))?;
            self.incarnation = incarnation;
        }
        Ok(())
    }

    /// The start of `network` that the node belonged to when it lived here last; empty, if that is not known.
    pub fn instance(&self, network: &NetworkName) -> Result<Instance, StoreError> {
        let path = self.instance_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Instance::default()),
            Err(error) => return Err(StoreError::io("read", path)(error)),
        };
        let found = || text.chars().take(40).collect();
        match text.trim().split_once(' ') {
            Some((of, _)) if of != network.as_str() => Ok(Instance::default()),
            Some((_, instance)) => instance.parse().map_err(|_| StoreError::Corrupt { path, found: found() }),
            None => Err(StoreError::Corrupt { path, found: found() }),
        }
    }

    /// Keeps the start of `network` that the node belongs to for the lives to come.
    pub fn keep_instance(&self, network: &NetworkName, instance: &Instance) -> Result<(), StoreError> {
        replace(&self.instance_path(), &format!("{network} {}\n", instance.as_str()))
    }

    fn instance_path(&self) -> PathBuf {
        self.path.with_extension("instance")
    }

    /// The life's number.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }
}

/// The node that a process runs with a folder at this moment, if one does. Changes nothing.
pub fn running_in(folder: &Path) -> Result<Option<String>, StoreError> {
    let entries = fs::read_dir(folder).map_err(StoreError::io("read", folder))?;
    let locks = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("lock".as_ref()));
    for path in locks {
        let file = File::open(&path).map_err(StoreError::io("open", &path))?;
        if matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)) {
            return Ok(path.file_stem().map(|node| node.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// Time that a predecessor may take to end, and the pause between two looks at it.
const PATIENCE: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(10);

/// Locks a file for as long as it is open: the system lets go of it however the process ends.
fn lock(path: &Path, node: &NodeId) -> Result<File, StoreError> {
    let file = File::create(path).map_err(StoreError::io("create", path))?;
    let deadline = Deadline::after(PATIENCE);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if deadline.pause(STEP) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { node: node.clone(), folder: path.parent().unwrap_or(path).to_owned() });
            }
            Err(fs::TryLockError::Error(error)) => return Err(StoreError::io("lock", path)(error)),
        }
    }
}

fn replace(path: &Path, content: &str) -> Result<(), StoreError> {
    let replaced = disk::replace(path, |file| file.write_all(content.as_bytes()));
    replaced.map(drop).map_err(|error| StoreError::io(error.step, error.path)(error.source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(folder: &Path, node: &NodeId, seconds: u64) -> Life {
        Life::begin(folder, node, Wall(seconds * 1_000_000_000), 0).unwrap()
    }

    #[test]
    fn two_copies_of_a_disk_do_not_take_the_same_life() {
        let node = NodeId::numbered(4);
        let lives = [7, 8].map(|chance| {
            let copy = tempfile::tempdir().unwrap();
            // Of a clock that was ahead of that of today.
            fs::write(copy.path().join("4.incarnation"), "2000000000000000\n").unwrap();
            Life::begin(copy.path(), &node, Wall(1_795_435_200_000_000_000), chance << 20).unwrap().incarnation()
        });
        assert_eq!(lives, [8, 9].map(|above| Incarnation(2_000_000_000_000_000 + above)));
    }

    #[test]
    fn a_life_is_never_begun_twice() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeId::numbered(4);
        let begin = |seconds| begin(folder.path(), &node, seconds).incarnation().0;
        let lives = [100, 100, 50, 200].map(begin);
        assert_eq!(
            lives,
            [100 << 20, (100 << 20) + 1, (100 << 20) + 2, 200 << 20],
            "a clock that stands still or goes back"
        );
    }

    #[test]
    fn a_renewed_life_is_stored_and_never_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeId::numbered(4);
        let mut life = begin(folder.path(), &node, 0);
        for (asked, kept) in [(250, 250), (250, 250), (7, 250), (251, 251)] {
            life.renew(Incarnation(asked)).unwrap();
            assert_eq!(life.incarnation(), Incarnation(kept));
            assert_eq!(fs::read_to_string(folder.path().join("4.incarnation")).unwrap(), format!("{kept}\n"));
        }
        drop(life);
        assert_eq!(begin(folder.path(), &node, 0).incarnation(), Incarnation(252));
    }

    #[test]
    fn a_life_that_cannot_be_stored_is_not_begun() {
        let folder = tempfile::tempdir().unwrap();
        let mut life = begin(folder.path(), &NodeId::numbered(4), 0);
        // A folder where the new content would be written.
        fs::create_dir(folder.path().join("4.incarnation.new")).unwrap();
        let error = life.renew(Incarnation(2)).unwrap_err();
        assert!(error.to_string().contains("4.incarnation.new"), "{error}");
        assert_eq!(life.incarnation(), Incarnation(1));
        assert_eq!(fs::read_to_string(folder.path().join("4.incarnation")).unwrap(), "1\n");
    }

    #[test]
    fn the_instance_of_a_network_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeId::new("db.3").unwrap();
        let [one, other]: [NetworkName; 2] = ["one", "other"].map(|name| name.parse().unwrap());
        let life = begin(folder.path(), &node, 1);
        assert_eq!(life.instance(&one).unwrap(), Instance::default());
        life.keep_instance(&one, &"7f3a".parse().unwrap()).unwrap();
        drop(life);
        let life = begin(folder.path(), &node, 1);
        let kept = [&one, &other].map(|network| life.instance(network).unwrap());
        assert_eq!(kept.each_ref().map(Instance::as_str), ["7f3a", ""]);
        fs::write(folder.path().join("db.3.instance"), "what?").unwrap();
        assert!(life.instance(&one).unwrap_err().to_string().contains("db.3.instance"));
    }

    #[test]
    fn two_lives_of_one_name_never_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeId::numbered(4);
        let first = begin(folder.path(), &node, 1);
        let error = Life::begin(folder.path(), &node, Wall(1), 0).unwrap_err();
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
        drop(first);
        assert!(Life::begin(folder.path(), &node, Wall(1), 0).is_ok());
    }

    #[test]
    fn the_last_number_is_no_number_to_go_on_from() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("4.incarnation"), u64::MAX.to_string()).unwrap();
        assert!(matches!(
            Life::begin(folder.path(), &NodeId::numbered(4), Wall(1), 0),
            Err(StoreError::Corrupt { .. })
        ));
    }

    #[test]
    fn a_spoilt_file_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("4.incarnation");
        fs::write(&path, "what?").unwrap();
        let error = Life::begin(folder.path(), &NodeId::numbered(4), Wall(1), 0).unwrap_err();
        assert!(error.to_string().contains("4.incarnation"), "{error}");
        assert_eq!(fs::read_to_string(path).unwrap(), "what?");
    }
}
