//! AVX-512.

use super::{Blend, BlendKernel};
use crate::Isa;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(blend: Blend, y: *mut f32, operands: [*const f32; 3], len: usize) {
    // SAFETY: as the caller promises.
    unsafe { super::run::<F32x16>(blend, y, operands, len) }
}

/// Sixteen elements at a time.
pub static KERNEL: BlendKernel = BlendKernel { isa: Isa::Avx512, run };
