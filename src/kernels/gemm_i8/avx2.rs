//! AVX2. Its products of bytes saturate, so bytes and weights are widened to 16 bits: bytes once for some panels, weights
//! as they are loaded.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::tile::{MAX_SUMS, Store, Tile, TileFn, Tiles};
use super::{GemmKernel, PANEL, QUAD, ymm};
use crate::Isa;
use crate::requantize::Requantize;
use crate::sight::Segment;

/// Elements of a row that are widened at once.
const BLOCK: usize = 512;

/// Elements that are widened with one instruction.
const CHUNK: usize = 16;

/// `M` rows of widened elements: of each quad the first and the third, then the second and the fourth.
type Wide<const M: usize> = [[i16; BLOCK]; M];

/// Columns of a vector.
const LANES: usize = PANEL / 2;

/// Sums of `M` rows and a panel.
type Sums<const M: usize> = [[__m256i; 2]; M];

/// `M` rows by `NP` panels: see [`TileFn`].
#[target_feature(enable = "avx2")]
unsafe fn run<const M: usize, const NP: usize>(t: &Tile<'_>, w: *const i8, column: usize) {
    const { assert!(M * NP * PANEL <= MAX_SUMS) };
    let mut wide = MaybeUninit::<Wide<M>>::uninit();
    let wide = wide.as_mut_ptr().cast::<i16>();
    let mut room = MaybeUninit::<[i32; MAX_SUMS]>::uninit();
    let sums = if t.after.is_null() { room.as_mut_ptr().cast() } else { t.after };
    let mut reader = Reader { segments: t.segments, left: t.count, done: 0 };
    let (mut w, mut is_first) = (w, true);
    // SAFETY: as the caller promises; there is room for a block of the tile's rows, and for its sums.
    unsafe {
        let ends = Ends::new(&t.store.how.requantize);
        loop {
            let quads = reader.read::<M>(wide);
            let is_last = reader.left == 0;
            for j in 0..NP {
                let (column, sums) = (column + j * PANEL, sums.add(j * PANEL));
                let mut panel: Sums<M> = [[_mm256_setzero_si256(); 2]; M];
                unrolled!(i < M => {
                    panel[i] = if is_first {
                        ymm::begin(t, column, i, i * NP + j)
                    } else {
                        let sums = sums.add(i * NP * PANEL);
                        [_mm256_loadu_si256(sums.cast()), _mm256_loadu_si256(sums.add(LANES).cast())]
                    };
                });
                if column + LANES < t.store.cols {
                    multiply::<M, 2>(&mut panel, wide, quads, w.wrapping_add(j * t.panel));
                } else {
                    multiply::<M, 1>(&mut panel, wide, quads, w.wrapping_add(j * t.panel));
                }
                if is_last && t.after.is_null() && t.store.residual.is_null() {
                    store(&t.store, &ends, column, &panel);
                } else {
                    unrolled!(i < M => {
                        let sums = sums.add(i * NP * PANEL);
                        _mm256_storeu_si256(sums.cast(), panel[i][0]);
                        _mm256_storeu_si256(sums.add(LANES).cast(), panel[i][1]);
                    });
                }
            }
            if is_last {
                break;
            }
            (w, is_first) = (w.wrapping_add(quads * PANEL * QUAD), false);
        }
        if t.after.is_null() && !t.store.residual.is_null() {
            ymm::store(&t.store, column, sums, M, NP);
        }
    }
}

/// Adds the products of a block of each row with the weights of `H` halves of a panel.
#[inline(always)]
unsafe fn multiply<const M: usize, const H: usize>(sums: &mut Sums<M>, x: *const i16, quads: usize, w: *const i8) {
    // SAFETY: rows of the block have so many quads, and so has the panel.
    unsafe {
        let mut halves = [[_mm256_setzero_si256(); H]; M];
        unrolled!(i < M => {
            halves[i].copy_from_slice(&sums[i][..H]);
        });
        for q in 0..quads {
            let mut weights = [[_mm256_setzero_si256(); 2]; H];
            for (h, weights) in weights.iter_mut().enumerate() {
                let w = _mm256_loadu_si256(w.add((q * PANEL + h * LANES) * QUAD).cast());
                *weights = [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(w)), _mm256_srai_epi16::<8>(w)];
            }
            unrolled!(i < M => {
                let x = x.add(i * BLOCK + q * QUAD).cast::<i32>();
                let (even, odd) = (_mm256_set1_epi32(x.read_unaligned()), _mm256_set1_epi32(x.add(1).read_unaligned()));
                for (sum, w) in halves[i].iter_mut().zip(weights) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(even, w[0]));
                }
                for (sum, w) in halves[i].iter_mut().zip(weights) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(odd, w[1]));
                }
            });
        }
        unrolled!(i < M => {
            sums[i][..H].copy_from_slice(&halves[i]);
        });
    }
}

/// Zero point and bounds of a result.
struct Ends {
    zero: __m256i,
    low: __m256i,
    high: __m256i,
}

impl Ends {
    #[inline(always)]
    unsafe fn new(r: &Requantize) -> Self {
        // SAFETY: the processor has AVX2, as the caller promises.
        unsafe {
            Self {
                zero: _mm256_set1_epi16(i16::from(r.zero)),
                low: _mm256_set1_epi8(r.low as i8),
                high: _mm256_set1_epi8(r.high as i8),
            }
        }
    }
}

/// Stores the sums of a panel, which have no residual.
#[inline(always)]
unsafe fn store<const M: usize>(s: &Store<'_>, ends: &Ends, column: usize, sums: &Sums<M>) {
    // SAFETY: multipliers are there for whole panels, rows for the columns below `cols`.
    unsafe {
        let &Ends { zero, low, high } = ends;
        let (cols, y, y_pitch) = (s.cols - column, s.y.add(column), s.how.y_pitch);
        let m = s.multiplier.add(column);
        let m = [_mm256_loadu_ps(m), _mm256_loadu_ps(m.add(LANES))];
        let mut words = [_mm256_setzero_si256(); M];
        unrolled!(i < M => {
            let first = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums[i][0]), m[0]));
            let second = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sums[i][1]), m[1]));
            words[i] = _mm256_adds_epi16(_mm256_packs_epi32(first, second), zero);
        });
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        unrolled!(g < M.div_ceil(2) => {
            let i = 2 * g;
            // The last row may have no other beside it.
            let rows = _mm256_packus_epi16(words[i], words[(i + 1).min(M - 1)]);
            let rows = _mm256_permutevar8x32_epi32(rows, order);
            let rows = _mm256_min_epu8(_mm256_max_epu8(rows, low), high);
            ymm::write(y.add(i * y_pitch), _mm256_castsi256_si128(rows), cols.min(PANEL));
            if i + 1 < M {
                ymm::write(y.add((i + 1) * y_pitch), _mm256_extracti128_si256::<1>(rows), cols.min(PANEL));
            }
        });
    }
}

/// Widens segments.
struct Reader {
    segments: *const Segment<u8>,
    /// Segments from there on.
    left: usize,
    /// Elements of the first that were read.
    done: usize,
}

impl Reader {
    /// Widens as much as a block has room for, the ends of segments being filled with zeros to whole quads; returns the
    /// number of quads.
    ///
    /// # Safety
    /// Segments are valid for `M` rows, and `to` for [`Wide`].
    #[inline(always)]
    unsafe fn read<const M: usize>(&mut self, to: *mut i16) -> usize {
        let mut at = 0;
        while self.left > 0 && at < BLOCK {
            // SAFETY: as the caller promises; what is written ends with the block, whose length is a multiple of quads.
            unsafe {
                let segment = *self.segments;
                let len = (segment.len - self.done).min(BLOCK - at);
                for i in 0..M {
                    widen((*segment.rows)[i].add(segment.offset + self.done), to.add(i * BLOCK + at), len);
                }
                at += len.next_multiple_of(QUAD);
                self.done += len;
                if self.done == segment.len {
                    (self.segments, self.left, self.done) = (self.segments.add(1), self.left - 1, 0);
                }
            }
        }
        at / QUAD
    }
}

/// Widens elements, and zeros up to whole quads; see [`Wide`].
///
/// # Safety
/// So many elements are valid for reading, and whole quads for writing.
#[inline(always)]
unsafe fn widen(from: *const u8, to: *mut i16, len: usize) {
    let mut k = 0;
    // SAFETY: as the caller promises.
    unsafe {
        let low_bytes = _mm_set1_epi16(0xff);
        while k + CHUNK <= len {
            let x = _mm_loadu_si128(from.add(k).cast());
            let (even, odd) = (_mm_and_si128(x, low_bytes), _mm_srli_epi16::<8>(x));
            _mm_storeu_si128(to.add(k).cast(), _mm_unpacklo_epi32(even, odd));
            _mm_storeu_si128(to.add(k + CHUNK / 2).cast(), _mm_unpackhi_epi32(even, odd));
            k += CHUNK;
        }
        while k < len {
            let quad = if k + QUAD <= len {
                from.add(k).cast::<i32>().read_unaligned()
            } else {
                super::tile::tail_quad(from.add(k), len - k)
            } as u32;
            let pairs = [quad & 0x00ff_00ff, quad >> 8 & 0x00ff_00ff];
            to.add(k).cast::<[u32; 2]>().write_unaligned(pairs);
            k += QUAD;
        }
    }
}

macro_rules! by_rows {
    ($panels:literal: $($m:literal)*) => {
        Tiles { panels: $panels, by_rows: &[$(run::<$m, $panels> as TileFn),*] }
    };
}

/// 5×16, one panel after another, four of them for bytes widened once.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8_5x16__avx2",
    isa: Isa::Avx2,
    tiles: &[by_rows!(4: 1 2 3 4 5), by_rows!(2: 1 2 3 4 5), by_rows!(1: 1 2 3 4 5)],
    tall: 0,
    half: &[],
};
