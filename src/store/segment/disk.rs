//! The disk below a log, as far as the log knows it, and the real one.

use crate::disk::{self, sync_folder};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

/// A folder of files that are written once, at their end.
pub trait Disk {
    /// A file that is written.
    type File: DiskFile;

    /// The names of all files.
    fn list(&mut self) -> io::Result<Vec<String>>;
    /// Creates a file, which must not be there.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;
    /// Takes what a file has from `offset` on, at most `len_max` bytes of it, into an empty buffer.
    fn read(&mut self, name: &str, offset: u64, len_max: u64, into: &mut Vec<u8>) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes safe which files there are.
    fn sync_folder(&mut self) -> io::Result<()>;
    /// The path of a file, for people.
    fn path(&self, name: &str) -> PathBuf;
}

/// A file that is written.
pub trait DiskFile {
    /// Writes behind its end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes its bytes safe. After an error nothing says which of them are, not even a later success.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Opens a folder, which is created for good if it is not there.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        if !path.is_dir() {
            disk::create_folder(&path)?;
            path.parent().map_or(Ok(()), sync_folder)?;
        }
        Ok(Self(path))
    }

    /// A folder that is there, to be read.
    pub fn existing(path: PathBuf) -> Self {
        Self(path)
    }
}

impl Disk for Folder {
    type File = File;

    fn list(&mut self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn create(&mut self, name: &str) -> io::Result<File> {
        OpenOptions::new().append(true).create_new(true).open(self.path(name))
    }

    fn read(&mut self, name: &str, offset: u64, len_max: u64, into: &mut Vec<u8>) -> io::Result<()> {
        into.clear();
        let mut file = File::open(self.path(name))?;
        file.seek(SeekFrom::Start(offset))?;
        file.take(len_max).read_to_end(into).map(drop)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        sync_folder(&self.0)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_does_what_it_is_asked() {
        let place = tempfile::tempdir().unwrap();
        let mut disk = Folder::open(place.path().join("log")).unwrap();
        let mut file = disk.create("a").unwrap();
        file.append(b"one").unwrap();
        file.append(b"two").unwrap();
        file.sync().unwrap();
        disk.sync_folder().unwrap();
        assert_eq!(disk.create("a").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let mut bytes = vec![1];
        disk.read("a", 0, u64::MAX, &mut bytes).unwrap();
        assert_eq!(bytes, b"onetwo");
        disk.read("a", 2, 3, &mut bytes).unwrap();
        assert_eq!(bytes, b"etw");
        assert_eq!(disk.list().unwrap(), ["a"]);
        disk.remove("a").unwrap();
        assert_eq!(Folder::open(disk.0.clone()).unwrap().list().unwrap(), [""; 0]);
    }
}
