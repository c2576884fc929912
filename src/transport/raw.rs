//! The calls to libzmq that the `zmq` crate lacks or wraps badly, and so the only unsafe code of the house:
//! a context whose socket limit can be raised, error numbers that do not panic, frames sent without a copy,
//! descriptors to wait at, and a table for `zmq_poll` that is kept between calls.
#![allow(unsafe_code)]

use super::{budget::Share, ready::Interest};
use std::{
    ffi::{CStr, CString, c_int, c_long, c_short, c_void},
    fmt,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    ptr::{self, NonNull},
    sync::Arc,
    time::Duration,
};
use zmq_sys::{
    errno::{EAGAIN, EINTR, EINVAL},
    zmq_msg_t, zmq_pollitem_t,
};

/// A message with more frames than this keeps only its first, so that it cannot pass for a valid one.
pub const PARTS_MAX: usize = 64;

fn last_errno() -> Errno {
    // SAFETY: reads a number that belongs to the calling thread.
    Errno(unsafe { zmq_sys::zmq_errno() })
}

fn check(code: c_int) -> Result<c_int, Errno> {
    if code == -1 { Err(last_errno()) } else { Ok(code) }
}

/// Repeats a call that a signal interrupted.
fn retried(mut call: impl FnMut() -> c_int) -> Result<c_int, Errno> {
    loop {
        match check(call()) {
            Err(Errno(EINTR)) => {}
            outcome => return outcome,
        }
    }
}

/// An error number as libzmq gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl From<zmq::Error> for Errno {
    fn from(error: zmq::Error) -> Self {
        Self(error.to_raw())
    }
}

impl fmt::Display for Errno {
    /// Name of the error in libzmq or the system.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: libzmq returns a text for every number, ended by zero, that stays valid until the next call
        // on this thread; it is copied here.
        let text = unsafe { CStr::from_ptr(zmq_sys::zmq_strerror(self.0)) };
        f.write_str(&text.to_string_lossy())
    }
}

/// A libzmq context. Ends when the last socket made from it has been dropped, after what lingers is gone.
#[derive(Debug)]
pub(super) struct RawContext(NonNull<c_void>);

// SAFETY: libzmq documents contexts as safe to use from any thread.
unsafe impl Send for RawContext {}
// SAFETY: as above.
unsafe impl Sync for RawContext {}

impl RawContext {
    /// One I/O thread, `sockets_max` sockets, none of which lingers unless told to.
    pub(super) fn new(sockets_max: u16) -> Result<Self, Errno> {
        // SAFETY: no preconditions; a null is handled below.
        let context = Self(NonNull::new(unsafe { zmq_sys::zmq_ctx_new() }).ok_or_else(last_errno)?);
        for (option, value) in [
            (zmq_sys::ZMQ_IO_THREADS, 1),
            (zmq_sys::ZMQ_MAX_SOCKETS, c_int::from(sockets_max)),
            (zmq_sys::ZMQ_BLOCKY, 0),
        ] {
            // SAFETY: the pointer is a context that lives as long as `context`.
            check(unsafe { zmq_sys::zmq_ctx_set(context.0.as_ptr(), option as c_int, value) })?;
        }
        Ok(context)
    }
}

impl Drop for RawContext {
    fn drop(&mut self) {
        // SAFETY: every `Socket` holds a count of this context, so none is open now, and nobody else has the
        // pointer. An interrupted call is to be repeated; any other failure leaves nothing to be done.
        let _ = retried(|| unsafe { zmq_sys::zmq_ctx_term(self.0.as_ptr()) });
    }
}

/// A socket, with the context it needs. Use from one thread at a time.
///
/// It can be waited at with any poll of the system: its descriptor is readable while libzmq has news of it, which
/// [`look`](Self::look) takes. Sending and receiving may take them, too, so of a socket that was used the readiness is
/// [stale](Self::stale), and must be looked at before its descriptor is waited at.
pub(super) struct Socket {
    // Declared first: closed before the context can end.
    inner: zmq::Socket,
    fd: RawFd,
    found: Interest,
    stale: Interest,
    _context: Arc<RawContext>,
}

impl Socket {
    pub(super) fn new(context: &Arc<RawContext>, kind: zmq::SocketType) -> Result<Self, Errno> {
        // SAFETY: the context lives: we hold a count of it.
        let socket = unsafe { zmq_sys::zmq_socket(context.0.as_ptr(), kind as c_int) };
        let socket = NonNull::new(socket).ok_or_else(last_errno)?;
        // SAFETY: a socket just made, whose pointer nobody else has; `inner` owns and closes it from now on.
        let inner = unsafe { zmq::Socket::from_raw(socket.as_ptr()) };
        let fd = inner.get_fd()?;
        Ok(Self { inner, fd, found: Interest::default(), stale: Interest::BOTH, _context: Arc::clone(context) })
    }

    /// Takes the news, and returns what can be done now. It stays so until the socket is used or has news.
    pub(super) fn look(&mut self) -> Result<Interest, Errno> {
        let events = loop {
            match self.inner.get_events() {
                Err(zmq::Error::EINTR) => {}
                outcome => break outcome?,
            }
        };
        self.stale = Interest::default();
        self.found = Interest { readable: events.contains(zmq::POLLIN), writable: events.contains(zmq::POLLOUT) };
        Ok(self.found)
    }

    /// Interest that the last [`look`](Self::look) found.
    pub(super) fn found(&self) -> Interest {
        self.found
    }

    /// Interest of which it is not known how it was found: the socket was used since, or never looked at. One that was found
    /// empty by [`recv`](Self::recv) is known not to be readable.
    pub(super) fn stale(&self) -> Interest {
        self.stale
    }

    /// For the typed options of the `zmq` crate. Their error numbers are all ones that it knows.
    pub(super) fn options(&self) -> &zmq::Socket {
        &self.inner
    }

    pub(super) fn bind(&mut self, endpoint: &str) -> Result<(), Errno> {
        let endpoint = CString::new(endpoint).map_err(|_| Errno(EINVAL))?;
        // SAFETY: an open socket and a text that ends with zero and outlives the call.
        check(unsafe { zmq_sys::zmq_bind(self.inner.as_mut_ptr(), endpoint.as_ptr()) }).map(drop)
    }

    pub(super) fn connect(&mut self, endpoint: &str) -> Result<(), Errno> {
        let endpoint = CString::new(endpoint).map_err(|_| Errno(EINVAL))?;
        // SAFETY: an open socket and a text that ends with zero and outlives the call.
        check(unsafe { zmq_sys::zmq_connect(self.inner.as_mut_ptr(), endpoint.as_ptr()) }).map(drop)
    }

    /// Sends a frame by copying its bytes, without waiting.
    pub(super) fn send_copy(&mut self, bytes: &[u8], more: bool) -> Result<(), Errno> {
        self.stale = Interest::BOTH;
        let (socket, flags) = (self.inner.as_mut_ptr(), send_flags(more));
        // SAFETY: an open socket, and bytes that outlive the call, which copies them.
        retried(|| unsafe { zmq_sys::zmq_send(socket, bytes.as_ptr().cast(), bytes.len(), flags) }).map(drop)
    }

    /// Sends a frame without copying, and without waiting. libzmq holds the bytes and the share until the
    /// frame has left or was dropped; on an error both are let go at once.
    pub(super) fn send_shared(&mut self, bytes: &Arc<[u8]>, share: Option<Share>, more: bool) -> Result<(), Errno> {
        self.stale = Interest::BOTH;
        let (data, len) = (bytes.as_ptr().cast_mut().cast(), bytes.len());
        let ticket = Box::into_raw(Box::new(Ticket { _bytes: Arc::clone(bytes), _share: share }));
        let mut message = zmq_msg_t::default();
        // SAFETY: `data` is valid for `len` bytes, unmoved and unchanged, as long as the ticket lives, and
        // libzmq does not write to a frame that it sends. It calls `release` once, from whichever thread.
        let made = check(unsafe { zmq_sys::zmq_msg_init_data(&mut message, data, len, Some(release), ticket.cast()) });
        if let Err(errno) = made {
            // SAFETY: libzmq did not take the ticket, so it is still ours.
            drop(unsafe { Box::from_raw(ticket) });
            return Err(errno);
        }
        let (socket, flags) = (self.inner.as_mut_ptr(), send_flags(more));
        // SAFETY: an open socket and an initialised message, which libzmq takes over if it returns no error.
        retried(|| unsafe { zmq_sys::zmq_msg_send(&mut message, socket, flags) }).map(drop).inspect_err(|_| {
            // SAFETY: not taken over, so it is ours to close; this releases the ticket.
            unsafe { zmq_sys::zmq_msg_close(&mut message) };
        })
    }

    /// Takes the next message, if there is one; never waits.
    pub(super) fn recv(&mut self, parts: &mut Parts) -> Result<bool, Errno> {
        parts.len = 0;
        self.stale = Interest::BOTH;
        let socket = self.inner.as_mut_ptr();
        let mut surplus = false;
        loop {
            let part = parts.spare();
            // SAFETY: an open socket and an initialised message, whose old content libzmq lets go.
            match retried(|| unsafe { zmq_sys::zmq_msg_recv(part, socket, zmq_sys::ZMQ_DONTWAIT as c_int) }) {
                Ok(_) => {}
                Err(Errno(EAGAIN)) => {
                    // It has taken all news before it said so.
                    (self.found.readable, self.stale.readable) = (false, false);
                    parts.release();
                    return Ok(false);
                }
                Err(errno) => return Err(errno),
            }
            // SAFETY: an initialised message.
            let more = unsafe { zmq_sys::zmq_msg_more(part) } == 1;
            if parts.len < PARTS_MAX {
                parts.len += 1;
            } else {
                surplus = true;
            }
            if !more {
                break;
            }
        }
        if surplus {
            parts.keep_first();
        }
        Ok(true)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: libzmq keeps the descriptor of a socket open until the socket is closed, which `self` owns.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

fn send_flags(more: bool) -> c_int {
    (zmq_sys::ZMQ_DONTWAIT | if more { zmq_sys::ZMQ_SNDMORE } else { 0 }) as c_int
}

/// Ticket that libzmq holds for us while it holds a frame.
struct Ticket {
    _bytes: Arc<[u8]>,
    _share: Option<Share>,
}

/// Called by libzmq when it lets go of a frame, maybe on its I/O thread.
unsafe extern "C" fn release(_data: *mut c_void, ticket: *mut c_void) {
    // SAFETY: `ticket` came from `Box::into_raw` in `send_shared` and is released exactly once. Its parts may
    // be dropped on any thread, and dropping them cannot panic.
    drop(unsafe { Box::from_raw(ticket.cast::<Ticket>()) });
}

/// One frame of a received message.
pub struct Part(Box<zmq_msg_t>);

impl Part {
    fn new() -> Self {
        let mut message = Box::<zmq_msg_t>::default();
        // SAFETY: makes it an empty message, whatever was in it.
        unsafe { zmq_sys::zmq_msg_init(&mut *message) };
        Self(message)
    }

    /// Lets go of the content.
    fn reset(&mut self) {
        // SAFETY: initialised by `new`; closed and made an empty message again.
        unsafe {
            zmq_sys::zmq_msg_close(&mut *self.0);
            zmq_sys::zmq_msg_init(&mut *self.0);
        }
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        let message = ptr::from_ref(&*self.0);
        // SAFETY: an initialised message; both calls only read it, and the bytes stay where they are until the
        // message is changed, which needs `&mut self`. The pointer of an empty message may be anything, even null.
        unsafe {
            let len = zmq_sys::zmq_msg_size(message);
            if len == 0 {
                return &[];
            }
            std::slice::from_raw_parts(zmq_sys::zmq_msg_data(message.cast_mut()).cast(), len)
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // SAFETY: initialised, and never used again.
        unsafe { zmq_sys::zmq_msg_close(&mut *self.0) };
    }
}

/// The frames of one received message, in a buffer that is used again for the next. Its content goes when there is no next.
#[derive(Default)]
pub struct Parts {
    slots: Vec<Part>,
    len: usize,
}

impl Parts {
    /// No frames.
    pub fn new() -> Self {
        Self::default()
    }

    /// The frames, in order; at most [`PARTS_MAX`]. Of a message with more, only the first.
    pub fn frames(&self) -> &[Part] {
        &self.slots[..self.len]
    }

    /// Lets go of all content, also what earlier messages left behind: the next one takes their slots one by one.
    fn release(&mut self) {
        self.slots.iter_mut().for_each(Part::reset);
        self.len = 0;
    }

    fn keep_first(&mut self) {
        self.slots.truncate(PARTS_MAX);
        self.slots[1..].iter_mut().for_each(Part::reset);
        self.len = 1;
    }

    /// The slot for the next frame: all beyond the bound go to the same one.
    fn spare(&mut self) -> &mut zmq_msg_t {
        if self.slots.len() == self.len {
            self.slots.push(Part::new());
        }
        &mut self.slots[self.len].0
    }
}

/// The table that `zmq_poll` reads and fills. The pointers in it are only used within [`poll`](Self::poll).
#[derive(Default)]
pub(super) struct PollTable(Vec<zmq_pollitem_t>);

// SAFETY: the pointers are only used within `poll`, which gets the sockets anew each time.
unsafe impl Send for PollTable {}

impl PollTable {
    /// Waits until a socket or `fd` is ready, a signal comes, or the time (rounded up to ms; `None` for ever)
    /// is over. Says whether anything is ready.
    pub(super) fn poll<'a>(
        &mut self,
        fd: Option<BorrowedFd<'_>>,
        sockets: impl Iterator<Item = (&'a mut Socket, Interest)>,
        timeout: Option<Duration>,
    ) -> Result<bool, Errno> {
        let Self(items) = self;
        items.clear();
        items.extend(sockets.map(|(socket, interest)| zmq_pollitem_t {
            socket: socket.inner.as_mut_ptr(),
            fd: 0,
            events: events(interest),
            revents: 0,
        }));
        if let Some(fd) = fd {
            let events = zmq_sys::ZMQ_POLLIN as c_short;
            items.push(zmq_pollitem_t { socket: ptr::null_mut(), fd: fd.as_raw_fd(), events, revents: 0 });
        }
        let count = c_int::try_from(items.len()).map_err(|_| Errno(EINVAL))?;
        // SAFETY: `count` items that we alone hold; their sockets are borrowed for `'a`, which outlives this
        // call, and so is the descriptor.
        match check(unsafe { zmq_sys::zmq_poll(items.as_mut_ptr(), count, millis(timeout)) }) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno(EINTR)) => {
                items.iter_mut().for_each(|item| item.revents = 0);
                Ok(false)
            }
            Err(errno) => Err(errno),
        }
    }

    /// Readiness that the last [`poll`](Self::poll) found at its `index`th socket; one past the last is the descriptor.
    pub(super) fn found(&self, index: usize) -> Interest {
        let revents = self.0[index].revents;
        Interest {
            readable: revents & !(zmq_sys::ZMQ_POLLOUT as c_short) != 0,
            writable: revents & zmq_sys::ZMQ_POLLOUT as c_short != 0,
        }
    }
}

fn events(interest: Interest) -> c_short {
    let readable = if interest.readable { zmq_sys::ZMQ_POLLIN } else { 0 };
    let writable = if interest.writable { zmq_sys::ZMQ_POLLOUT } else { 0 };
    (readable | writable) as c_short
}

fn millis(timeout: Option<Duration>) -> c_long {
    let Some(timeout) = timeout else { return -1 };
    c_long::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(c_long::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up_and_errors_have_names() {
        assert_eq!(millis(None), -1);
        assert_eq!(millis(Some(Duration::ZERO)), 0);
        assert_eq!(millis(Some(Duration::from_micros(1))), 1);
        assert_eq!(millis(Some(Duration::from_micros(2_001))), 3);
        assert_eq!(millis(Some(Duration::MAX)), c_long::MAX);
        assert!(Errno(EINVAL).to_string().contains("nvalid"));
    }

    #[test]
    fn a_socket_found_empty_keeps_nothing_and_need_not_be_asked_whether_it_can_be_read() {
        let context = Arc::new(RawContext::new(4).unwrap());
        let [mut near, mut far] = [(); 2].map(|()| Socket::new(&context, zmq::PAIR).unwrap());
        near.bind("inproc://raw").unwrap();
        far.connect("inproc://raw").unwrap();
        let (bytes, mut parts) = (Arc::from([7; 1000]), Parts::new());
        far.send_shared(&bytes, None, false).unwrap();
        assert!(near.look().unwrap().readable);
        assert!(near.recv(&mut parts).unwrap());
        assert_eq!((parts.frames()[0].as_ref(), Arc::strong_count(&bytes)), (&*bytes, 2));
        assert!(near.stale().readable && near.stale().writable);
        assert!(!near.recv(&mut parts).unwrap());
        assert_eq!((parts.frames().len(), Arc::strong_count(&bytes)), (0, 1));
        assert!(!near.found().readable && !near.stale().readable && near.stale().writable);
        far.send_copy(&[1], false).unwrap();
        let mut table = crate::transport::wait::WaitTable::default();
        table.wait([near.as_fd()].into_iter(), Some(Duration::from_secs(5))).unwrap();
        assert!(table.woke(0) && near.look().unwrap().readable, "news that came later wake");
    }
}
