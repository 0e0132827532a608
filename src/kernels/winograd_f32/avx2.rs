//! AVX2 with FMA.

use super::WinogradKernel;
use super::transform::{self, Finish, Patch};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2,fma")]
unsafe fn input(patch: &Patch) {
    // SAFETY: as the caller promises.
    unsafe { transform::input::<F32x8>(patch) }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn output(tile: &Finish) {
    // SAFETY: as the caller promises.
    unsafe { transform::output::<F32x8>(tile) }
}

/// Eight channels at a time.
pub static KERNEL: WinogradKernel = WinogradKernel { name: "winograd_f32__avx2", isa: Isa::Avx2, input, output };
