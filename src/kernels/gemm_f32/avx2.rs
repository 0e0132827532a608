//! AVX2 with FMA.

use super::GemmKernel;
use super::tile::{self, Tile, Tiles};
use crate::Isa;
use crate::lanes::avx2::F32x8;

#[target_feature(enable = "avx2,fma")]
unsafe fn run<const M: usize, const NV: usize>(t: &Tile) {
    // SAFETY: as the caller promises.
    unsafe { tile::run::<F32x8, M, NV>(t) }
}

/// 6×16; few rows take more panels, so that enough sums are under way.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_f32_6x16__avx2",
    isa: Isa::Avx2,
    tiles: &[
        Tiles { panels: 4, by_rows: &[run::<1, 8>] },
        Tiles { panels: 2, by_rows: &[run::<1, 4>, run::<2, 4>] },
        Tiles { panels: 1, by_rows: &[run::<1, 2>, run::<2, 2>, run::<3, 2>, run::<4, 2>, run::<5, 2>, run::<6, 2>] },
    ],
    half: &[run::<1, 1>, run::<2, 1>, run::<3, 1>, run::<4, 1>, run::<5, 1>, run::<6, 1>],
};
