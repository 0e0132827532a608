//! Advanced SIMD.

use super::WinogradKernel;
use super::transform::{self, Finish, Patch};
use crate::Isa;
use crate::lanes::neon::F32x8;

#[target_feature(enable = "neon")]
unsafe fn input(patch: &Patch) {
    // SAFETY: as the caller promises.
    unsafe { transform::input::<F32x8>(patch) }
}

#[target_feature(enable = "neon")]
unsafe fn output(tile: &Finish) {
    // SAFETY: as the caller promises.
    unsafe { transform::output::<F32x8>(tile) }
}

/// Eight channels at a time.
pub static KERNEL: WinogradKernel = WinogradKernel { name: "winograd_f32__neon", isa: Isa::Neon, input, output };
