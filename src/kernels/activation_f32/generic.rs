//! Portable Rust.

use super::{ActivationKernel, functions};
use crate::Isa;
use crate::activation::Function;
use crate::lanes::generic::F32x1;

unsafe fn run(f: &Function, x: *const f32, y: *mut f32, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { functions::apply::<F32x1>(f, x, y, len) }
}

/// One element at a time.
pub static KERNEL: ActivationKernel = ActivationKernel { name: "activation_f32__generic", isa: Isa::Generic, run };
