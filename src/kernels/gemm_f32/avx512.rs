//! AVX-512.

use super::GemmKernel;
use super::tile::{self, Tile, TileFn, Tiles};
use crate::Isa;
use crate::lanes::avx2::F32x8;
use crate::lanes::avx512::F32x16;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run<const M: usize, const NV: usize>(t: &Tile) {
    // SAFETY: as the caller promises.
    unsafe { tile::run::<F32x16, M, NV>(t) }
}

/// Eight columns, of which processors with narrow units work off twice as many.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
unsafe fn half<const M: usize>(t: &Tile) {
    // SAFETY: as the caller promises.
    unsafe { tile::run::<F32x8, M, 1>(t) }
}

macro_rules! by_rows {
    ($panels:literal: $($m:literal)*) => {
        Tiles { panels: $panels, by_rows: &[$(run::<$m, $panels> as TileFn),*] }
    };
    (half: $($m:literal)*) => {
        &[$(half::<$m> as TileFn),*]
    };
}

/// 14×32; few rows take more panels, so that enough sums are under way.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_f32_14x32__avx512",
    isa: Isa::Avx512,
    tiles: &[
        by_rows!(8: 1),
        by_rows!(4: 1 2 3),
        by_rows!(2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        by_rows!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
    ],
    half: by_rows!(half: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
};
