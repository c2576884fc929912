//! Data of a durable network: a folder for each of its nodes, and the record from which it is started again.

use crate::{
    core::id::NodeId,
    disk,
    launcher::{error::LaunchError, manifest::Manifest},
};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Most names that are tried for what is set aside.
const ASIDE_MAX: u32 = 10_000;

/// The folder with the data of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNetwork(PathBuf);

impl StoredNetwork {
    /// The data in a folder, which need not exist.
    pub fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The data of a network, if it is durable.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        manifest.data.clone().map(Self)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of a node.
    pub(in crate::launcher) fn node(&self, node: &NodeId) -> PathBuf {
        self.0.join(node.as_str())
    }

    /// The record of the network that left the data; `None` if there is none.
    pub fn read(&self) -> Result<Option<Manifest>, LaunchError> {
        let path = self.record();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(LaunchError::file("read", &path))?,
        };
        let spoilt = |why: serde_json::Error| LaunchError::StoredRecord { path: path.clone(), why: why.to_string() };
        Manifest::from_json(&bytes).map(Some).map_err(spoilt)
    }

    /// Keeps the record for the next start. The folder is made if need be.
    pub(in crate::launcher) fn keep(&self, manifest: &Manifest) -> Result<(), LaunchError> {
        disk::create_folder(&self.0).map_err(LaunchError::file("create", &self.0))?;
        let written = disk::replace(&self.record(), |file| file.write_all(&manifest.to_json()));
        written.map(drop).map_err(|error| LaunchError::file("write", error.path)(error.source))
    }

    /// Sets all of it aside, under a name of its own, which is given; `None` if there is nothing.
    pub fn set_aside(&self) -> Result<Option<PathBuf>, LaunchError> {
        set_aside(&self.0)
    }

    /// Sets the folder of a node aside in the same way.
    pub(in crate::launcher) fn set_node_aside(&self, node: &NodeId) -> Result<Option<PathBuf>, LaunchError> {
        set_aside(&self.node(node))
    }

    fn record(&self) -> PathBuf {
        self.0.join("network.json")
    }
}

/// Gives a folder another name beside it: the first of NAME.aside-1, NAME.aside-2… that nothing has.
fn set_aside(folder: &Path) -> Result<Option<PathBuf>, LaunchError> {
    if !folder.exists() {
        return Ok(None);
    }
    let named = |number: u32| {
        let mut name = folder.as_os_str().to_owned();
        name.push(format!(".aside-{number}"));
        PathBuf::from(name)
    };
    let free = (1..=ASIDE_MAX).map(named).find(|path| !path.exists());
    let aside = free.ok_or_else(|| LaunchError::file("set aside", folder)(io::ErrorKind::AlreadyExists.into()))?;
    fs::rename(folder, &aside).map_err(LaunchError::file("write", &aside))?;
    folder.parent().map_or(Ok(()), disk::sync_folder).map_err(LaunchError::file("write", folder))?;
    Ok(Some(aside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::Instance;

    fn manifest() -> Manifest {
        Manifest::new("net".parse().unwrap(), Instance::default(), "circular".into(), 7, 7000)
    }

    #[test]
    fn a_record_is_kept_and_what_is_set_aside_has_a_name_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        let stored = StoredNetwork::at(root.path().join("data"));
        assert_eq!((stored.read().unwrap(), stored.set_aside().unwrap()), (None, None));
        for number in 1..=2 {
            stored.keep(&manifest()).unwrap();
            assert_eq!(stored.read().unwrap(), Some(manifest()));
            let aside = root.path().join(format!("data.aside-{number}"));
            assert_eq!(stored.set_aside().unwrap(), Some(aside.clone()));
            assert_eq!(StoredNetwork::at(aside).read().unwrap(), Some(manifest()));
            assert_eq!(stored.read().unwrap(), None);
        }
        let node = NodeId::numbered(3);
        fs::create_dir_all(stored.node(&node)).unwrap();
        assert_eq!(stored.set_node_aside(&node).unwrap(), Some(root.path().join("data/3.aside-1")));
    }

    #[test]
    fn a_spoilt_record_is_named() {
        let root = tempfile::tempdir().unwrap();
        let stored = StoredNetwork::at(root.path().to_owned());
        fs::write(root.path().join("network.json"), "{").unwrap();
        let error = stored.read().unwrap_err().to_string();
        assert!(error.contains("network.json") && error.contains("--fresh"), "{error}");
    }
}
