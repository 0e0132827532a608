//! AVX2.

use super::{NormalizeKernel, Row, row};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2")]
unsafe fn run(row: &Row) {
    // SAFETY: as the caller promises.
    unsafe { row::run::<F32x8, 2>(row) }
}

/// Eight elements at a time.
pub static KERNEL: NormalizeKernel = NormalizeKernel { name: "normalize_f32__avx2", isa: Isa::Avx2, run };
