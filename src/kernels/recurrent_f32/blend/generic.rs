//! Portable Rust.

use super::{Blend, BlendKernel};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn run(blend: Blend, y: *mut f32, operands: [*const f32; 3], len: usize) {
    // SAFETY: as the caller promises.
    unsafe { super::run::<F32x1>(blend, y, operands, len) }
}

/// One element at a time.
pub static KERNEL: BlendKernel = BlendKernel { isa: Isa::Generic, run };
