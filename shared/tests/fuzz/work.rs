//! What a reader takes: bytes it asks the allocator for, whether or not it gives them back.
//!
//! Work that grows faster than its input nearly always builds something on the way; what only looks does not show here.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// Bytes that a byte of input may cost, beside the allowance of the target.
pub(crate) const PER_BYTE: usize = 1024;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

#[derive(Debug)]
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: usize) {
    // A thread that is ending has no counter any more.
    let _ = ALLOCATED.try_with(|allocated| allocated.set(allocated.get().saturating_add(bytes)));
}

// SAFETY: everything is the system allocator's own doing; counting allocates nothing and cannot unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; every pointer given out came from there.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What `task` gives, and the bytes that this thread allocated for it.
pub(crate) fn measured<T>(task: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.get();
    let given = task();
    (given, ALLOCATED.get().saturating_sub(before))
}
