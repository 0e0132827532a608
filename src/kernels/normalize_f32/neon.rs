//! Advanced SIMD.

use super::{NormalizeKernel, Row, row};
use crate::Isa;
use crate::lanes::neon::F32x4;

#[target_feature(enable = "neon")]
unsafe fn run(row: &Row) {
    // SAFETY: as the caller promises.
    unsafe { row::run::<F32x4, 4>(row) }
}

/// Four elements at a time.
pub static KERNEL: NormalizeKernel = NormalizeKernel { name: "normalize_f32__neon", isa: Isa::Neon, run };
