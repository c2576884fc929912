//! Files that a crash leaves whole: with their old content, or with the new one.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// A step that failed.
#[derive(Debug)]
pub struct DiskError {
    /// The step, as a verb.
    pub step: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The reason.
    pub source: io::Error,
}

/// Replaces a file, or creates it, for good: `write` fills a draft beside it, which takes its place once it is on the disk. Gives
/// the file, which is still open.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<File, DiskError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = Path::new(&draft);
    let failed = |step, path: &Path| {
        let path = path.to_owned();
        move |source| DiskError { step, path, source }
    };
    let mut file = File::create(draft).map_err(failed("create", draft))?;
    if let Err(source) = write(&mut file).and_then(|()| file.sync_all()) {
        // It takes room where there may be none.
        let _ = fs::remove_file(draft);
        return Err(failed("write", draft)(source));
    }
    fs::rename(draft, path).map_err(failed("replace", path))?;
    let folder = path.parent().unwrap_or(path);
    sync_folder(folder).map_err(failed("sync", folder))?;
    Ok(file)
}

/// Makes a folder and those above it, if need be, for this user alone.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes sure that what was renamed or removed in a folder stays so.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_has_its_old_content_or_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for content in ["longer", "new"] {
            replace(&path, |file| file.write_all(content.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        let full = |file: &mut File| file.write_all(b"ha").and_then(|()| Err(io::ErrorKind::StorageFull.into()));
        let DiskError { step, path: draft, .. } = replace(&path, full).unwrap_err();
        assert_eq!((step, draft), ("write", folder.path().join("a.new")));
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the draft is gone");
    }
}
