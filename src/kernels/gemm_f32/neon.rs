//! Advanced SIMD.

use super::GemmKernel;
use super::tile::{self, Tile, Tiles};
use crate::Isa;
use crate::lanes::neon::F32x4;

#[target_feature(enable = "neon")]
unsafe fn run<const M: usize, const NV: usize>(t: &Tile) {
    // SAFETY: as the caller promises.
    unsafe { tile::run::<F32x4, M, NV>(t) }
}

/// 6×16; few rows take more panels, so that enough sums are under way.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_f32_6x16__neon",
    isa: Isa::Neon,
    tiles: &[
        Tiles { panels: 4, by_rows: &[run::<1, 16>] },
        Tiles { panels: 2, by_rows: &[run::<1, 8>, run::<2, 8>] },
        Tiles { panels: 1, by_rows: &[run::<1, 4>, run::<2, 4>, run::<3, 4>, run::<4, 4>, run::<5, 4>, run::<6, 4>] },
    ],
    half: &[run::<1, 2>, run::<2, 2>, run::<3, 2>, run::<4, 2>, run::<5, 2>, run::<6, 2>],
};
