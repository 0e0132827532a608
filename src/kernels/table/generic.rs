//! Portable Rust.

use super::{ENTRIES, TableKernel};
use crate::Isa;

pub(super) unsafe fn run(table: &[u8; ENTRIES], x: *const u8, y: *mut u8, len: usize) {
    for i in 0..len {
        // SAFETY: `i` is below `len`.
        unsafe { y.add(i).write(table[usize::from(x.add(i).read())]) };
    }
}

/// One byte at a time.
pub static KERNEL: TableKernel = TableKernel { name: "table__generic", isa: Isa::Generic, line: run };
