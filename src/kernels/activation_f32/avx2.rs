//! AVX2.

use super::{ActivationKernel, functions};
use crate::Isa;
use crate::activation::Function;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2")]
unsafe fn run(f: &Function, x: *const f32, y: *mut f32, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { functions::apply::<F32x8>(f, x, y, len) }
}

/// Eight elements at a time.
pub static KERNEL: ActivationKernel = ActivationKernel { name: "activation_f32__avx2", isa: Isa::Avx2, run };
