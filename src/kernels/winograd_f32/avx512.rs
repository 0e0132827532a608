//! AVX-512.

use super::WinogradKernel;
use super::transform::{self, Finish, Patch};
use crate::Isa;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn input(patch: &Patch) {
    // SAFETY: as the caller promises.
    unsafe { transform::input::<F32x16>(patch) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn output(tile: &Finish) {
    // SAFETY: as the caller promises.
    unsafe { transform::output::<F32x16>(tile) }
}

/// 16 channels at a time.
pub static KERNEL: WinogradKernel = WinogradKernel { name: "winograd_f32__avx512", isa: Isa::Avx512, input, output };
