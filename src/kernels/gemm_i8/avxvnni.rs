//! AVX2 with VEX-encoded VNNI.

use core::arch::x86_64::*;

use super::GemmKernel;
use super::tile::{Tile, TileFn, Tiles};
use super::ymm::{self, Dot};
use crate::Isa;

struct Vex;

impl Dot for Vex {
    #[inline(always)]
    unsafe fn dot(sum: __m256i, x: __m256i, w: __m256i) -> __m256i {
        // SAFETY: the processor has AVX-VNNI, as the caller promises.
        unsafe { _mm256_dpbusd_avx_epi32(sum, x, w) }
    }
}

#[target_feature(enable = "avx2,avxvnni")]
unsafe fn run<const M: usize, const NP: usize>(t: &Tile<'_>, w: *const i8, column: usize, _: usize) {
    // SAFETY: as the caller promises.
    unsafe { ymm::run::<Vex, M, NP>(t, w, column) }
}

macro_rules! by_rows {
    ($run:ident $panels:literal: $($m:literal)*) => {
        Tiles { panels: $panels, by_rows: &[$($run::<$m, $panels> as TileFn),*] }
    };
}

/// 6×16; few rows take more panels, so that enough sums are under way.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8_6x16__avxvnni",
    isa: Isa::AvxVnni,
    tiles: &[by_rows!(run 4: 1), by_rows!(run 2: 1 2 3), by_rows!(run 1: 1 2 3 4 5 6)],
    tall: 2,
    half: &[],
    widen: None,
    shift: None,
};

/// The same with the encoding of AVX-512, for processors that have only that.
#[cfg(test)]
pub(super) mod evex {
    use super::*;

    struct Evex;

    impl Dot for Evex {
        #[inline(always)]
        unsafe fn dot(sum: __m256i, x: __m256i, w: __m256i) -> __m256i {
            // SAFETY: the processor has AVX-512 VNNI, as the caller promises.
            unsafe { _mm256_dpbusd_epi32(sum, x, w) }
        }
    }

    #[target_feature(enable = "avx2,avx512vl,avx512vnni")]
    unsafe fn run<const M: usize, const NP: usize>(t: &Tile<'_>, w: *const i8, column: usize, _: usize) {
        // SAFETY: as the caller promises.
        unsafe { ymm::run::<Evex, M, NP>(t, w, column) }
    }

    pub(in super::super) static KERNEL: GemmKernel = GemmKernel {
        name: "gemm_i8_6x16__avxvnni, as AVX-512",
        isa: Isa::Avx512Vnni,
        tiles: &[by_rows!(run 4: 1), by_rows!(run 2: 1 2 3), by_rows!(run 1: 1 2 3 4 5 6)],
        tall: 2,
        half: &[],
        widen: None,
        shift: None,
    };
}
