//! AVX2.

use super::{Arithmetic, BinaryKernel, Stretch, functions};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2")]
unsafe fn run(kind: Arithmetic, clamp: (f32, f32), stretch: &Stretch) {
    // SAFETY: as the caller promises.
    unsafe { functions::rows::<F32x8>(kind, clamp, stretch) }
}

/// Eight elements at a time.
pub static KERNEL: BinaryKernel = BinaryKernel { name: "binary_f32__avx2", isa: Isa::Avx2, any_step: false, run };
