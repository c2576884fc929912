//! The thread that writes the log of a process, so that a disk that stalls holds up nobody else.

use super::{disk::Disk, writer::Writer};
use crate::{
    clock::{Clock, Deadline},
    core::event::record::{Condition, LogSeq, Record},
};
use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    mem,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Time without anything to write after which the log says that all of it is finished.
const IDLE: Duration = Duration::from_millis(200);
/// Pause between two attempts to write to a disk that is full.
const RETRY: Duration = Duration::from_secs(1);

/// Something to write.
#[derive(Debug)]
pub(super) enum Job {
    /// The records of one turn, and their length.
    Turn(Vec<(LogSeq, Record)>, usize),
    /// All that is known at a place, and whether it stands in for records that were never handed over.
    Checkpoint(LogSeq, Vec<Record>, bool),
}

/// State of the log, as its thread said last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// All records up to this place are safe.
    pub(super) finished: LogSeq,
    /// Its ability to write.
    pub(super) condition: Condition,
    /// Bytes that were handed over and are not finished.
    pub(super) unfinished: usize,
    /// Says that a checkpoint should come.
    pub(super) wants_checkpoint: bool,
}

#[derive(Debug, Default)]
struct Desk {
    jobs: Vec<Job>,
    reopens: bool,
    closes: bool,
    status: Status,
}

#[derive(Debug, Default)]
struct Shared {
    desk: Mutex<Desk>,
    called: Condvar,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, order: impl FnOnce(&mut Desk)) {
        order(&mut self.desk());
        self.called.notify_one();
    }
}

/// The other end of the thread. It ends, all finished, when this is dropped.
#[derive(Debug)]
pub(super) struct Driver {
    shared: Arc<Shared>,
    woken: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Driver {
    /// Starts the thread.
    pub(super) fn start<D: Disk<File: Send> + Send + 'static>(writer: Writer<D>) -> io::Result<Self> {
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let shared = Arc::new(Shared::default());
        shared.desk().status = status(&writer, 0);
        let worker =
            Worker { shared: Arc::clone(&shared), writer, waker, clock: Clock::new(), under_way: VecDeque::new() };
        let thread = thread::Builder::new().name("log".into()).spawn(move || worker.run())?;
        Ok(Self { shared, woken, thread: Some(thread) })
    }

    /// Hands something over.
    pub(super) fn hand_over(&self, job: Job) {
        self.shared.call(|desk| {
            if let Job::Turn(_, len) = &job {
                desk.status.unfinished += len;
            }
            desk.status.wants_checkpoint &= !matches!(job, Job::Checkpoint(..));
            desk.jobs.push(job);
        });
    }

    /// Orders another attempt to write, in a new segment.
    pub(super) fn reopen(&self) {
        self.shared.call(|desk| desk.reopens = true);
    }

    /// State of the log.
    pub(super) fn status(&self) -> Status {
        let status = self.shared.desk().status.clone();
        match &self.thread {
            Some(thread) if !thread.is_finished() => status,
            _ => Status { condition: Condition::Failed("its thread has ended".into()), ..status },
        }
    }

    /// Takes note of having been woken.
    pub(super) fn rest(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.woken.read(&mut bytes), Ok(len) if len == bytes.len()) {}
    }
}

impl AsFd for Driver {
    /// Readable when the status has changed.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.call(|desk| desk.closes = true);
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

struct Worker<D: Disk> {
    shared: Arc<Shared>,
    writer: Writer<D>,
    waker: UnixStream,
    clock: Clock,
    /// Last place and length of each turn that is not finished.
    under_way: VecDeque<(LogSeq, usize)>,
}

impl<D: Disk> Worker<D> {
    fn run(mut self) {
        let (mut pause, mut retry) = (Some(IDLE), Deadline::after(RETRY));
        loop {
            let (jobs, reopens, closes) = self.wait(pause);
            let is_idle = jobs.is_empty();
            for job in jobs {
                self.take(job);
            }
            let now = self.clock.now().wall;
            if reopens || matches!(self.writer.condition(), Condition::Full(_)) && retry.is_over() {
                self.writer.reopen(now);
                retry = Deadline::after(RETRY);
            }
            self.writer.commit(now);
            if is_idle || closes {
                self.writer.mark();
            }
            self.publish();
            if closes {
                return;
            }
            pause = match self.writer.condition() {
                Condition::Full(_) => Some(RETRY),
                _ => (!is_idle).then_some(IDLE),
            };
        }
    }

    /// Waits for something to do, or for as long as there may be a pause.
    fn wait(&self, pause: Option<Duration>) -> (Vec<Job>, bool, bool) {
        let has_none = |desk: &mut Desk| desk.jobs.is_empty() && !desk.reopens && !desk.closes;
        let (desk, called) = (self.shared.desk(), &self.shared.called);
        let mut desk = match pause {
            Some(pause) => called.wait_timeout_while(desk, pause, has_none).unwrap_or_else(PoisonError::into_inner).0,
            None => called.wait_while(desk, has_none).unwrap_or_else(PoisonError::into_inner),
        };
        (mem::take(&mut desk.jobs), mem::take(&mut desk.reopens), desk.closes)
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Turn(records, len) => {
                if let Some((place, _)) = records.last() {
                    self.under_way.push_back((*place, len));
                }
                self.writer.append(&records);
            }
            Job::Checkpoint(place, records, bridges) => self.writer.checkpoint(place, &records, bridges),
        }
    }

    fn publish(&mut self) {
        let mut done = 0;
        while let Some((_, len)) = self.under_way.pop_front_if(|(place, _)| *place <= self.writer.finished()) {
            done += len;
        }
        let mut desk = self.shared.desk();
        let is_asked = desk.jobs.iter().any(|job| matches!(job, Job::Checkpoint(..)));
        let mut new = status(&self.writer, desk.status.unfinished.saturating_sub(done));
        new.wants_checkpoint &= !is_asked;
        let has_changed = new != desk.status;
        desk.status = new;
        drop(desk);
        if has_changed {
            // A buffer that is full wakes as well.
            let _ = self.waker.write(&[1]);
        }
    }
}

fn status<D: Disk>(writer: &Writer<D>, unfinished: usize) -> Status {
    let (finished, condition) = (writer.finished(), writer.condition().clone());
    Status { finished, condition, unfinished, wants_checkpoint: writer.wants_checkpoint() }
}
