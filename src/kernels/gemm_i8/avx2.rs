//! AVX2. Its products of bytes saturate, so bytes and weights are widened to 16 bits: bytes once for some panels, weights
//! as they are loaded.

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::tile::{MAX_SUMS, Tile, TileFn, Tiles};
use super::{GemmKernel, PANEL, QUAD, ymm};
use crate::Isa;
use crate::requantize::Requantize;
use crate::sight::Segment;

/// Elements of a row that are widened at once.
const BLOCK: usize = 512;

/// Elements that are widened with one instruction.
const CHUNK: usize = 16;

/// `M` rows of widened elements, in whole quads.
type Wide<const M: usize> = [[i16; BLOCK]; M];

/// `M` rows by `NP` panels: see [`TileFn`].
#[target_feature(enable = "avx2")]
unsafe fn run<const M: usize, const NP: usize>(t: &Tile<'_>, w: *const i8, column: usize) {
    const { assert!(M * NP * PANEL <= MAX_SUMS) };
    let mut wide = MaybeUninit::<Wide<M>>::uninit();
    let wide = wide.as_mut_ptr().cast::<i16>();
    let mut reader = Reader { segments: t.segments, left: t.count, done: 0 };
    // SAFETY: as the caller promises; there is room for a block of the tile's rows, and for its sums.
    unsafe {
        let quads = reader.read::<M>(wide);
        if reader.left == 0 && t.before.is_null() && t.after.is_null() && t.store.residual.is_null() {
            let ends = Ends::new(&t.store.how.requantize);
            for half in 0..2 * NP {
                if column + half * HALF >= t.store.cols {
                    break;
                }
                let products = multiply::<M>(wide, quads, w.wrapping_add(half_at(t, half)));
                store(t, &ends, column + half * HALF, products);
            }
            return;
        }
        let mut sums = MaybeUninit::<[i32; MAX_SUMS]>::uninit();
        let sums = if t.after.is_null() { sums.as_mut_ptr().cast() } else { t.after };
        for i in 0..M {
            for j in 0..NP {
                let [a, b] = ymm::begin(t, column + j * PANEL, i, i * NP + j);
                let to = sums.add((i * NP + j) * PANEL);
                _mm256_storeu_si256(to.cast(), a);
                _mm256_storeu_si256(to.add(HALF).cast(), b);
            }
        }
        let (mut quads, mut w) = (quads, w);
        while quads > 0 {
            for half in 0..2 * NP {
                let products = multiply::<M>(wide, quads, w.wrapping_add(half_at(t, half)));
                for (i, products) in products.into_iter().enumerate() {
                    let to = sums.add((i * 2 * NP + half) * HALF).cast();
                    let products = _mm256_permute4x64_epi64::<NATURAL>(products);
                    _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), products));
                }
            }
            w = w.wrapping_add(quads * PANEL * QUAD);
            quads = reader.read::<M>(wide);
        }
        if t.after.is_null() {
            ymm::store(&t.store, column, sums, M, NP);
        }
    }
}

/// Columns of half a panel.
const HALF: usize = PANEL / 2;

/// Bytes from a tile's weights to those of half a panel.
#[inline(always)]
fn half_at(t: &Tile<'_>, half: usize) -> usize {
    half / 2 * t.panel + half % 2 * HALF * QUAD
}

/// Turns columns 0 1 4 5 2 3 6 7, the order of [`multiply`], into 0 to 7 or back.
const NATURAL: i32 = 0b11_01_10_00;

/// The products of a block of each row with the weights of half a panel.
///
/// Six rows by eight columns, with weights, bytes and products, are what sixteen registers hold.
#[inline(always)]
unsafe fn multiply<const M: usize>(x: *const i16, quads: usize, w: *const i8) -> [__m256i; M] {
    // SAFETY: rows of the block have so many quads, and so has the panel.
    unsafe {
        // Every column has two sums, of the first and the second half of quads; each vector has four columns.
        let mut halves = [[_mm256_setzero_si256(); 2]; M];
        for q in 0..quads {
            let w = w.add(q * PANEL * QUAD).cast::<__m128i>();
            let w = [_mm256_cvtepi8_epi16(_mm_loadu_si128(w)), _mm256_cvtepi8_epi16(_mm_loadu_si128(w.add(1)))];
            for (i, row) in halves.iter_mut().enumerate() {
                let x = _mm256_set1_epi64x(x.add(i * BLOCK + q * QUAD).cast::<i64>().read_unaligned());
                row[0] = _mm256_add_epi32(row[0], _mm256_madd_epi16(x, w[0]));
                row[1] = _mm256_add_epi32(row[1], _mm256_madd_epi16(x, w[1]));
            }
        }
        let mut products = [_mm256_setzero_si256(); M];
        for (products, [first, second]) in products.iter_mut().zip(halves) {
            *products = add_pairs(first, second);
        }
        products
    }
}

/// The sums of neighbours.
#[inline(always)]
unsafe fn add_pairs(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: the processor has AVX2, as the caller promises.
    unsafe {
        let (a, b) = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
        let even = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(a, b));
        _mm256_add_epi32(even, _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(a, b)))
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

/// Stores eight columns of sums without residual, which lack the bias.
#[inline(always)]
unsafe fn store<const M: usize>(t: &Tile<'_>, ends: &Ends, column: usize, products: [__m256i; M]) {
    let s = &t.store;
    // SAFETY: bias and multipliers are there for whole panels, rows for the columns below `cols`.
    unsafe {
        let &Ends { zero, low, high } = ends;
        let (cols, row, y_pitch) = (s.cols - column, s.y.add(column), s.how.y_pitch);
        let bias = _mm256_permute4x64_epi64::<NATURAL>(_mm256_loadu_si256(s.bias.add(column).cast()));
        let m = _mm256_permute4x64_epi64::<NATURAL>(_mm256_loadu_si256(s.multiplier.add(column).cast()));
        let mut q = [_mm256_setzero_si256(); 8];
        for (i, products) in products.into_iter().enumerate() {
            let mut sum = _mm256_add_epi32(products, bias);
            if !t.offsets.is_null() {
                sum = _mm256_add_epi32(sum, _mm256_set1_epi32(t.offsets.add(i).read()));
            }
            q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_castsi256_ps(m)));
        }
        let rows = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let columns = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
        for g in 0..M.div_ceil(4) {
            let i = 4 * g;
            let first = _mm256_adds_epi16(_mm256_packs_epi32(q[i], q[i + 1]), zero);
            let second = _mm256_adds_epi16(_mm256_packs_epi32(q[i + 2], q[i + 3]), zero);
            let y = _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(first, second), low), high);
            let y = _mm256_shuffle_epi8(_mm256_permutevar8x32_epi32(y, rows), columns);
            write(row.add(i * y_pitch), _mm256_extract_epi64::<0>(y), cols);
            if i + 1 < M {
                write(row.add((i + 1) * y_pitch), _mm256_extract_epi64::<1>(y), cols);
            }
            if i + 2 < M {
                write(row.add((i + 2) * y_pitch), _mm256_extract_epi64::<2>(y), cols);
            }
            if i + 3 < M {
                write(row.add((i + 3) * y_pitch), _mm256_extract_epi64::<3>(y), cols);
            }
        }
    }
}

/// Writes eight bytes, or so many of them.
#[inline(always)]
unsafe fn write(to: *mut u8, bytes: i64, count: usize) {
    // SAFETY: there is room for them.
    unsafe {
        if count >= HALF {
            return to.cast::<i64>().write_unaligned(bytes);
        }
        for (k, byte) in bytes.to_le_bytes().into_iter().enumerate().take(count) {
            to.add(k).write(byte);
        }
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

/// Widens elements, and zeros up to whole quads.
///
/// # Safety
/// So many elements are valid for reading, and whole quads for writing.
#[inline(always)]
unsafe fn widen(from: *const u8, to: *mut i16, len: usize) {
    let mut k = 0;
    // SAFETY: as the caller promises.
    unsafe {
        while k + CHUNK <= len {
            _mm256_storeu_si256(to.add(k).cast(), _mm256_cvtepu8_epi16(_mm_loadu_si128(from.add(k).cast())));
            k += CHUNK;
        }
        while k < len {
            let quad = if k + QUAD <= len {
                from.add(k).cast::<i32>().read_unaligned()
            } else {
                super::tile::tail_quad(from.add(k), len - k)
            };
            _mm_storel_epi64(to.add(k).cast(), _mm_cvtepu8_epi16(_mm_cvtsi32_si128(quad)));
            k += QUAD;
        }
    }
}

macro_rules! by_rows {
    ($panels:literal: $($m:literal)*) => {
        Tiles { panels: $panels, by_rows: &[$(run::<$m, $panels> as TileFn),*] }
    };
}

/// 6×8, one after another, eight of them for bytes widened once.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8_6x8__avx2",
    isa: Isa::Avx2,
    tiles: &[by_rows!(4: 1 2 3 4 5 6), by_rows!(2: 1 2 3 4 5 6), by_rows!(1: 1 2 3 4 5 6)],
    tall: 0,
    half: &[],
};
