//! AVX2.

use super::{Blend, BlendKernel};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2")]
unsafe fn run(blend: Blend, y: *mut f32, operands: [*const f32; 3], len: usize) {
    // SAFETY: as the caller promises.
    unsafe { super::run::<F32x8>(blend, y, operands, len) }
}

/// Eight elements at a time.
pub static KERNEL: BlendKernel = BlendKernel { isa: Isa::Avx2, run };
