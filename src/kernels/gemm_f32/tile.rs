//! The micro-kernel: a register tile of rows by columns, its weights in panels of 16 columns.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::PANEL;
use crate::lanes::Fused;
use crate::sight::{MAX_ROWS, Segment};

/// Sums that a tile has at most.
pub(crate) const MAX_SUMS: usize = if cfg!(target_pointer_width = "64") { 14 * 32 } else { 4 * PANEL };

/// What a tile works on.
pub(crate) struct Tile {
    /// `count` stretches, whose weights follow one another.
    pub(crate) segments: *const Segment<f32>,
    pub(crate) count: usize,
    /// Weights of the first element of the sum in the tile's first panel.
    pub(crate) w: *const f32,
    /// Elements from one panel to the next.
    pub(crate) panel: usize,
    /// Elements from the weights of one element of the sum to those of the next.
    pub(crate) step: isize,
    /// Sums of stretches that were worked off before; null at the beginning.
    pub(crate) before: *const f32,
    /// Where sums are left for more stretches to come; null at the end, when they go to `y`.
    pub(crate) after: *mut f32,
    pub(crate) store: Store,
}

/// What becomes of finished sums: y = clamp(alpha · sum + bias + residual).
#[derive(Clone, Copy)]
pub(crate) struct Store {
    pub(crate) alpha: f32,
    /// Padded to whole panels; null for none.
    pub(crate) bias: *const f32,
    /// Null for none.
    pub(crate) residual: *const f32,
    pub(crate) residual_pitch: isize,
    pub(crate) y: *mut f32,
    pub(crate) y_pitch: isize,
    /// Columns of `y` that the tile has: the last of its panels may be partly beyond.
    pub(crate) cols: usize,
    pub(crate) low: f32,
    pub(crate) high: f32,
}

/// A micro-kernel for a fixed number of rows and panels, or the first half of one.
///
/// # Safety
/// Each segment's rows are valid for reading its `len` elements; the weights of each panel are valid for 16 elements
/// at every step of the sum; `before` and `after`, where not null, for rows · panels · 16 elements; and what `store`
/// addresses for the tile's rows and `cols` columns (`bias` for whole panels). The processor has the kernel's
/// instruction set.
pub(crate) type TileFn = unsafe fn(&Tile);

/// `M` rows by `NV` vectors of columns: see [`TileFn`].
///
/// The sums stay in registers as long as nothing takes an address among them or indexes them in a loop that is not
/// unrolled: loops over rows are written out, those over vectors are short and without branches, what is more goes
/// through memory.
#[inline(always)]
pub(super) unsafe fn run<V: Fused, const M: usize, const NV: usize>(t: &Tile) {
    const { assert!(PANEL.is_multiple_of(V::N) && M <= MAX_ROWS) };
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums = [[V::splat(0.0); NV]; M];
        if !t.before.is_null() {
            unrolled!(i < M => {
                for (j, v) in sums[i].iter_mut().enumerate() {
                    *v = V::load(t.before.add((i * NV + j) * V::N));
                }
            });
        }
        let mut w = t.w;
        for s in 0..t.count {
            let segment = t.segments.add(s);
            let rows = (*segment).rows.cast::<[*const f32; M]>().read();
            let (mut begin, mut len) = ((*segment).offset, (*segment).len);
            if V::BY_LANE {
                let quads = begin..begin + len / V::N * V::N;
                // A step that the compiler knows needs no additions.
                if t.step == PANEL as isize {
                    by_lanes(&mut sums, rows, quads, &mut w, t.panel, PANEL as isize);
                } else {
                    by_lanes(&mut sums, rows, quads, &mut w, t.panel, t.step);
                }
                (begin, len) = (begin + len / V::N * V::N, len % V::N);
            }
            for k in begin..begin + len {
                let mut b = [V::splat(0.0); NV];
                for (j, v) in b.iter_mut().enumerate() {
                    *v = V::load(w.add(j * V::N / PANEL * t.panel + j * V::N % PANEL));
                }
                unrolled!(i < M => {
                    let a = V::splat(*rows[i].add(k));
                    for (v, b) in sums[i].iter_mut().zip(b) {
                        *v = a.fused(b, *v);
                    }
                });
                w = w.wrapping_offset(t.step);
            }
        }
        if !t.after.is_null() {
            return spill(&sums, t.after);
        }
        if V::N > 1 && t.store.cols >= NV * V::N {
            if V::BY_LANE && t.store.alpha == 1.0 {
                return store_whole::<V, M, NV, true>(&t.store, &sums);
            }
            return store_whole::<V, M, NV, false>(&t.store, &sums);
        }
        const { assert!(M * NV * V::N <= MAX_SUMS) };
        let mut room = MaybeUninit::<[f32; MAX_SUMS]>::uninit();
        let spilled = room.as_mut_ptr().cast::<f32>();
        spill(&sums, spilled);
        if V::N == 1 {
            // Single lanes are too many to unroll loops over them.
            store_plain(&t.store, spilled, M);
        } else {
            store_part::<V>(&t.store, spilled, M, NV);
        }
    }
}

/// Adds the products of elements `at` of the rows, of which there are as many as whole vectors hold, with weights, which
/// move on.
#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "a column of sums is no slice")]
unsafe fn by_lanes<V: Fused, const M: usize, const NV: usize>(
    sums: &mut [[V; NV]; M],
    rows: [*const f32; M],
    at: Range<usize>,
    w: &mut *const f32,
    panel: usize,
    step: isize,
) {
    let (mut k, end) = (4 * at.start, 4 * at.end);
    while k < end {
        // SAFETY: rows and weights have these elements, as the caller of `run` promises.
        unsafe {
            let mut a = [V::splat(0.0); M];
            unrolled!(i < M => { a[i] = V::load(rows[i].byte_add(k)); });
            unrolled!(lane < V::N, of 4 => {
                for j in 0..NV {
                    let b = V::load(w.add(j * V::N / PANEL * panel + j * V::N % PANEL));
                    unrolled!(i < M => { sums[i][j] = b.fused_lane(a[i], lane, sums[i][j]); });
                }
                *w = w.wrapping_offset(step);
            });
            k = V::opaque(k + 4 * V::N);
        }
    }
}

/// Writes the sums of one row after another.
#[inline(always)]
unsafe fn spill<V: Fused, const M: usize, const NV: usize>(sums: &[[V; NV]; M], to: *mut f32) {
    unrolled!(i < M => {
        for (j, v) in sums[i].iter().enumerate() {
            // SAFETY: the caller's memory holds rows · columns elements.
            unsafe { v.store(to.add((i * NV + j) * V::N)) };
        }
    });
}

/// Stores a tile all of whose columns are there; with `ONE`, alpha is 1.
#[inline(always)]
unsafe fn store_whole<V: Fused, const M: usize, const NV: usize, const ONE: bool>(s: &Store, sums: &[[V; NV]; M]) {
    // SAFETY: the tile's rows and columns are there, as the caller of `run` promises.
    unsafe {
        let (alpha, low, high) = (V::splat(s.alpha), V::splat(s.low), V::splat(s.high));
        let mut bias = [V::splat(0.0); NV];
        if !s.bias.is_null() {
            for (j, v) in bias.iter_mut().enumerate() {
                *v = V::load(s.bias.add(j * V::N));
            }
        }
        if s.residual.is_null() {
            unrolled!(i < M => {
                for (j, v) in sums[i].iter().enumerate() {
                    let v = if ONE { v.add(bias[j]) } else { v.fused(alpha, bias[j]) };
                    v.clamp(low, high).store(s.y.offset(i as isize * s.y_pitch).add(j * V::N));
                }
            });
        } else {
            unrolled!(i < M => {
                let residual = s.residual.offset(i as isize * s.residual_pitch);
                for (j, v) in sums[i].iter().enumerate() {
                    let v = if ONE { v.add(bias[j]) } else { v.fused(alpha, bias[j]) };
                    let v = v.add(V::load(residual.add(j * V::N)));
                    v.clamp(low, high).store(s.y.offset(i as isize * s.y_pitch).add(j * V::N));
                }
            });
        }
    }
}

/// Stores a tile whose last columns are not there.
#[inline(always)]
unsafe fn store_part<V: Fused>(s: &Store, sums: *const f32, rows: usize, vectors: usize) {
    // SAFETY: the tile's rows and `cols` columns are there, as the caller of `run` promises; a vector that ends beyond
    // them moves no more than the columns before.
    unsafe {
        let (alpha, low, high) = (V::splat(s.alpha), V::splat(s.low), V::splat(s.high));
        for i in 0..rows {
            let y = s.y.offset(i as isize * s.y_pitch);
            let residual = s.residual.wrapping_offset(i as isize * s.residual_pitch);
            let mut at = 0;
            while at < s.cols {
                let bias = if s.bias.is_null() { V::splat(0.0) } else { V::load(s.bias.add(at)) };
                let mut v = V::load(sums.add(i * vectors * V::N + at)).fused(alpha, bias);
                let left = s.cols - at;
                if left >= V::N {
                    if !s.residual.is_null() {
                        v = v.add(V::load(residual.add(at)));
                    }
                    v.clamp(low, high).store(y.add(at));
                } else {
                    if !s.residual.is_null() {
                        v = v.add(V::load_first(residual.add(at), left));
                    }
                    v.clamp(low, high).store_first(y.add(at), left);
                }
                at += V::N;
            }
        }
    }
}

/// Stores a tile of one panel in portable Rust, in loops that compilers turn into vectors.
#[inline(always)]
unsafe fn store_plain(s: &Store, sums: *const f32, rows: usize) {
    let cols = s.cols.min(PANEL);
    let mut bias = [0f32; PANEL];
    // SAFETY: the tile's rows and columns are there, and whole panels of sums and bias, as the caller of `run` promises.
    unsafe {
        if !s.bias.is_null() {
            bias = s.bias.cast::<[f32; PANEL]>().read_unaligned();
        }
        for i in 0..rows {
            let sums = sums.add(i * PANEL).cast::<[f32; PANEL]>().read_unaligned();
            let mut row = [0f32; PANEL];
            if !s.residual.is_null() {
                let residual = s.residual.offset(i as isize * s.residual_pitch);
                row[..cols].iter_mut().enumerate().for_each(|(c, v)| *v = residual.add(c).read());
            }
            for ((v, sum), bias) in row.iter_mut().zip(&sums).zip(&bias) {
                let y = sum * s.alpha + bias + *v;
                // NaN stays.
                let y = if s.low > y { s.low } else { y };
                *v = if s.high < y { s.high } else { y };
            }
            let y = s.y.offset(i as isize * s.y_pitch);
            row[..cols].iter().enumerate().for_each(|(c, v)| y.add(c).write(*v));
        }
    }
}

/// The micro-kernels of an instruction set for so many panels, by number of rows.
pub(crate) struct Tiles {
    pub(crate) panels: usize,
    /// For 1, 2, … rows.
    pub(crate) by_rows: &'static [TileFn],
}
