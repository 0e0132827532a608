//! Advanced SIMD.

use super::{ActivationKernel, functions};
use crate::Isa;
use crate::activation::Function;
use crate::lanes::neon::F32x4;

#[target_feature(enable = "neon")]
unsafe fn run(f: &Function, x: *const f32, y: *mut f32, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { functions::apply::<F32x4>(f, x, y, len) }
}

/// Four elements at a time.
pub static KERNEL: ActivationKernel = ActivationKernel { name: "activation_f32__neon", isa: Isa::Neon, run };
