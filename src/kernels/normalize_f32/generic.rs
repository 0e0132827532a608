//! Portable Rust.

use super::{NormalizeKernel, Row, row};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn run(row: &Row) {
    // SAFETY: as the caller promises.
    unsafe { row::run::<F32x1, 16>(row) }
}

/// One element at a time.
pub static KERNEL: NormalizeKernel = NormalizeKernel { name: "normalize_f32__generic", isa: Isa::Generic, run };
