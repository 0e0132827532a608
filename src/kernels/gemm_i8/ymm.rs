//! What kernels of 256-bit vectors share: sums to bytes, and tiles of instructions that multiply quads.

use core::arch::x86_64::*;

use super::tile::{How, MAX_SUMS, Store, Tile, tail_quad};
use super::{PANEL, QUAD};
use crate::requantize::{Inner, Requantize};
use crate::saturate;

/// Columns of a vector.
const LANES: usize = 8;

/// An instruction that adds the products of four bytes and four weights to each sum.
pub(super) trait Dot {
    /// # Safety
    /// The processor has it.
    unsafe fn dot(sum: __m256i, x: __m256i, w: __m256i) -> __m256i;
}

/// `M` rows by `NP` panels: see [`super::tile::TileFn`].
#[inline(always)]
pub(super) unsafe fn run<D: Dot, const M: usize, const NP: usize>(t: &Tile<'_>, w: *const i8, column: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums = [[[_mm256_setzero_si256(); 2]; NP]; M];
        unrolled!(i < M => {
            unrolled!(j < NP => {
                sums[i][j] = begin(t, column + j * PANEL, i, i * NP + j);
            });
        });
        let mut w = w;
        for s in 0..t.count {
            let segment = t.segments.add(s);
            let rows = (*segment).rows.cast::<[*const u8; M]>().read();
            let (mut k, rest) = ((*segment).offset, (*segment).len % QUAD);
            let end = k + (*segment).len - rest;
            while k < end {
                let mut x = [0; M];
                unrolled!(i < M => {
                    x[i] = rows[i].add(k).cast::<i32>().read_unaligned();
                });
                add::<D, M, NP>(&mut sums, x, w, t.panel);
                w = w.wrapping_add(PANEL * QUAD);
                k += QUAD;
            }
            if rest > 0 {
                let mut x = [0; M];
                unrolled!(i < M => {
                    x[i] = tail_quad(rows[i].add(k), rest);
                });
                add::<D, M, NP>(&mut sums, x, w, t.panel);
                w = w.wrapping_add(PANEL * QUAD);
            }
        }
        const { assert!(M * NP * PANEL <= MAX_SUMS) };
        let mut room = core::mem::MaybeUninit::<[i32; MAX_SUMS]>::uninit();
        let to = if t.after.is_null() { room.as_mut_ptr().cast() } else { t.after };
        unrolled!(i < M => {
            unrolled!(j < NP => {
                let to = to.add((i * NP + j) * PANEL);
                _mm256_storeu_si256(to.cast(), sums[i][j][0]);
                _mm256_storeu_si256(to.add(LANES).cast(), sums[i][j][1]);
            });
        });
        if t.after.is_null() {
            store(&t.store, column, to, M, NP);
        }
    }
}

/// Adds a quad of each row times those of the panels.
#[inline(always)]
unsafe fn add<D: Dot, const M: usize, const NP: usize>(
    sums: &mut [[[__m256i; 2]; NP]; M],
    x: [i32; M],
    w: *const i8,
    panel: usize,
) {
    // SAFETY: each panel has the quad, as the caller promises.
    unsafe {
        let mut weights = [[_mm256_setzero_si256(); 2]; NP];
        unrolled!(j < NP => {
            let w = w.add(j * panel).cast::<__m256i>();
            weights[j] = [_mm256_loadu_si256(w), _mm256_loadu_si256(w.add(1))];
        });
        unrolled!(i < M => {
            let x = _mm256_set1_epi32(x[i]);
            unrolled!(j < NP => {
                sums[i][j][0] = D::dot(sums[i][j][0], x, weights[j][0]);
                sums[i][j][1] = D::dot(sums[i][j][1], x, weights[j][1]);
            });
        });
    }
}

/// The sums that a row begins with in a panel, which is the tile's `at`th piece.
///
/// # Safety
/// As [`super::tile::TileFn`].
#[inline(always)]
pub(super) unsafe fn begin(t: &Tile<'_>, column: usize, row: usize, at: usize) -> [__m256i; 2] {
    // SAFETY: `before` holds the tile's sums, there is a bias for its panels and an offset for its rows, where not null.
    unsafe {
        if !t.before.is_null() {
            let before = t.before.add(at * PANEL);
            return [_mm256_loadu_si256(before.cast()), _mm256_loadu_si256(before.add(LANES).cast())];
        }
        let bias = t.store.bias.add(column);
        let offset = _mm256_set1_epi32(if t.offsets.is_null() { 0 } else { t.offsets.add(row).read() });
        let (first, second) = (_mm256_loadu_si256(bias.cast()), _mm256_loadu_si256(bias.add(LANES).cast()));
        [_mm256_add_epi32(first, offset), _mm256_add_epi32(second, offset)]
    }
}

/// Stores a tile whose sums lie row by row, panel by panel.
///
/// # Safety
/// As [`super::tile::TileFn`].
#[target_feature(enable = "avx2")]
#[inline(never)]
pub(crate) unsafe fn store(s: &Store<'_>, column: usize, sums: *const i32, rows: usize, panels: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        match (s.residual.is_null(), s.how.residual.inner.is_some()) {
            (true, _) => store_with::<false, false>(s, column, sums, rows, panels),
            (_, false) => store_with::<true, false>(s, column, sums, rows, panels),
            (_, true) => store_with::<true, true>(s, column, sums, rows, panels),
        }
    }
}

/// The same, where there is a residual if `RESIDUAL`, to which sums are added when they are `ROUNDED`.
#[inline(always)]
unsafe fn store_with<const RESIDUAL: bool, const ROUNDED: bool>(
    s: &Store<'_>,
    column: usize,
    sums: *const i32,
    rows: usize,
    panels: usize,
) {
    let how = s.how;
    // SAFETY: multipliers of the tile's panels are there, and its rows and columns below `cols`; past those nothing is
    // read or written.
    unsafe {
        let Requantize { zero, low, high } = how.requantize;
        let zero = _mm256_set1_epi16(i16::from(zero));
        let (low, high) = (_mm_set1_epi8(low as i8), _mm_set1_epi8(high as i8));
        let added = Added::new(how);
        for j in 0..panels {
            let column = column + j * PANEL;
            let cols = s.cols.saturating_sub(column).min(PANEL);
            let m = s.multiplier.add(column);
            let m = [_mm256_loadu_ps(m), _mm256_loadu_ps(m.add(LANES))];
            for i in 0..rows {
                let sums = sums.add((i * panels + j) * PANEL).cast::<[__m256i; 2]>().read_unaligned();
                let mut first = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[0]), m[0]);
                let mut second = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[1]), m[1]);
                if RESIDUAL {
                    let r = load(s.residual.add(i * how.residual_pitch + column), cols);
                    first = added.to::<ROUNDED>(first, r);
                    second = added.to::<ROUNDED>(second, _mm_unpackhi_epi64(r, r));
                }
                let words = saturate::words_256(_mm256_cvtps_epi32(first), _mm256_cvtps_epi32(second));
                let words = _mm256_adds_epi16(words, zero);
                // Quarters of the panel: 0 and 2 in the lower half, 1 and 3 in the upper one.
                let y = saturate::bytes_128(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
                let y = _mm_min_epu8(_mm_max_epu8(_mm_shuffle_epi32::<0b11_01_10_00>(y), low), high);
                write(s.y.add(i * how.y_pitch + column), y, cols);
            }
        }
    }
}

/// The first `count` bytes, and zeros.
#[inline(always)]
pub(super) unsafe fn load(from: *const u8, count: usize) -> __m128i {
    // SAFETY: so many bytes are there.
    unsafe {
        match count {
            PANEL => _mm_loadu_si128(from.cast()),
            LANES => _mm_loadl_epi64(from.cast()),
            _ => {
                let mut bytes = [0u8; PANEL];
                core::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), count);
                _mm_loadu_si128(bytes.as_ptr().cast())
            }
        }
    }
}

/// Writes the first `count` bytes.
///
/// # Safety
/// There is room for them.
#[inline(always)]
unsafe fn write(to: *mut u8, y: __m128i, count: usize) {
    // SAFETY: there is room for so many bytes.
    unsafe {
        match count {
            PANEL => _mm_storeu_si128(to.cast(), y),
            LANES => _mm_storel_epi64(to.cast(), y),
            _ => {
                let mut bytes = [0u8; PANEL];
                _mm_storeu_si128(bytes.as_mut_ptr().cast(), y);
                core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, count);
            }
        }
    }
}

/// Writes the first `count` bytes of rows of a panel, which lie one after another.
///
/// # Safety
/// They are there, and there is room for them.
#[target_feature(enable = "avx2")]
#[inline(never)]
pub(super) unsafe fn write_rows(rows: *const __m128i, y: *mut u8, pitch: usize, count: usize, cols: usize) {
    for i in 0..count {
        // SAFETY: as the caller promises.
        unsafe { write(y.add(i * pitch), _mm_loadu_si128(rows.add(i)), cols) };
    }
}

/// What adds residuals.
pub(super) struct Added {
    /// Bounds of sums that are rounded first, less their zero point, and their scale.
    low: __m256i,
    high: __m256i,
    inner: __m256,
    zero: __m256i,
    scale: __m256,
}

impl Added {
    #[inline(always)]
    pub(super) unsafe fn new(how: &How) -> Self {
        let none = Inner { scale: 0.0, requantize: Requantize { zero: 0, low: 0, high: 0 } };
        let Inner { scale, requantize: Requantize { zero, low, high } } = how.residual.inner.unwrap_or(none);
        // SAFETY: the processor has AVX2, as the caller promises.
        unsafe {
            Self {
                low: _mm256_set1_epi32(i32::from(low) - i32::from(zero)),
                high: _mm256_set1_epi32(i32::from(high) - i32::from(zero)),
                inner: _mm256_set1_ps(scale),
                zero: _mm256_set1_epi32(i32::from(how.residual.zero)),
                scale: _mm256_set1_ps(how.residual.scale),
            }
        }
    }

    /// What is to be rounded: scaled sums and the residuals in the lower half of `r`.
    #[inline(always)]
    pub(super) unsafe fn to<const ROUNDED: bool>(&self, mut v: __m256, r: __m128i) -> __m256 {
        // SAFETY: the processor has AVX2, as the caller promises.
        unsafe {
            if ROUNDED {
                let q = _mm256_min_epi32(_mm256_max_epi32(_mm256_cvtps_epi32(v), self.low), self.high);
                v = _mm256_mul_ps(_mm256_cvtepi32_ps(q), self.inner);
            }
            let r = _mm256_sub_epi32(_mm256_cvtepu8_epi32(r), self.zero);
            _mm256_add_ps(v, _mm256_mul_ps(_mm256_cvtepi32_ps(r), self.scale))
        }
    }
}
