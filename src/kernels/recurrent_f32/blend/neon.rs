//! Advanced SIMD.

use super::{Blend, BlendKernel};
use crate::Isa;
use crate::lanes::neon::F32x4;

#[target_feature(enable = "neon")]
unsafe fn run(blend: Blend, y: *mut f32, operands: [*const f32; 3], len: usize) {
    // SAFETY: as the caller promises.
    unsafe { super::run::<F32x4>(blend, y, operands, len) }
}

/// Four elements at a time.
pub static KERNEL: BlendKernel = BlendKernel { isa: Isa::Neon, run };
