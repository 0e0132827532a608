//! AVX-512.

use super::{NormalizeKernel, Row, row};
use crate::Isa;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(row: &Row) {
    // SAFETY: as the caller promises.
    unsafe { row::run::<F32x16, 1>(row) }
}

/// Sixteen elements at a time.
pub static KERNEL: NormalizeKernel = NormalizeKernel { name: "normalize_f32__avx512", isa: Isa::Avx512, run };
