//! The file of `--resume`: what of an input was taken, and the request of which that is not known, stored for good before it is
//! sent. So whoever runs the command again repeats that request under the same id, and the node answers with its first receipt.

use super::{
    place::{Place, span},
    tally::Tally,
};
use crate::{
    cli::CliError,
    client::Receipt,
    clock,
    core::{
        id::Incarnation,
        request::{NodeStatus, RequestId},
    },
    disk,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Version of the record.
const VERSION: u32 = 1;
/// Bytes beyond which a file is no record.
const LEN_MAX: u64 = 64 << 10;

/// Content of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    version: u32,
    network: String,
    instance: String,
    /// Bytes that no other client has; with the number of the next request, its id.
    client: [u64; 2],
    next: u64,
    taken: Place,
    sent: Tally,
    doubt: Option<Doubt>,
}

/// A request that was sent, or was about to be, and has no receipt.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Doubt {
    node: String,
    incarnation: u64,
    end: Place,
}

/// The file, which is this process's alone.
#[derive(Debug)]
pub struct Resume {
    path: PathBuf,
    /// Locked for as long as it is open.
    file: File,
    record: Record,
    is_stored: bool,
}

impl Resume {
    /// Opens the file, or creates it, for a node of which this is the status. Refuses one of another network, and one with a
    /// request in doubt of another life of the node: it remembers nothing of it.
    pub fn open(path: &Path, status: &NodeStatus) -> Result<Self, CliError> {
        let mut file = lock(path)?;
        let path = path.canonicalize().map_err(failed("find", path))?;
        let mut text = String::new();
        let read = (&mut file).take(LEN_MAX).read_to_string(&mut text);
        let alien = |_| {
            let remedy = "name another file, or one that does not exist yet";
            refused(format!("{} holds nothing that 'send-message --resume' wrote; {remedy}", path.display()))
        };
        let record = match read {
            Ok(0) => Record {
                version: VERSION,
                network: status.network.to_string(),
                instance: status.instance.as_str().to_owned(),
                client: [clock::seed(), clock::seed()],
                next: 1,
                taken: Place::default(),
                sent: Tally::default(),
                doubt: None,
            },
            Ok(_) => serde_json::from_str(&text).map_err(|error| alien(error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(alien(error.to_string())),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let resume = Self { path, file, record, is_stored: true };
        resume.check(status)?;
        Ok(resume)
    }

    fn check(&self, status: &NodeStatus) -> Result<(), CliError> {
        let (path, Record { version, network, instance, taken, doubt, .. }) = (self.path.display(), &self.record);
        if *version != VERSION {
            return Err(refused(format!("{path} is of another version of gossip; finish with that version")));
        }
        let remedy = format!("remove {path} to send the input from its beginning");
        if *network != status.network.to_string() {
            let text = format!("{path} belongs to network '{network}', node {} to '{}'", status.node, status.network);
            return Err(refused(format!("{text}; name a node of that network, or {remedy}")));
        }
        let now = status.instance.as_str();
        if !instance.is_empty() && !now.is_empty() && instance != now {
            let text = format!("{path} belongs to an earlier start of network '{network}', whose messages are gone");
            return Err(refused(format!("{text}; {remedy}")));
        }
        match doubt {
            Some(Doubt { node, incarnation, end })
                if *node != status.node.to_string() || *incarnation != status.incarnation.0 =>
            {
                let (first, last) = (taken.lines() + 1, end.lines());
                let whose = match *node == status.node.to_string() {
                    true => format!("node {node} was started anew and does not know"),
                    false => format!("only node {node} knows"),
                };
                let text = format!("{whose} whether it took {}", span(first, last));
                let go_on = format!("remove {path} and send the input from line {} on if", last + 1);
                Err(refused(format!(
                    "{text}; look with 'gossip get-messages': {go_on} they are there, else from {first}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// The place up to which the input was taken.
    pub fn taken(&self) -> &Place {
        &self.record.taken
    }

    /// The place up to which the request goes that is in doubt, if one is.
    pub fn doubt(&self) -> Option<&Place> {
        self.record.doubt.as_ref().map(|doubt| &doubt.end)
    }

    /// The messages that were taken.
    pub fn sent(&self) -> &Tally {
        &self.record.sent
    }

    /// The request that takes the input up to a place is to be sent: from now on it is in doubt, and has an id.
    pub fn begin(&mut self, status: &NodeStatus, end: &Place) -> Result<RequestId, CliError> {
        if self.doubt() != Some(end) {
            let (node, Incarnation(incarnation)) = (status.node.to_string(), status.incarnation);
            self.record.doubt = Some(Doubt { node, incarnation, end: *end });
            self.is_stored = false;
        }
        self.store()?;
        let Record { client: [one, other], next, .. } = self.record;
        Ok(RequestId::Unique([one, other, next].map(u64::to_be_bytes).concat().into()))
    }

    /// The request was done. To be [stored](Self::store) before anybody waits.
    pub fn done(&mut self, receipt: &Receipt) {
        if let Some(doubt) = self.record.doubt.take() {
            self.record.taken = doubt.end;
            self.record.next += 1;
            self.record.sent.add(receipt);
            self.is_stored = false;
        }
    }

    /// The request was refused: nothing was done.
    pub fn refused(&mut self) {
        self.is_stored &= self.record.doubt.take().is_none();
    }

    /// Stores what changed for good: a crash leaves the old content or the new one.
    pub fn store(&mut self) -> Result<(), CliError> {
        if self.is_stored {
            return Ok(());
        }
        let stored = disk::replace(&self.path, |file| {
            // Before anybody can find it under its name.
            file.try_lock()?;
            let mut text = serde_json::to_vec(&self.record)?;
            text.push(b'\n');
            file.write_all(&text)
        });
        self.file = stored.map_err(|error| failed(error.step, &error.path)(error.source))?;
        self.is_stored = true;
        Ok(())
    }

    /// The error of an input that is not the one whose beginning was taken.
    pub fn other_input(&self) -> CliError {
        let path = self.path.display();
        let bytes = self.doubt().unwrap_or_else(|| self.taken()).bytes();
        let text = format!("{path} belongs to another input: the first {bytes} bytes of this one are not those sent");
        refused(format!("{text}; give that one, or remove {path} to send this one from its beginning"))
    }

    /// The error of an input whose last line was taken before it was complete.
    pub fn grown_input(&self) -> CliError {
        let (path, line) = (self.path.display(), self.doubt().unwrap_or_else(|| self.taken()).lines());
        let text = format!("line {line} was the last one and had no line end when it was sent, and has grown since");
        refused(format!("{text}; give the input as it was, or remove {path} to send this one from its beginning"))
    }
}

/// Opens a file that no other process may have, and creates it if it is not there.
fn lock(path: &Path) -> Result<File, CliError> {
    loop {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(failed("open", path))?;
        let metadata = file.metadata().map_err(failed("read", path))?;
        if !metadata.is_file() {
            return Err(refused(format!(
                "{} is no regular file; name another, or one that does not exist yet",
                path.display()
            )));
        }
        match file.try_lock() {
            // Somebody may have put another one in its place meanwhile.
            Ok(())
                if fs::metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == (metadata.dev(), metadata.ino())) =>
            {
                return Ok(file);
            }
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = format!("{} is in use by another 'send-message --resume'", path.display());
                return Err(refused(format!("{text}; wait for its end, or name another file")));
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
        }
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CliError {
    move |error| CliError::Failed(format!("cannot {what} {}: {error}", path.display()))
}

fn refused(text: String) -> CliError {
    CliError::Refused { code: "refused", text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::tests::state,
        core::{
            event::record::Level,
            id::{MessageId, NodeId},
        },
    };

    fn status(node: u32, incarnation: u64, network: &str, instance: &str) -> NodeStatus {
        NodeStatus {
            node: NodeId::numbered(node),
            network: network.parse().unwrap(),
            instance: instance.parse().unwrap(),
            incarnation: Incarnation(incarnation),
            ..state()
        }
    }

    fn place(text: &str) -> Place {
        let mut place = Place::default();
        place.pass(text.as_bytes());
        place
    }

    fn receipt(sequence: u64) -> Receipt {
        let node = NodeId::numbered(4);
        let id = MessageId { origin: node.clone(), incarnation: Incarnation(17), sequence };
        Receipt { node, id, count: 1, level: Level::Memory }
    }

    #[test]
    fn a_request_in_doubt_is_sent_again_under_the_same_id_and_the_next_one_under_another() {
        let folder = tempfile::tempdir().unwrap();
        let (path, four) = (folder.path().join("progress"), status(4, 17, "default", "7f"));
        let mut resume = Resume::open(&path, &four).unwrap();
        let first = resume.begin(&four, &place("a\n")).unwrap();
        drop(resume);
        let mut resume = Resume::open(&path, &four).unwrap();
        assert_eq!((resume.taken(), resume.doubt()), (&Place::default(), Some(&place("a\n"))));
        assert_eq!(resume.begin(&four, &place("a\n")).unwrap(), first);
        resume.done(&receipt(1));
        let second = resume.begin(&four, &place("a\nb\n")).unwrap();
        assert_ne!(second, first);
        resume.done(&receipt(2));
        resume.store().unwrap();
        drop(resume);
        let resume = Resume::open(&path, &four).unwrap();
        assert_eq!((resume.taken(), resume.doubt(), resume.sent().count()), (&place("a\nb\n"), None, 2));
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["progress"], "no draft is left");
    }

    #[test]
    fn a_file_is_for_one_network_and_what_is_in_doubt_for_one_life_of_one_node() {
        let folder = tempfile::tempdir().unwrap();
        let (path, four) = (folder.path().join("progress"), status(4, 17, "default", "7f"));
        Resume::open(&path, &four).unwrap().begin(&four, &place("a\nb\n")).unwrap();
        for (status, words) in [
            (status(4, 17, "other", "7f"), "belongs to network 'default'"),
            (status(4, 18, "default", "80"), "an earlier start of network 'default'"),
            (status(4, 18, "default", "7f"), "node 4 was started anew and does not know whether it took lines 1 to 2"),
            (status(5, 17, "default", "7f"), "only node 4 knows whether it took lines 1 to 2"),
        ] {
            let error = Resume::open(&path, &status).unwrap_err();
            assert!(error.exit_status() == 1 && error.line().contains(words), "{}", error.line());
        }
        let mut resume = Resume::open(&path, &four).unwrap();
        resume.refused();
        resume.store().unwrap();
        drop(resume);
        assert!(Resume::open(&path, &status(5, 1, "default", "7f")).is_ok(), "nothing is in doubt");
    }

    #[test]
    fn a_file_is_held_by_one_process_and_none_is_overwritten_that_is_something_else() {
        let folder = tempfile::tempdir().unwrap();
        let (path, four) = (folder.path().join("progress"), status(4, 17, "default", "7f"));
        let mut resume = Resume::open(&path, &four).unwrap();
        for end in ["a\n", "a\nb\n"] {
            let error = Resume::open(&path, &four).unwrap_err();
            assert!(error.line().contains("in use by another"), "{}", error.line());
            resume.begin(&four, &place(end)).unwrap();
        }
        for content in [&b"my diary\n"[..], b"{}", b"\xff\xfe"] {
            let other = folder.path().join("other");
            fs::write(&other, content).unwrap();
            assert!(Resume::open(&other, &four).unwrap_err().line().contains("holds nothing that"));
            assert_eq!(fs::read(&other).unwrap(), content);
        }
        assert!(Resume::open(folder.path(), &four).unwrap_err().line().contains("cannot open"));
        assert!(Resume::open(Path::new("/dev/null"), &four).unwrap_err().line().contains("is no regular file"));
    }

    #[test]
    fn what_cannot_be_stored_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let (path, four) = (folder.path().join("progress"), status(4, 17, "default", "7f"));
        let mut resume = Resume::open(&path, &four).unwrap();
        fs::create_dir(folder.path().join("progress.new")).unwrap();
        assert!(resume.begin(&four, &place("a\n")).unwrap_err().line().contains("progress.new"));
        assert!(resume.begin(&four, &place("a\n")).is_err(), "nor at the second attempt");
    }
}
