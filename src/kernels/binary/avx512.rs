//! AVX-512.

use super::{Arithmetic, BinaryKernel, Stretch, functions};
use crate::Isa;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(kind: Arithmetic, clamp: (f32, f32), stretch: &Stretch) {
    // SAFETY: as the caller promises.
    unsafe { functions::rows::<F32x16>(kind, clamp, stretch) }
}

/// Sixteen elements at a time.
pub static KERNEL: BinaryKernel = BinaryKernel { name: "binary_f32__avx512", isa: Isa::Avx512, any_step: false, run };
