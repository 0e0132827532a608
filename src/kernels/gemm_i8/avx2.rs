//! AVX2. Its products of bytes saturate, so bytes and weights are widened to 16 bits: bytes once for some panels, or for
//! a whole patch, weights as they are loaded.

pub(crate) mod quads;

use core::arch::x86_64::*;
use core::mem::MaybeUninit;

use super::tile::{MAX_SUMS, Store, Tile, TileFn, Tiles};
use super::ymm::{self, Added};
use super::{GemmKernel, PANEL, QUAD};
use crate::requantize::Requantize;
use crate::sight::{MAX_ROWS, Pointers, Segment};
use crate::{Isa, saturate};

/// Elements of a row that are widened at once.
const BLOCK: usize = 1024;

/// Bytes from a widened row to the next: no power of two, lest loads seem to wait for stores to other rows.
const PITCH: usize = 2 * BLOCK + 64;

/// Bytes of a widened quad: its first and third element, then its second and fourth, of 16 bits each.
const WIDE_QUAD: usize = 2 * QUAD;

/// Rows of a tile at most.
const ROWS: usize = 6;

/// Columns of a vector.
const LANES: usize = PANEL / 2;

/// Sums of `M` rows and a panel.
pub(crate) type Sums<const M: usize> = [[__m256i; 2]; M];

/// `M` rows by some panels: see [`TileFn`].
#[target_feature(enable = "avx2")]
unsafe fn run<const M: usize>(t: &Tile<'_>, w: *const i8, column: usize, panels: usize) {
    // SAFETY: as the caller promises; a patch has so many rows, as far apart from each other.
    unsafe {
        if !t.is_wide {
            return run_narrow(t, w, column, panels, (M, run_wide::<M>));
        }
        let mut x = Block { segments: t.segments, count: t.count, pitch: 0 };
        if M > 1 {
            let rows = (*t.segments).rows.cast::<[*const u8; 2]>().read();
            x.pitch = rows[1] as usize - rows[0] as usize;
        }
        run_wide::<M>(t, &x, w, column, panels, [t.before.cast_mut(), t.after]);
    }
}

/// Some rows of bytes by some panels, in blocks that `run` works off.
#[target_feature(enable = "avx2")]
#[inline(never)]
unsafe fn run_narrow(t: &Tile<'_>, w: *const i8, column: usize, panels: usize, (rows, run): (usize, BlockFn)) {
    const { assert!(ROWS <= MAX_ROWS && ROWS * PANELS * PANEL <= MAX_SUMS) };
    let mut wide = MaybeUninit::<[[u8; PITCH]; ROWS]>::uninit();
    let wide = wide.as_mut_ptr().cast::<u8>();
    let mut room = MaybeUninit::<[i32; MAX_SUMS]>::uninit();
    let sums = if t.after.is_null() { room.as_mut_ptr().cast() } else { t.after };
    let mut reader = Reader { segments: t.segments, left: t.count, done: 0 };
    let (mut w, mut from, first) = (w, t.before.cast_mut(), wide.cast_const());
    // SAFETY: as the caller promises; there is room for a block of the tile's rows, and for its sums.
    unsafe {
        loop {
            let len = read(&mut reader, wide, rows);
            let block = Segment { len, offset: 0, rows: (&raw const first).cast::<Pointers<u8>>() };
            let x = Block { segments: &raw const block, count: 1, pitch: PITCH };
            if reader.left == 0 {
                return run(t, &x, w, column, panels, [from, t.after]);
            }
            run(t, &x, w, column, panels, [from, sums]);
            (w, from) = (w.wrapping_add(len / WIDE_QUAD * PANEL * QUAD), sums);
        }
    }
}

/// Widened elements.
struct Block {
    /// Stretches of the first row.
    segments: *const Segment<u8>,
    count: usize,
    /// Bytes from a row to the next.
    pitch: usize,
}

/// [`run_wide`] for so many rows.
type BlockFn = unsafe fn(&Tile<'_>, &Block, *const i8, usize, usize, [*mut i32; 2]);

/// `M` rows of a block by some panels. Sums begin with those at the first address and go to the second; where it is null,
/// with bias and offset, and to the output.
///
/// # Safety
/// As [`TileFn`]; the block has so many rows, and addresses are valid for the tile's sums.
#[target_feature(enable = "avx2")]
unsafe fn run_wide<const M: usize>(
    t: &Tile<'_>,
    x: &Block,
    w: *const i8,
    column: usize,
    panels: usize,
    [from, to]: [*mut i32; 2],
) {
    // SAFETY: as the caller promises.
    unsafe {
        for j in 0..panels {
            let (column, w) = (column + j * PANEL, w.wrapping_add(j * t.panel));
            let mut panel = begin::<M>(t, column, from, [j, panels]);
            if column + LANES < t.store.cols {
                multiply::<M, 2>(&mut panel, x, w);
            } else {
                multiply::<M, 1>(&mut panel, x, w);
            }
            if to.is_null() {
                store(&t.store, column, &panel);
            } else {
                unrolled!(i < M => {
                    let to = to.add((i * panels + j) * PANEL);
                    _mm256_storeu_si256(to.cast(), panel[i][0]);
                    _mm256_storeu_si256(to.add(LANES).cast(), panel[i][1]);
                });
            }
        }
    }
}

/// What the sums of panel `j` begin with: those at `from`, where there are some of all panels, or bias and offset.
#[inline(always)]
unsafe fn begin<const M: usize>(t: &Tile<'_>, column: usize, from: *const i32, [j, panels]: [usize; 2]) -> Sums<M> {
    // SAFETY: there are sums for the tile's rows, a bias for its panels and an offset for its rows, where not null.
    unsafe {
        let bias = t.store.bias.add(column);
        let mut sums = [[_mm256_loadu_si256(bias.cast()), _mm256_loadu_si256(bias.add(LANES).cast())]; M];
        if !from.is_null() {
            unrolled!(i < M => {
                let from = from.add((i * panels + j) * PANEL);
                sums[i] = [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(LANES).cast())];
            });
        } else if !t.offsets.is_null() {
            unrolled!(i < M => {
                let offset = _mm256_set1_epi32(t.offsets.add(i).read());
                sums[i] = [_mm256_add_epi32(sums[i][0], offset), _mm256_add_epi32(sums[i][1], offset)];
            });
        }
        sums
    }
}

/// Adds the products of each row with the weights of `H` halves of a panel.
#[inline(always)]
unsafe fn multiply<const M: usize, const H: usize>(sums: &mut Sums<M>, x: &Block, w: *const i8) {
    let mut w = w;
    for s in 0..x.count {
        // SAFETY: the panel has weights for all quads of the block, which has so many rows.
        unsafe {
            let segment = &*x.segments.add(s);
            let at = segment.rows.cast::<*const u8>().read().wrapping_add(segment.offset);
            if segment.len > 0 {
                quads::multiply::<M, H>(sums, [at, at.wrapping_add(segment.len)], x.pitch, w);
            }
            w = w.wrapping_add(segment.len / WIDE_QUAD * PANEL * QUAD);
        }
    }
}

/// The rounded sums of a panel, and of a residual if `RESIDUAL`, before which sums are rounded if `ROUNDED`.
#[inline(always)]
unsafe fn round<const M: usize, const RESIDUAL: bool, const ROUNDED: bool>(
    s: &Store<'_>,
    column: usize,
    sums: &Sums<M>,
) -> [__m256i; M] {
    // SAFETY: multipliers are there for whole panels, residuals for the columns below `cols`.
    unsafe {
        let (cols, r, pitch) = ((s.cols - column).min(PANEL), s.residual.wrapping_add(column), s.how.residual_pitch);
        let m = s.multiplier.add(column);
        let m = [_mm256_loadu_ps(m), _mm256_loadu_ps(m.add(LANES))];
        let added = Added::new(s.how);
        let mut words = [_mm256_setzero_si256(); M];
        unrolled!(i < M => {
            let mut first = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[i][0]), m[0]);
            let mut second = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[i][1]), m[1]);
            if RESIDUAL {
                let r = ymm::load(r.add(i * pitch), cols);
                first = added.to::<ROUNDED>(first, r);
                second = added.to::<ROUNDED>(second, _mm_unpackhi_epi64(r, r));
            }
            words[i] = saturate::words_256(_mm256_cvtps_epi32(first), _mm256_cvtps_epi32(second));
        });
        words
    }
}

/// Stores the sums of a panel.
///
/// # Safety
/// As [`TileFn`], for `M` rows; the calling function enables AVX2.
#[inline(always)]
pub(crate) unsafe fn store<const M: usize>(s: &Store<'_>, column: usize, sums: &Sums<M>) {
    // SAFETY: multipliers are there for whole panels, rows for the columns below `cols`.
    unsafe {
        let (cols, y, y_pitch) = (s.cols - column, s.y.add(column), s.how.y_pitch);
        let mut words = match (s.residual.is_null(), s.how.residual.inner.is_some()) {
            (true, _) => round::<M, false, false>(s, column, sums),
            (_, false) => round::<M, true, false>(s, column, sums),
            (_, true) => round::<M, true, true>(s, column, sums),
        };
        let Requantize { zero, low, high } = s.how.requantize;
        if !s.how.is_whole {
            let zero = _mm256_set1_epi16(i16::from(zero));
            unrolled!(i < M => {
                words[i] = _mm256_adds_epi16(words[i], zero);
            });
        }
        // Pairs of rows; the last one may have no other beside it.
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let mut bytes = [_mm256_setzero_si256(); M];
        unrolled!(g < M.div_ceil(2) => {
            let pair = saturate::bytes_256(words[2 * g], words[(2 * g + 1).min(M - 1)]);
            bytes[g] = _mm256_permutevar8x32_epi32(pair, order);
        });
        if !s.how.is_whole {
            let [low, high] = [low, high].map(|bound| _mm256_set1_epi8(bound as i8));
            unrolled!(g < M.div_ceil(2) => {
                bytes[g] = _mm256_min_epu8(_mm256_max_epu8(bytes[g], low), high);
            });
        }
        if cols < PANEL {
            // A copy, so that the others stay in registers.
            let bytes = bytes;
            return ymm::write_rows((&raw const bytes).cast(), y, y_pitch, M, cols);
        }
        unrolled!(g < M.div_ceil(2) => {
            _mm_storeu_si128(y.add(2 * g * y_pitch).cast(), _mm256_castsi256_si128(bytes[g]));
            if 2 * g + 1 < M {
                _mm_storeu_si128(y.add((2 * g + 1) * y_pitch).cast(), _mm256_extracti128_si256::<1>(bytes[g]));
            }
        });
    }
}

/// What is left to be widened.
struct Reader {
    segments: *const Segment<u8>,
    /// Segments from there on.
    left: usize,
    /// Elements of the first that were read.
    done: usize,
}

/// Widens as much of some rows as a block has room for, the ends of segments being filled with zeros to whole quads;
/// returns the number of bytes of each row.
///
/// # Safety
/// Segments are valid for the rows, and `to` for as many times [`PITCH`] bytes.
#[target_feature(enable = "avx2")]
unsafe fn read(reader: &mut Reader, to: *mut u8, rows: usize) -> usize {
    let mut at = 0;
    while reader.left > 0 && at < BLOCK {
        // SAFETY: as the caller promises; what is written ends with the block, whose length is a multiple of quads.
        unsafe {
            let segment = &*reader.segments;
            let len = (segment.len - reader.done).min(BLOCK - at);
            for i in 0..rows {
                let from = segment.rows.cast::<*const u8>().add(i).read().add(segment.offset + reader.done);
                widen(from, to.add(i * PITCH + 2 * at), len);
            }
            at += len.next_multiple_of(QUAD);
            reader.done += len;
            if reader.done == segment.len {
                *reader = Reader { segments: reader.segments.add(1), left: reader.left - 1, done: 0 };
            }
        }
    }
    2 * at
}

/// Widens elements, and zeros up to whole quads; what is read may end where `to` does.
///
/// # Safety
/// So many elements are valid for reading, and whole quads for writing twice as many bytes.
#[target_feature(enable = "avx2")]
unsafe fn widen(from: *const u8, to: *mut u8, len: usize) {
    let mut k = 0;
    // SAFETY: as the caller promises.
    unsafe {
        let order = _mm256_setr_epi8(
            0, -1, 2, -1, 1, -1, 3, -1, 4, -1, 6, -1, 5, -1, 7, -1, // of each half
            8, -1, 10, -1, 9, -1, 11, -1, 12, -1, 14, -1, 13, -1, 15, -1,
        );
        while k + 16 <= len {
            let x = _mm256_broadcastsi128_si256(_mm_loadu_si128(from.add(k).cast()));
            _mm256_storeu_si256(to.add(2 * k).cast(), _mm256_shuffle_epi8(x, order));
            k += 16;
        }
        if k + 8 <= len {
            let x = _mm_shuffle_epi8(_mm_loadl_epi64(from.add(k).cast()), _mm256_castsi256_si128(order));
            _mm_storeu_si128(to.add(2 * k).cast(), x);
            k += 8;
        }
        while k < len {
            let quad = if k + QUAD <= len {
                from.add(k).cast::<i32>().read_unaligned()
            } else {
                super::tile::tail_quad(from.add(k), len - k)
            } as u32;
            let pairs = [quad & 0x00ff_00ff, quad >> 8 & 0x00ff_00ff];
            to.add(2 * k).cast::<[u32; 2]>().write_unaligned(pairs);
            k += QUAD;
        }
    }
}

/// Panels of a tile at most.
const PANELS: usize = 4;

macro_rules! by_rows {
    ($panels:expr) => {
        Tiles { panels: $panels, by_rows: &[run::<1> as TileFn, run::<2>, run::<3>, run::<4>, run::<5>, run::<6>] }
    };
}

/// 6×16, one panel after another, four of them for bytes widened once.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8_6x16__avx2",
    isa: Isa::Avx2,
    tiles: &[by_rows!(PANELS), by_rows!(2), by_rows!(1)],
    tall: 0,
    half: &[],
    widen: Some(widen),
    shift: None,
};
