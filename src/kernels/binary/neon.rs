//! Advanced SIMD.

use super::{Arithmetic, BinaryKernel, Stretch, functions};
use crate::Isa;
use crate::lanes::neon::F32x4;

#[target_feature(enable = "neon")]
unsafe fn run(kind: Arithmetic, clamp: (f32, f32), stretch: &Stretch) {
    // SAFETY: as the caller promises.
    unsafe { functions::rows::<F32x4>(kind, clamp, stretch) }
}

/// Four elements at a time.
pub static KERNEL: BinaryKernel = BinaryKernel { name: "binary_f32__neon", isa: Isa::Neon, any_step: false, run };
