//! AVX-512 with VNNI.

use core::arch::x86_64::*;

use super::tile::{Store, Tile, TileFn, Tiles};
use super::{GemmKernel, PANEL, QUAD};
use crate::requantize::Requantize;
use crate::{Isa, saturate};

/// `M` rows by `NP` panels, of the last of which only the first half is there if `HALF`: see [`TileFn`].
///
/// The sums stay in registers as long as nothing takes an address among them or indexes them in a loop that is not
/// unrolled: loops over them here are short and without branches, what is more goes through memory.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn run<const M: usize, const NP: usize, const HALF: bool>(t: &Tile<'_>, w: *const i8, column: usize, _: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums = [[_mm512_setzero_si512(); NP]; M];
        begin(t, column, &mut sums);
        let mut w = w;
        for s in 0..t.count {
            let segment = t.segments.add(s);
            let rows = (*segment).rows.cast::<[*const u8; M]>().read();
            let (mut k, rest) = ((*segment).offset, (*segment).len % QUAD);
            let end = k + (*segment).len - rest;
            while k < end {
                let weights = load::<NP, HALF>(w, t.panel);
                unrolled!(i < M => {
                    add::<NP, HALF>(&mut sums[i], broadcast::<HALF>(rows[i], k), &weights);
                });
                w = w.wrapping_add(PANEL * QUAD);
                k += QUAD;
            }
            if rest > 0 {
                let there = mask(rest) as u16;
                let weights = load::<NP, HALF>(w, t.panel);
                unrolled!(i < M => {
                    let x = _mm512_broadcastd_epi32(_mm_maskz_loadu_epi8(there, rows[i].add(k).cast()));
                    add::<NP, HALF>(&mut sums[i], x, &weights);
                });
                w = w.wrapping_add(PANEL * QUAD);
            }
        }
        if !t.after.is_null() {
            spill(&sums, t.after);
        } else if t.store.residual.is_null() {
            if t.store.how.is_whole {
                store::<M, NP, true>(&t.store, column, &sums);
            } else {
                store::<M, NP, false>(&t.store, column, &sums);
            }
        } else {
            const { assert!(M * NP * PANEL <= super::tile::MAX_SUMS) };
            let mut room = core::mem::MaybeUninit::<[i32; super::tile::MAX_SUMS]>::uninit();
            spill(&sums, room.as_mut_ptr().cast());
            let sums = room.as_ptr().cast();
            match t.store.how.residual.inner {
                None => add_residual::<false>(&t.store, column, sums, M, NP),
                Some(_) => add_residual::<true>(&t.store, column, sums, M, NP),
            }
        }
    }
}

/// The sums of what was worked off before, or bias and offset.
#[inline(always)]
unsafe fn begin<const M: usize, const NP: usize>(t: &Tile<'_>, column: usize, sums: &mut [[__m512i; NP]; M]) {
    // SAFETY: `before` holds the tile's sums, there is a bias for its panels and an offset for its rows, where not null.
    unsafe {
        if !t.before.is_null() {
            unrolled!(i < M => {
                for (j, sum) in sums[i].iter_mut().enumerate() {
                    *sum = _mm512_loadu_si512(t.before.add((i * NP + j) * PANEL).cast());
                }
            });
            return;
        }
        unrolled!(i < M => {
            for (j, sum) in sums[i].iter_mut().enumerate() {
                *sum = _mm512_loadu_si512(t.store.bias.add(column + j * PANEL).cast());
            }
        });
        if !t.offsets.is_null() {
            unrolled!(i < M => {
                let offset = _mm512_set1_epi32(t.offsets.add(i).read());
                for sum in &mut sums[i] {
                    *sum = _mm512_add_epi32(*sum, offset);
                }
            });
        }
    }
}

/// A quad of weights of every column.
#[inline(always)]
unsafe fn load<const NP: usize, const HALF: bool>(w: *const i8, panel: usize) -> [__m512i; NP] {
    // SAFETY: each panel has the quad, as the caller promises.
    unsafe {
        let mut weights = [_mm512_setzero_si512(); NP];
        for (j, weights) in weights.iter_mut().enumerate() {
            let w = w.add(j * panel);
            *weights = if HALF && j + 1 == NP {
                _mm512_zextsi256_si512(_mm256_loadu_si256(w.cast()))
            } else {
                _mm512_loadu_si512(w.cast())
            };
        }
        weights
    }
}

/// Sixteen times the quad at `x + k`.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn broadcast<const HALF: bool>(x: *const u8, k: usize) -> __m512i {
    // SAFETY: the quad is there, as the caller promises.
    unsafe {
        if !HALF {
            return _mm512_set1_epi32(x.add(k).cast::<i32>().read_unaligned());
        }
        let quads;
        // Compilers make two broadcasts of one whose lower half is used by itself, and spill one of them.
        core::arch::asm!(
            "vpbroadcastd {}, dword ptr [{} + {}]",
            out(zmm_reg) quads,
            in(reg) x,
            in(reg) k,
            options(pure, readonly, nostack, preserves_flags),
        );
        quads
    }
}

/// Adds a quad of a row times those of the panels.
#[inline(always)]
unsafe fn add<const NP: usize, const HALF: bool>(sums: &mut [__m512i; NP], x: __m512i, weights: &[__m512i; NP]) {
    for (j, (sum, w)) in sums.iter_mut().zip(weights).enumerate() {
        // SAFETY: the processor has AVX-512 VNNI, as the caller promises.
        unsafe {
            *sum = if HALF && j + 1 == NP {
                let [sum, x, w] = [_mm512_castsi512_si256(*sum), _mm512_castsi512_si256(x), _mm512_castsi512_si256(*w)];
                _mm512_zextsi256_si512(_mm256_dpbusd_epi32(sum, x, w))
            } else {
                _mm512_dpbusd_epi32(*sum, x, *w)
            };
        }
    }
}

/// Writes the sums of one row after another.
#[inline(always)]
unsafe fn spill<const M: usize, const NP: usize>(sums: &[[__m512i; NP]; M], to: *mut i32) {
    unrolled!(i < M => {
        for (j, sum) in sums[i].iter().enumerate() {
            // SAFETY: the caller's memory holds rows · columns elements.
            unsafe { _mm512_storeu_si512(to.add((i * NP + j) * PANEL).cast(), *sum) };
        }
    });
}

/// What turns rounded numbers into bytes; where they are `WHOLE`, the zero point is 0 and all bytes are within bounds.
#[derive(Clone, Copy)]
struct Bytes<const WHOLE: bool> {
    zero: __m512i,
    low: __m512i,
    high: __m512i,
    order: __m512i,
}

impl<const WHOLE: bool> Bytes<WHOLE> {
    #[inline(always)]
    unsafe fn new(r: &Requantize) -> Self {
        // SAFETY: the processor has AVX-512, as the caller promises.
        unsafe {
            Self {
                zero: _mm512_set1_epi16(i16::from(r.zero)),
                low: _mm512_set1_epi8(r.low as i8),
                high: _mm512_set1_epi8(r.high as i8),
                order: _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
            }
        }
    }

    /// The bytes of four times sixteen numbers, in order.
    #[inline(always)]
    unsafe fn of(self, [a, b, c, d]: [__m512i; 4]) -> __m512i {
        // SAFETY: the processor has AVX-512, as the caller promises.
        unsafe {
            let (mut ab, mut cd) = (saturate::words_512(a, b), saturate::words_512(c, d));
            if !WHOLE {
                (ab, cd) = (_mm512_adds_epi16(ab, self.zero), _mm512_adds_epi16(cd, self.zero));
            }
            let bytes = _mm512_permutexvar_epi32(self.order, saturate::bytes_512(ab, cd));
            if WHOLE { bytes } else { _mm512_min_epu8(_mm512_max_epu8(bytes, self.low), self.high) }
        }
    }
}

/// Stores a tile without residual.
#[inline(always)]
unsafe fn store<const M: usize, const NP: usize, const WHOLE: bool>(
    s: &Store<'_>,
    column: usize,
    sums: &[[__m512i; NP]; M],
) {
    // SAFETY: multipliers of the tile's panels, and its rows and columns, are there.
    unsafe {
        let bytes = Bytes::<WHOLE>::new(&s.how.requantize);
        let (y, y_pitch, cols) = (s.y.add(column), s.how.y_pitch, s.cols - column);
        // Rows that are not there fill the last vector.
        let mut q = [[_mm512_setzero_si512(); 8]; 16];
        unrolled!(i < M => {
            for (j, sum) in sums[i].iter().enumerate() {
                let m = _mm512_loadu_ps(s.multiplier.add(column + j * PANEL));
                q[i % 16][j] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(*sum), m));
            }
        });
        // Vectors of four rows, of two, or of one are packed together.
        match NP {
            1 => {
                let mask = mask(cols) as u16;
                unrolled!(g < M.div_ceil(4) => {
                    let i = 4 * (g % 4);
                    let row = bytes.of([q[i][0], q[i + 1][0], q[i + 2][0], q[i + 3][0]]);
                    _mm_mask_storeu_epi8(y.add(i * y_pitch).cast(), mask, _mm512_castsi512_si128(row));
                    if i + 1 < M {
                        _mm_mask_storeu_epi8(
                            y.add((i + 1) * y_pitch).cast(),
                            mask,
                            _mm512_extracti32x4_epi32::<1>(row),
                        );
                    }
                    if i + 2 < M {
                        _mm_mask_storeu_epi8(
                            y.add((i + 2) * y_pitch).cast(),
                            mask,
                            _mm512_extracti32x4_epi32::<2>(row),
                        );
                    }
                    if i + 3 < M {
                        _mm_mask_storeu_epi8(
                            y.add((i + 3) * y_pitch).cast(),
                            mask,
                            _mm512_extracti32x4_epi32::<3>(row),
                        );
                    }
                });
            }
            2 => {
                let mask = mask(cols) as u32;
                unrolled!(g < M.div_ceil(2) => {
                    let i = 2 * (g % 8);
                    let row = bytes.of([q[i][0], q[i][1], q[i + 1][0], q[i + 1][1]]);
                    _mm256_mask_storeu_epi8(y.add(i * y_pitch).cast(), mask, _mm512_castsi512_si256(row));
                    if i + 1 < M {
                        _mm256_mask_storeu_epi8(
                            y.add((i + 1) * y_pitch).cast(),
                            mask,
                            _mm512_extracti64x4_epi64::<1>(row),
                        );
                    }
                });
            }
            _ => {
                let first = mask(cols.min(NP * PANEL));
                for (i, q) in q.iter().enumerate().take(M) {
                    let row = bytes.of([q[0], q[1], q[2], q[3]]);
                    _mm512_mask_storeu_epi8(y.add(i * y_pitch).cast(), first, row);
                }
                if NP > 4 {
                    let second = mask(cols.saturating_sub(4 * PANEL));
                    for (i, q) in q.iter().enumerate().take(M) {
                        let row = bytes.of([q[4], q[5], q[6], q[7]]);
                        _mm512_mask_storeu_epi8(y.add(i * y_pitch).add(4 * PANEL).cast(), second, row);
                    }
                }
            }
        }
    }
}

/// The first `count` of 64.
#[inline(always)]
fn mask(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

/// Stores a tile with residual, whose sums lie row by row; `ROUNDED` where they are quantized before it is added.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn add_residual<const ROUNDED: bool>(
    s: &Store<'_>,
    column: usize,
    sums: *const i32,
    rows: usize,
    panels: usize,
) {
    let (how, total) = (s.how, rows * panels);
    let inner = how.residual.inner.map_or(how.requantize, |inner| inner.requantize);
    let bound = |bound: u8| i32::from(bound) - i32::from(inner.zero);
    // SAFETY: the tile's rows and `cols` columns are there, as the caller of `run` promises; past the columns nothing is
    // read or written.
    unsafe {
        let bytes = Bytes::<false>::new(&how.requantize);
        let (low, high) = (_mm512_set1_epi32(bound(inner.low)), _mm512_set1_epi32(bound(inner.high)));
        let inner_scale = _mm512_set1_ps(how.residual.inner.map_or(0.0, |inner| inner.scale));
        let (zero, scale) = (_mm512_set1_epi32(i32::from(how.residual.zero)), _mm512_set1_ps(how.residual.scale));
        let (mut row, mut panel) = (0, 0);
        for first in (0..total).step_by(4) {
            let mut q = [_mm512_setzero_si512(); 4];
            let (mut to, mut masks) = ([core::ptr::null_mut::<u8>(); 4], [0; 4]);
            for j in 0..4 {
                if first + j == total {
                    break;
                }
                let at = column + panel * PANEL;
                let sum = _mm512_loadu_si512(sums.add((first + j) * PANEL).cast());
                let mut v = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(s.multiplier.add(at)));
                if ROUNDED {
                    let q = _mm512_min_epi32(_mm512_max_epi32(_mm512_cvtps_epi32(v), low), high);
                    v = _mm512_mul_ps(_mm512_cvtepi32_ps(q), inner_scale);
                }
                masks[j] = mask(s.cols.saturating_sub(at).min(PANEL)) as u16;
                to[j] = s.y.wrapping_add(row * how.y_pitch + at);
                let r = s.residual.wrapping_add(row * how.residual_pitch + at);
                let r = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(masks[j], r.cast()));
                let r = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(r, zero)), scale);
                q[j] = _mm512_cvtps_epi32(_mm512_add_ps(v, r));
                panel += 1;
                if panel == panels {
                    (row, panel) = (row + 1, 0);
                }
            }
            let y = bytes.of(q);
            _mm_mask_storeu_epi8(to[0].cast(), masks[0], _mm512_castsi512_si128(y));
            _mm_mask_storeu_epi8(to[1].cast(), masks[1], _mm512_extracti32x4_epi32::<1>(y));
            _mm_mask_storeu_epi8(to[2].cast(), masks[2], _mm512_extracti32x4_epi32::<2>(y));
            _mm_mask_storeu_epi8(to[3].cast(), masks[3], _mm512_extracti32x4_epi32::<3>(y));
        }
    }
}

macro_rules! by_rows {
    ($panels:literal $half:literal: $($m:literal)*) => {
        Tiles { panels: $panels, by_rows: &[$(run::<$m, $panels, $half> as TileFn),*] }
    };
}

/// 6×64; few rows take more panels, so that enough sums are under way, and few panels more rows.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8_6x64__avx512vnni",
    isa: Isa::Avx512Vnni,
    tiles: &[
        by_rows!(8 false: 1 2),
        by_rows!(4 false: 1 2 3 4 5 6),
        by_rows!(2 false: 1 2 3 4 5 6 7 8 9 10 11 12),
        by_rows!(1 false: 1 2 3 4 5 6 7 8 9 10 11 12),
    ],
    tall: 1,
    half: &[by_rows!(2 true: 1 2 3 4 5 6 7 8 9 10 11 12), by_rows!(1 true: 1 2 3 4 5 6 7 8 9 10 11 12)],
    widen: None,
    shift: None,
};
