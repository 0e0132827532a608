//! Counts what a thread asks of the heap.
#![allow(unsafe_code, reason = "an allocator is unsafe to write; this one passes every call on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting. Make it a binary's `#[global_allocator]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

/// How often this thread has allocated or grown memory since it began.
pub fn count() -> u64 {
    COUNT.try_with(Cell::get).unwrap_or(0)
}

/// How many bytes this thread has asked for since it began.
pub fn bytes() -> u64 {
    BYTES.try_with(Cell::get).unwrap_or(0)
}

fn record(size: usize) {
    // A thread that is ending has no counters any more.
    let _ = COUNT.try_with(|c| c.set(c.get() + 1));
    let _ = BYTES.try_with(|b| b.set(b.get() + size as u64));
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counter neither allocates nor drops.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        record(layout.size());
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        record(layout.size());
        // SAFETY: the caller keeps `alloc_zeroed`'s contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        record(size);
        // SAFETY: the caller keeps `realloc`'s contract; the block came from the system's allocator.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract; the block came from the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }
}
