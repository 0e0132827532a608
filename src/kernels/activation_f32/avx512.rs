//! AVX-512.

use super::{ActivationKernel, functions};
use crate::Isa;
use crate::activation::Function;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(f: &Function, x: *const f32, y: *mut f32, len: usize) {
    // SAFETY: as the caller promises.
    unsafe { functions::apply::<F32x16>(f, x, y, len) }
}

/// Sixteen elements at a time.
pub static KERNEL: ActivationKernel = ActivationKernel { name: "activation_f32__avx512", isa: Isa::Avx512, run };
