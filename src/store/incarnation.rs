//! The one number that must survive a node: its incarnation. It is raised and stored before the node says a word,
//! so no id is ever minted twice. Spec: `docs/spec/gossip-bus.md`, section 7.

use super::error::StoreError;
use crate::{
    clock::Deadline,
    core::id::{Incarnation, NodeId},
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
    folder: PathBuf,
    path: PathBuf,
    _lock: File,
}

impl Life {
    /// Begins a new life of `node`: raises the number stored under `folder` above the last one and above `floor`, and
    /// stores it for good. `floor` (the time in seconds) covers the case that the folder was lost.
    pub fn begin(folder: &Path, node: &NodeId, floor: u64) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        let lock = lock(&folder.join(format!("{node}.lock")), node)?;
        let path = folder.join(format!("{node}.incarnation"));
        let corrupt = |text: &str| StoreError::Corrupt { path: path.clone(), found: text.chars().take(40).collect() };
        let next = match fs::read_to_string(&path) {
            Ok(text) => {
                let last = text.trim().parse::<u64>().map_err(|_| corrupt(&text))?;
                last.checked_add(1).ok_or_else(|| corrupt(&text))?.max(floor)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => floor.max(1),
            Err(error) => return Err(StoreError::io("read", path)(error)),
        };
        replace(folder, &path, &format!("{next}\n"))?;
        Ok(Self { incarnation: Incarnation(next), folder: folder.to_owned(), path, _lock: lock })
    }

    /// Goes on as this life, and stores it for good. One that is not above the present one changes nothing: lives are
    /// never taken back. After an error the present one goes on, and nothing may be said under the new one.
    pub fn renew(&mut self, incarnation: Incarnation) -> Result<(), StoreError> {
        if incarnation > self.incarnation {
            replace(&self.folder, &self.path, &format!("{}\n", incarnation.0))?;
            self.incarnation = incarnation;
        }
        Ok(())
    }

    /// Which life it is.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }
}

/// How long a predecessor may take to end, and how often it is looked at.
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

/// Replaces a file so that a crash leaves the old content or the new one.
fn replace(folder: &Path, path: &Path, content: &str) -> Result<(), StoreError> {
    let temporary = path.with_extension("incarnation.new");
    let mut file = File::create(&temporary).map_err(StoreError::io("create", &temporary))?;
    file.write_all(content.as_bytes()).map_err(StoreError::io("write", &temporary))?;
    file.sync_data().map_err(StoreError::io("sync", &temporary))?;
    fs::rename(&temporary, path).map_err(StoreError::io("replace", path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::io("sync", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_never_begun_twice() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeId::numbered(4);
        let begin = |floor| Life::begin(folder.path(), &node, floor).unwrap().incarnation().0;
        let lives = [100, 100, 50, 200].map(begin);
        assert_eq!(lives, [100, 101, 102, 200], "a clock that stands still or goes back makes no life again");
    }

    #[test]
    fn a_renewed_life_is_stored_and_never_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeId::numbered(4);
        let mut life = Life::begin(folder.path(), &node, 100).unwrap();
        for (asked, kept) in [(250, 250), (250, 250), (7, 250), (251, 251)] {
            life.renew(Incarnation(asked)).unwrap();
            assert_eq!(life.incarnation(), Incarnation(kept));
            assert_eq!(fs::read_to_string(folder.path().join("4.incarnation")).unwrap(), format!("{kept}\n"));
        }
        drop(life);
        assert_eq!(Life::begin(folder.path(), &node, 200).unwrap().incarnation(), Incarnation(252));
    }

    #[test]
    fn a_life_that_cannot_be_stored_is_not_begun() {
        let folder = tempfile::tempdir().unwrap();
        let mut life = Life::begin(folder.path(), &NodeId::numbered(4), 100).unwrap();
        // A folder where the new content would be written.
        fs::create_dir(folder.path().join("4.incarnation.new")).unwrap();
        let error = life.renew(Incarnation(101)).unwrap_err();
        assert!(error.to_string().contains("4.incarnation.new"), "{error}");
        assert_eq!(life.incarnation(), Incarnation(100));
        assert_eq!(fs::read_to_string(folder.path().join("4.incarnation")).unwrap(), "100\n");
    }

    #[test]
    fn two_lives_of_one_name_never_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let node = NodeId::numbered(4);
        let first = Life::begin(folder.path(), &node, 1).unwrap();
        let error = Life::begin(folder.path(), &node, 1).unwrap_err();
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
        drop(first);
        assert!(Life::begin(folder.path(), &node, 1).is_ok());
    }

    #[test]
    fn the_last_number_is_no_number_to_go_on_from() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("4.incarnation"), u64::MAX.to_string()).unwrap();
        assert!(matches!(Life::begin(folder.path(), &NodeId::numbered(4), 1), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn a_spoilt_file_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("4.incarnation");
        fs::write(&path, "what?").unwrap();
        let error = Life::begin(folder.path(), &NodeId::numbered(4), 1).unwrap_err();
        assert!(error.to_string().contains("4.incarnation"), "{error}");
        assert_eq!(fs::read_to_string(path).unwrap(), "what?");
    }
}
