//! The one number that must survive a node: its incarnation. It is raised and stored before the node says a word,
//! so no id is ever minted twice. Spec: `docs/spec/gossip-bus.md`, section 7.

use super::error::StoreError;
use crate::core::id::{Incarnation, NodeId};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// Begins a new life of `node`: raises the number stored under `folder` above the last one and above `floor`, stores
/// it for good, and returns it. `floor` (the time in seconds) covers the case that the folder was lost.
pub fn begin(folder: &Path, node: &NodeId, floor: u64) -> Result<Incarnation, StoreError> {
    fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
    let path = folder.join(format!("{node}.incarnation"));
    let last = match fs::read_to_string(&path) {
        Ok(text) => {
            let corrupt = || StoreError::Corrupt { path: path.clone(), found: text.chars().take(40).collect() };
            text.trim().parse::<u64>().map_err(|_| corrupt())?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(StoreError::io("read", path)(error)),
    };
    let next = last.saturating_add(1).max(floor);
    replace(folder, &path, &format!("{next}\n"))?;
    Ok(Incarnation(next))
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
        let lives = [100, 100, 50, 200].map(|floor| begin(folder.path(), &node, floor).unwrap().0);
        assert_eq!(lives, [100, 101, 102, 200], "a clock that stands still or goes back makes no life again");
    }

    #[test]
    fn a_spoilt_file_is_named_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("4.incarnation");
        fs::write(&path, "what?").unwrap();
        let error = begin(folder.path(), &NodeId::numbered(4), 1).unwrap_err();
        assert!(error.to_string().contains("4.incarnation"), "{error}");
        assert_eq!(fs::read_to_string(path).unwrap(), "what?");
    }
}
