//! A disk that keeps no more than it promised: what was not synced may be lost, torn or reordered when the power fails, any step may
//! fail, and a sync that failed is never made up for.

use crate::{
    core::rng::Rng,
    store::segment::{Disk, DiskFile},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Error, ErrorKind, Result},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bytes that reach the medium together.
const SECTOR: usize = 512;

/// The way in which a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing was done.
    Before,
    /// All was done.
    After,
    /// A part was done.
    Torn,
    /// The process ends: no later step does anything.
    End,
}

/// A fault that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Number of steps before it.
    pub step: u64,
    /// Number of steps that fail, one after the other.
    pub times: u64,
    /// The way in which they fail.
    pub failure: Failure,
    /// The error that is told.
    pub error: ErrorKind,
}

/// A simulated disk; copies are handles of the same one.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

/// A file of it, open for writing.
#[derive(Debug)]
pub struct SimFile {
    disk: SimDisk,
    file: usize,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    files: Vec<File>,
    /// The names as the system shows them, and as they are on the medium.
    names: BTreeMap<String, usize>,
    stable_names: BTreeMap<String, usize>,
    /// Names that changed since the folder was synced.
    changed: BTreeSet<String>,
    steps: u64,
    fault: Option<Fault>,
    has_ended: bool,
    /// Bytes that files may have together.
    room: usize,
}

#[derive(Debug, Default)]
struct File {
    bytes: Vec<u8>,
    stable: Vec<u8>,
    /// Sectors that differ from the medium and will be written.
    dirty: BTreeSet<usize>,
}

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng: Rng::new(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            stable_names: BTreeMap::new(),
            changed: BTreeSet::new(),
            steps: 0,
            fault: None,
            has_ended: false,
            room: usize::MAX,
        })))
    }

    /// Orders a fault, counted from now, or none.
    pub fn set_fault(&self, fault: Option<Fault>) {
        let mut state = self.state();
        state.fault = fault.map(|fault| Fault { step: fault.step + state.steps, ..fault });
    }

    /// Number of steps that were taken.
    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// Gives all files together so much room.
    pub fn set_room(&self, room: usize) {
        self.state().room = room;
    }

    /// Ends the process and begins another: what the system holds in memory is there, but may be fetched from the medium anew.
    pub fn crash(&self) {
        let mut state = self.state();
        state.revive();
        let State { rng, files, .. } = &mut *state;
        for file in files {
            file.evict(rng);
        }
    }

    /// Takes the power away, and gives it back.
    pub fn lose_power(&self) {
        let mut state = self.state();
        state.revive();
        let State { rng, files, names, stable_names, changed, .. } = &mut *state;
        for name in std::mem::take(changed) {
            let is_written = rng.below(2) == 0;
            match names.get(&name).filter(|_| is_written) {
                Some(&file) => drop(stable_names.insert(name, file)),
                None if is_written => drop(stable_names.remove(&name)),
                None => {}
            }
        }
        names.clone_from(stable_names);
        for file in files {
            file.lose_power(rng);
        }
    }

    /// Changes one byte of a file, in memory and on the medium.
    pub fn damage(&self, name: &str, at: usize, mask: u8) {
        let mut state = self.state();
        if let Some(&file) = state.names.get(name) {
            let file = &mut state.files[file];
            for bytes in [&mut file.bytes, &mut file.stable] {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
        }
    }

    /// Cuts a file, in memory and on the medium.
    pub fn cut(&self, name: &str, len: usize) {
        let mut state = self.state();
        if let Some(&file) = state.names.get(name) {
            state.files[file].bytes.truncate(len);
            state.files[file].stable.truncate(len);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn revive(&mut self) {
        (self.has_ended, self.fault) = (false, None);
    }

    /// Takes a step; says how it fails, if it does.
    fn step(&mut self) -> Result<Option<(Failure, Error)>> {
        if self.has_ended {
            return Err(ErrorKind::Other.into());
        }
        let step = self.steps;
        self.steps += 1;
        let Some(fault) = self.fault.filter(|fault| (fault.step..fault.step + fault.times).contains(&step)) else {
            return Ok(None);
        };
        self.has_ended = fault.failure == Failure::End;
        Ok(Some((fault.failure, fault.error.into())))
    }

    /// Takes a step that is done as a whole or not at all.
    fn whole_step(&mut self, act: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        match self.step()? {
            None => act(self),
            Some((failure, error)) => {
                if failure == Failure::After || failure != Failure::Before && self.rng.below(2) == 0 {
                    act(self)?;
                }
                Err(error)
            }
        }
    }

    fn sync_folder(&mut self) {
        for name in std::mem::take(&mut self.changed) {
            match self.names.get(&name) {
                Some(&file) => drop(self.stable_names.insert(name, file)),
                None => drop(self.stable_names.remove(&name)),
            }
        }
    }
}

impl File {
    fn sectors(&self, from: usize) -> std::ops::Range<usize> {
        from / SECTOR..self.bytes.len().div_ceil(SECTOR)
    }

    /// Writes some bytes of a sector to the medium.
    fn write_sector(&mut self, sector: usize, len: usize) {
        let start = sector * SECTOR;
        let end = (start + len.min(SECTOR)).min(self.bytes.len());
        if self.stable.len() < end {
            self.stable.resize(end, 0);
        }
        if start < end {
            self.stable[start..end].copy_from_slice(&self.bytes[start..end]);
        }
    }

    fn sync(&mut self) {
        for sector in std::mem::take(&mut self.dirty) {
            self.write_sector(sector, SECTOR);
        }
    }

    /// Writes some of what is to be written; the rest will never be.
    fn fail_to_sync(&mut self, rng: &mut Rng) {
        for sector in std::mem::take(&mut self.dirty) {
            if rng.below(2) == 0 {
                self.write_sector(sector, SECTOR);
            }
        }
    }

    /// Shows the medium where the system takes it for equal to what it holds.
    fn evict(&mut self, rng: &mut Rng) {
        for sector in self.sectors(0).filter(|sector| !self.dirty.contains(sector)) {
            if rng.below(2) == 0 {
                let end = ((sector + 1) * SECTOR).min(self.bytes.len());
                for at in sector * SECTOR..end {
                    self.bytes[at] = self.stable.get(at).copied().unwrap_or_default();
                }
            }
        }
    }

    fn lose_power(&mut self, rng: &mut Rng) {
        for sector in std::mem::take(&mut self.dirty) {
            match rng.below(3) {
                0 => {}
                1 => self.write_sector(sector, SECTOR),
                _ => self.write_sector(sector, rng.below(SECTOR)),
            }
        }
        // The length may be known where the bytes are not.
        if self.stable.len() < self.bytes.len() && rng.below(2) == 0 {
            self.stable.resize(self.stable.len() + rng.below(self.bytes.len() - self.stable.len() + 1), 0);
        }
        self.bytes.clone_from(&self.stable);
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn list(&mut self) -> Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn create(&mut self, name: &str) -> Result<SimFile> {
        let mut state = self.state();
        if state.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.whole_step(|state| {
            state.files.push(File::default());
            state.names.insert(name.to_owned(), file);
            state.changed.insert(name.to_owned());
            Ok(())
        })?;
        drop(state);
        Ok(SimFile { disk: self.clone(), file })
    }

    fn read(&mut self, name: &str, offset: u64, len_max: u64, into: &mut Vec<u8>) -> Result<()> {
        let state = self.state();
        let file = state.names.get(name).ok_or(ErrorKind::NotFound)?;
        let bytes = state.files[*file].bytes.iter().skip(usize::try_from(offset).unwrap_or(usize::MAX));
        into.clear();
        into.extend(bytes.take(usize::try_from(len_max).unwrap_or(usize::MAX)));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        self.state().whole_step(|state| {
            state.names.remove(name).ok_or(ErrorKind::NotFound)?;
            state.changed.insert(name.to_owned());
            Ok(())
        })
    }

    fn sync_folder(&mut self) -> Result<()> {
        let mut state = self.state();
        state.whole_step(|state| {
            state.sync_folder();
            Ok(())
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("simulated").join(name)
    }
}

impl DiskFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let mut state = self.disk.state();
        let failed = state.step()?;
        let mut len = match &failed {
            None | Some((Failure::After, _)) => bytes.len(),
            Some((Failure::Before, _)) => 0,
            Some((Failure::Torn | Failure::End, _)) => state.rng.below(bytes.len() + 1),
        };
        let used: usize = state.names.values().map(|&file| state.files[file].bytes.len()).sum();
        let is_full = used + len > state.room;
        len = len.min(state.room.saturating_sub(used));
        let file = &mut state.files[self.file];
        let from = file.bytes.len();
        file.bytes.extend_from_slice(&bytes[..len]);
        let dirty = file.sectors(from);
        file.dirty.extend(dirty);
        match failed {
            Some((_, error)) => Err(error),
            None if is_full => Err(ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    fn sync(&mut self) -> Result<()> {
        let mut state = self.disk.state();
        let failed = state.step()?;
        let State { files, rng, .. } = &mut *state;
        let file = &mut files[self.file];
        match failed {
            None => file.sync(),
            Some((failure, error)) => {
                match failure {
                    Failure::Before => file.dirty.clear(),
                    Failure::After => file.sync(),
                    Failure::Torn => file.fail_to_sync(rng),
                    Failure::End => {}
                }
                return Err(error);
            }
        }
        Ok(())
    }
}
