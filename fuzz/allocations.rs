//! An allocator that counts: how many bytes a thread holds, how many it held at most since somebody asked, and how often it
//! took some. It stands in for the system's in the fuzzer and in the guards alone.

#![allow(unsafe_code)] // The trait is unsafe; all that is done is to pass calls on.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    /// Bytes held, and the most of them. What one thread takes and another gives back counts for each.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
    /// Number of times that it took some, or took more in the place of some.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// The most bytes that this thread held while `work` ran, beyond those that it held before.
pub(crate) fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = held();
    HELD.set((before, before));
    let result = work();
    let (_, most) = HELD.get();
    (result, usize::try_from(most - before).unwrap_or(0))
}

/// Bytes that this thread holds: those that it took less those that it gave back.
pub(crate) fn held() -> isize {
    HELD.get().0
}

/// Number of times that this thread took memory, or had a block grow or shrink.
pub(crate) fn calls() -> u64 {
    CALLS.get()
}

struct Counting;

fn call() {
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

fn note(bytes: isize) {
    // A thread that ends has no counter any more.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        held.set((now + bytes, most.max(now + bytes)));
    });
}

/// A layout's size is never above `isize::MAX`.
fn size(layout: Layout) -> isize {
    layout.size() as isize
}

// SAFETY: every call goes to the system's allocator as it came, and what that returns is returned; the counters are not on
// the heap, so that counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        call();
        note(size(layout));
        // SAFETY: the caller keeps the contract of the same function of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        call();
        note(size(layout));
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(-size(layout));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        call();
        // Both blocks are there for a moment.
        note(new_size as isize);
        note(-size(layout));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[test]
fn what_is_held_and_the_most_of_it_is_known() {
    let (before, calls_before) = (held(), calls());
    let (kept, most) = peak(|| {
        drop(vec![0_u8; 1000]);
        vec![0_u8; 300]
    });
    assert_eq!((most, held() - before, calls() - calls_before), (1000, 300, 2));
    drop(kept);
    assert_eq!(held(), before);
}
