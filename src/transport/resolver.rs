//! Host names become addresses on threads of their own: the system's resolver blocks for as long as a name server is
//! silent, and neither the node's thread nor libzmq's may wait for it.
//!
//! Names come from other members, too, so everything is bounded: [`THREADS_MAX`] lookups at a time, [`NAMES_MAX`]
//! names remembered, and a name that is not found is looked up again after waits that grow to [`RETRY_MAX`].

use crate::{
    clock::{Clock, Deadline},
    core::{endpoint::Endpoint, time::Mono},
};
use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

/// Lookups under way at a time, each on a thread that ends with it.
pub(super) const THREADS_MAX: usize = 4;
/// Names remembered. Beyond it the one that is looked up next, the oldest, is forgotten.
pub(super) const NAMES_MAX: usize = 1024;
/// Time for which an address is used before its name is looked up again. Shorter than most records live; a link whose
/// connection is up does not ask.
const FRESH: Duration = Duration::from_secs(30);
/// Wait after a lookup that failed; doubled with each further one.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// Longest such wait.
const RETRY_MAX: Duration = Duration::from_secs(300);
/// Stack of a lookup: glibc's resolver takes some 100 KiB.
const STACK_LEN: usize = 512 << 10;

/// A lookup that has ended.
type Found = (Arc<str>, io::Result<IpAddr>);

/// Addresses of host names, as far as they are known.
pub(super) struct Resolver {
    names: BTreeMap<Arc<str>, Name>,
    /// Made with the first name: most networks have addresses alone.
    threads: Option<Threads>,
    clock: Clock,
    failures: Vec<(Arc<str>, io::Error)>,
}

struct Name {
    ip: Option<IpAddr>,
    is_busy: bool,
    failures: u32,
    /// Time at which it may be looked up again.
    due: Mono,
}

/// The way back from the threads: what they found, and a byte that wakes a poll.
struct Threads {
    busy: usize,
    sender: Sender<Found>,
    receiver: Receiver<Found>,
    waker: Arc<UnixStream>,
    woken: UnixStream,
}

impl Resolver {
    /// Knows no name.
    pub(super) fn new() -> Self {
        Self { names: BTreeMap::new(), threads: None, clock: Clock::new(), failures: Vec::new() }
    }

    /// The endpoint with an IP address for its host: at once for an address and for a name that is known. A name that
    /// is not known, or not fresh, is looked up; ask again when [`take`](Self::take) says so.
    pub(super) fn address(&mut self, endpoint: &Endpoint) -> Option<Endpoint> {
        if endpoint.ip().is_some() {
            return Some(endpoint.clone());
        }
        let now = self.clock.now().mono;
        let host: Arc<str> = endpoint.host().into();
        if !self.names.contains_key(&host) {
            self.make_room();
        }
        let fresh = Name { ip: None, is_busy: false, failures: 0, due: now };
        let name = self.names.entry(Arc::clone(&host)).or_insert(fresh);
        if !name.is_busy && name.due <= now {
            match Threads::begin(&mut self.threads, &host) {
                Ok(is_begun) => name.is_busy = is_begun,
                Err(error) => self.settle(host.clone(), Err(error), now),
            }
        }
        let ip = self.names.get(&host)?.ip?;
        Some(Endpoint::from_ip(ip, endpoint.port()))
    }

    /// Takes what the threads have found. Says whether they have found anything.
    pub(super) fn take(&mut self) -> bool {
        let Some(threads) = &mut self.threads else { return false };
        let found = threads.take();
        let now = self.clock.now().mono;
        let has_news = !found.is_empty();
        found.into_iter().for_each(|(host, outcome)| self.settle(host, outcome, now));
        has_news
    }

    /// Names that were not found since this was asked last, and why.
    pub(super) fn take_failures(&mut self) -> Vec<(Arc<str>, io::Error)> {
        std::mem::take(&mut self.failures)
    }

    /// Readable while [`take`](Self::take) has something to take; `None` before the first name.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.threads.as_ref().map(|threads| threads.woken.as_fd())
    }

    fn settle(&mut self, host: Arc<str>, outcome: io::Result<IpAddr>, now: Mono) {
        // A name that was forgotten meanwhile is nobody's any more.
        let Some(name) = self.names.get_mut(&host) else { return };
        name.is_busy = false;
        match outcome {
            Ok(ip) => {
                (name.ip, name.failures, name.due) = (Some(ip), 0, now + FRESH);
            }
            Err(error) => {
                // The last address known stays: a name server that is silent does not make a node unreachable.
                let doubled = RETRY_MIN.saturating_mul(1_u32.checked_shl(name.failures).unwrap_or(u32::MAX));
                name.due = now + doubled.min(RETRY_MAX);
                name.failures = name.failures.saturating_add(1).min(u32::BITS);
                self.failures.push((host, error));
                self.failures.truncate(NAMES_MAX);
            }
        }
    }

    fn make_room(&mut self) {
        if self.names.len() < NAMES_MAX {
            return;
        }
        let idle = self.names.iter().filter(|(_, name)| !name.is_busy);
        if let Some(oldest) = idle.min_by_key(|(_, name)| name.due).map(|(host, _)| Arc::clone(host)) {
            self.names.remove(&oldest);
        }
    }
}

impl Threads {
    /// Begins to look a name up, unless as many lookups as may be are under way.
    fn begin(threads: &mut Option<Self>, host: &Arc<str>) -> io::Result<bool> {
        let threads = match threads {
            Some(threads) => threads,
            None => threads.insert(Self::new()?),
        };
        if threads.busy >= THREADS_MAX {
            return Ok(false);
        }
        let (sender, waker, host) = (threads.sender.clone(), Arc::clone(&threads.waker), Arc::clone(host));
        spawn(move || {
            let found = look_up(&host);
            // Nobody waits any more: the node ends. And a full pipe wakes as well as one more byte would.
            let _ = sender.send((host, found));
            let _ = (&*waker).write(&[0]);
        })?;
        threads.busy += 1;
        Ok(true)
    }

    fn new() -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        Ok(Self { busy: 0, sender, receiver, waker: Arc::new(waker), woken })
    }

    fn take(&mut self) -> Vec<Found> {
        let mut bytes = [0; THREADS_MAX];
        // Emptied before the results are taken: a result that comes in between wakes once too often, never too seldom.
        while matches!((&self.woken).read(&mut bytes), Ok(1..)) {}
        let found: Vec<_> = self.receiver.try_iter().collect();
        self.busy = self.busy.saturating_sub(found.len());
        found
    }
}

/// Looks a name up and waits for it, but no longer than `timeout`: all its addresses. For an address, that address.
pub(super) fn resolve(endpoint: &Endpoint, timeout: Duration) -> io::Result<Vec<SocketAddr>> {
    if let Some(ip) = endpoint.ip() {
        return Ok(vec![SocketAddr::new(ip, endpoint.port())]);
    }
    let deadline = Deadline::after(timeout);
    let (sender, receiver) = mpsc::sync_channel(1);
    let (host, port) = (endpoint.host().to_owned(), endpoint.port());
    spawn(move || {
        let found = (&*host, port).to_socket_addrs().map(Iterator::collect);
        // Nobody waits any more: it took too long.
        let _ = sender.send(found);
    })?;
    receiver.recv_timeout(deadline.remaining()).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("resolver".into()).stack_size(STACK_LEN).spawn(work).map(drop)
}

/// The address that stands for a name: its first IPv4 one, or its first one if it has none.
fn look_up(host: &str) -> io::Result<IpAddr> {
    let found: Vec<_> = (host, 0).to_socket_addrs()?.map(|address| address.ip()).collect();
    let preferred = found.iter().find(|ip| ip.is_ipv4()).or_else(|| found.first());
    preferred.copied().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    fn settled(resolver: &mut Resolver, endpoint: &Endpoint) -> Option<Endpoint> {
        assert_eq!(resolver.address(endpoint), None);
        let seconds = Timespec { tv_sec: 30, tv_nsec: 0 };
        let fd = resolver.descriptor().unwrap();
        assert_eq!(poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&seconds)), Ok(1));
        assert!(resolver.take());
        resolver.address(endpoint)
    }

    #[test]
    fn an_address_needs_no_lookup_and_a_name_wakes_the_poll() {
        let mut resolver = Resolver::new();
        let address = endpoint("127.0.0.1:7001");
        assert_eq!(resolver.address(&address), Some(address.clone()));
        assert!(resolver.descriptor().is_none());
        assert_eq!(settled(&mut resolver, &endpoint("localhost:7001")), Some(address));
    }

    #[test]
    fn a_name_that_is_not_found_is_told_once_and_left_alone() {
        let mut resolver = Resolver::new();
        // No domain can have that name (RFC 6761).
        let nobody = endpoint("nobody.invalid:7001");
        assert_eq!(settled(&mut resolver, &nobody), None);
        assert_eq!(resolver.take_failures().len(), 1);
        assert_eq!(resolver.address(&nobody), None);
        assert!(!resolver.names[nobody.host()].is_busy, "it is looked up again at once");
        assert!(resolver.take_failures().is_empty());
    }

    #[test]
    fn lookups_and_names_are_bounded() {
        let mut resolver = Resolver::new();
        for number in 0..2 * NAMES_MAX {
            resolver.address(&endpoint(&format!("n{number}.invalid:7001")));
            assert!(resolver.threads.as_ref().unwrap().busy <= THREADS_MAX);
        }
        assert!(resolver.names.len() <= NAMES_MAX);
    }

    #[test]
    fn failures_are_retried_at_growing_distances() {
        let mut resolver = Resolver::new();
        let host: Arc<str> = "far".into();
        let name = || Name { ip: None, is_busy: true, failures: 0, due: Mono(0) };
        resolver.names.insert(Arc::clone(&host), name());
        let mut waits = Vec::new();
        for _ in 0..40 {
            resolver.settle(Arc::clone(&host), Err(io::ErrorKind::NotFound.into()), Mono(0));
            waits.push(resolver.names[&host].due.since(Mono(0)).as_secs());
        }
        assert_eq!(waits[..4], [1, 2, 4, 8]);
        assert_eq!(waits[39], RETRY_MAX.as_secs());
        resolver.settle(Arc::clone(&host), Ok(IpAddr::from([127, 0, 0, 1])), Mono(0));
        assert_eq!(resolver.names[&host].failures, 0);
    }
}
