//! Portable Rust.

use super::tile::{self, Tile, TileFn, Tiles};
use super::{GemmKernel, PANEL};
use crate::Isa;
use crate::lanes::generic::F32x1;

unsafe fn run<const M: usize>(t: &Tile) {
    // SAFETY: as the caller promises.
    unsafe { tile::run::<F32x1, M, PANEL>(t) }
}

/// As many rows as vector registers of the architecture hold.
#[cfg(target_arch = "aarch64")]
const BY_ROWS: &[TileFn] = &[run::<1>, run::<2>, run::<3>, run::<4>];
#[cfg(not(target_arch = "aarch64"))]
const BY_ROWS: &[TileFn] = &[run::<1>];

/// One panel.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_f32__generic",
    isa: Isa::Generic,
    tiles: &[Tiles { panels: 1, by_rows: BY_ROWS }],
    half: &[],
};
