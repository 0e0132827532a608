//! Divides a convolution into channels and rows for vectors.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Range;

use super::lanes::{Lanes, Task};
use super::plain::Plain;
use super::strip::{Block, Fill, Line, Prepare, Source, Spread, TILE, Target, Tile, strip};
use super::sweep::Sweep;
use super::{Job, PANEL};

/// A square kernel that strips suit, and its stride; with a zero point of the weights only if these are `wide`.
fn square(job: &Job<'_>, wide: bool) -> Option<(usize, usize)> {
    let (v, h) = (&job.shape.vertical, &job.shape.horizontal);
    let square = v.kernel == h.kernel && v.stride == h.stride && v.dilation == 1 && h.dilation == 1;
    let w_zero = job.operands.w_zero;
    let plain = w_zero == 0 || wide && i8::try_from(w_zero).is_ok();
    let plain_end = job.operands.epilogue.residual.is_none();
    (square && plain && plain_end && [3, 5].contains(&v.kernel) && [1, 2].contains(&v.stride))
        .then_some((v.kernel, v.stride))
}

/// Finds out whether no sum of these channels leaves an i32 when it is scaled.
struct Bounds<'a> {
    bias: &'a [i32],
    multiplier: &'a [f32],
    bounded: &'a mut bool,
}

impl Task for Bounds<'_> {
    #[inline(always)]
    unsafe fn run(self) {
        /// More than kernels of 5 can sum up.
        const SUMS: f32 = 25.0 * 255.0 * 255.0;
        let is_bounded = |(&bias, m): (&i32, &f32)| (SUMS + (bias as f32).abs()) * m.abs() < (1u32 << 30) as f32;
        *self.bounded = self.bias.iter().zip(self.multiplier).fold(true, |all, one| all & is_bounded(one));
    }
}

/// Computes output rows, counted over all images, of some channels that begin with a panel.
///
/// # Safety
/// The ranges lie in the job's shape, nothing else accesses these outputs, and the processor has the instruction set.
pub(super) unsafe fn run<V: Lanes>(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    let (epilogue, mut bounded) = (&job.operands.epilogue, false);
    let (bias, multiplier) = (&epilogue.bias[channels.clone()], &epilogue.multiplier[channels.clone()]);
    // SAFETY: as the caller promises.
    unsafe { V::within(Bounds { bias, multiplier, bounded: &mut bounded }) };
    let square = square(job, V::WIDENS).filter(|_| bounded);
    let mut c = channels.start;
    while c < channels.end {
        let left = channels.end - c;
        // SAFETY: as the caller promises.
        unsafe {
            let count = match square {
                None => {
                    let count = left.min(V::LANES * PANEL);
                    let channels = c..c + count;
                    V::within(Plain::<V> { job, rows: rows.clone(), channels, lanes: PhantomData });
                    count
                }
                Some((3, 1)) => by_width::<V, 3, 1, 2>(job, &rows, c, left),
                Some((3, _)) => by_width::<V, 3, 2, 1>(job, &rows, c, left),
                Some((_, 1)) => by_width::<V, 5, 1, 2>(job, &rows, c, left),
                Some(_) => by_width::<V, 5, 2, 1>(job, &rows, c, left),
            };
            c += count;
        }
    }
}

/// Turns to as many channels as fill a vector or, of several rows, a part of it; gives their number.
///
/// # Safety
/// As for [`run`].
unsafe fn by_width<V: Lanes, const K: usize, const S: usize, const R: usize>(
    job: &Job<'_>,
    rows: &Range<usize>,
    c: usize,
    left: usize,
) -> usize {
    let panels = left.div_ceil(PANEL);
    // SAFETY: as the caller promises.
    unsafe {
        if V::LANES == 1 || panels >= V::LANES {
            let count = left.min(V::LANES * PANEL);
            by_count::<V, K, S, R, 1>(job, rows, c, count);
            count
        } else if V::LANES == 4 && panels >= 2 {
            let count = left.min(2 * PANEL);
            by_count::<V, K, S, R, 2>(job, rows, c, count);
            count
        } else {
            match V::LANES {
                4 => by_count::<V, K, S, R, 4>(job, rows, c, left),
                _ => by_count::<V, K, S, R, 2>(job, rows, c, left),
            }
            left
        }
    }
}

/// # Safety
/// As for [`run`].
unsafe fn by_count<V: Lanes, const K: usize, const S: usize, const R: usize, const G: usize>(
    job: &Job<'_>,
    rows: &Range<usize>,
    c: usize,
    count: usize,
) {
    // SAFETY: as the caller promises.
    unsafe {
        if count == V::LANES * PANEL / G {
            strips::<V, K, S, R, G, true>(job, rows, c, count);
        } else {
            strips::<V, K, S, R, G, false>(job, rows, c, count);
        }
    }
}

/// Rows of a channel block.
struct Rows<'a, 'j, V: Lanes> {
    job: &'a Job<'j>,
    c: usize,
    count: usize,
    block: &'a MaybeUninit<Block<V>>,
    /// Null for sweeps.
    line: *mut MaybeUninit<Line<V>>,
    /// What rows of padding hold: a pixel or, where rows are `lined`, a row.
    zeros: *const u8,
    /// Room for results that are not there.
    waste: *mut u8,
    lined: bool,
}

/// Bytes of a row that several groups of rows may have to be as long as others.
const LINE: usize = 8 << 10;

/// # Safety
/// As for [`run`]; a group has the channels, which fill it where `FULL`.
unsafe fn strips<V: Lanes, const K: usize, const S: usize, const R: usize, const G: usize, const FULL: bool>(
    job: &Job<'_>,
    rows: &Range<usize>,
    c: usize,
    count: usize,
) {
    let mut block = MaybeUninit::uninit();
    // SAFETY: as the caller promises.
    unsafe { V::within(Prepare::<V, K, G> { job, c, block: &mut block }) };
    let (zeros, mut waste) = ([job.operands.x_zero; 64], [0; 64]);
    let (line, waste) = (core::ptr::null_mut(), waste.as_mut_ptr());
    let mut strips = Rows { job, c, count, block: &block, line, zeros: zeros.as_ptr(), waste, lined: false };
    // SAFETY: as the caller promises; lines have room for the bytes.
    unsafe {
        if K != 3 || !V::SWEEPS {
            let mut line = MaybeUninit::uninit();
            strips.line = &raw mut line;
            return strips.all::<K, S, R, G, FULL>(rows);
        }
        let (h, x, y) = (&job.shape.horizontal, &job.operands.x, &job.operands.y);
        let (read, written) = (h.input.saturating_mul(x.pitch()), h.output.saturating_mul(y.pitch()));
        if G == 1 || read > LINE || written > LINE {
            return strips.all::<K, S, R, G, FULL>(rows);
        }
        let (mut zeros, mut waste) = (MaybeUninit::<[u8; LINE]>::uninit(), MaybeUninit::<[u8; LINE]>::uninit());
        let zeros = zeros.as_mut_ptr().cast::<u8>();
        zeros.write_bytes(job.operands.x_zero, read.max(64));
        (strips.zeros, strips.waste, strips.lined) = (zeros, waste.as_mut_ptr().cast(), true);
        strips.all::<K, S, R, G, FULL>(rows);
    }
}

impl<V: Lanes> Rows<'_, '_, V> {
    /// Computes output rows, counted over all images.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn all<const K: usize, const S: usize, const R: usize, const G: usize, const FULL: bool>(
        &self,
        rows: &Range<usize>,
    ) {
        let height = self.job.shape.vertical.output;
        let (mut image, mut oy, mut left) = (rows.start / height, rows.start % height, rows.len());
        while left > 0 {
            // A group at the end may have one row, and there may be fewer groups: those of one image.
            let count = left.min(height - oy).min(R * G);
            // SAFETY: as the caller promises.
            unsafe {
                match G == 1 && count < R {
                    true => self.run::<K, S, 1, G, FULL>(image, oy, count),
                    false => self.run::<K, S, R, G, FULL>(image, oy, count),
                }
            }
            (oy, left) = (oy + count, left - count);
            if oy == height {
                (image, oy) = (image + 1, 0);
            }
        }
    }

    /// Computes `rows` rows of an image from `oy` on, at most `R` for each of `G` groups.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn run<const K: usize, const S: usize, const R: usize, const G: usize, const FULL: bool>(
        &self,
        image: usize,
        oy: usize,
        rows: usize,
    ) {
        let (h, operands) = (&self.job.shape.horizontal, self.job.operands);
        let source = self.source::<K, S, R, G>(image, oy, rows);
        let target = self.target::<R, G>(image * self.job.shape.vertical.output + oy, rows);
        let (pitch, width) = (operands.y.pitch(), h.output);
        if K == 3 && V::SWEEPS {
            // SAFETY: as the caller promises.
            unsafe {
                match self.lined {
                    true => self.sweep::<S, R, G, FULL, true>(&source, &target),
                    false => self.sweep::<S, R, G, FULL, false>(&source, &target),
                }
            }
            return;
        }
        for first in (0..width).step_by(strip(S)) {
            let end = width.min(first + strip(S));
            let x_zero = operands.x_zero;
            // SAFETY: as the caller promises; results that are not whole vectors go by way of a buffer.
            unsafe {
                V::within(Fill::<V, K, G, FULL> {
                    source: &source,
                    count: self.count,
                    first: h.first(first),
                    columns: (end - first - 1) * S + K,
                    width: h.input,
                    x_zero,
                    line: &mut *self.line,
                });
                let mut ox = first;
                while ox < end {
                    let column = (ox - first) * S;
                    if G == 1 && FULL {
                        let y = target.at[0][0].wrapping_add(ox * pitch);
                        ox += self.tile::<K, S, R>(column, end - ox, y, width * pitch, pitch);
                        continue;
                    }
                    let mut results = MaybeUninit::<[[[u8; 64]; TILE]; 2]>::uninit();
                    let at = results.as_mut_ptr().cast();
                    let columns = self.tile::<K, S, R>(column, end - ox, at, 64 * TILE, 64);
                    V::within(Spread::<V, R, G, FULL> {
                        results: &*results.as_ptr(),
                        target: &target,
                        first: ox,
                        columns,
                        count: self.count,
                        lanes: PhantomData,
                    });
                    ox += columns;
                }
            }
        }
    }

    /// Computes rows of a kernel of 3.
    ///
    /// # Safety
    /// As for [`Rows::run`]; where `LINED`, rows are lined.
    unsafe fn sweep<const S: usize, const R: usize, const G: usize, const FULL: bool, const LINED: bool>(
        &self,
        source: &Source<G>,
        target: &Target<G>,
    ) {
        let h = &self.job.shape.horizontal;
        // SAFETY: as the caller promises.
        unsafe {
            V::within(Sweep::<V, S, R, G, FULL, LINED> {
                block: &*self.block.as_ptr(),
                source,
                zeros: self.zeros,
                count: self.count,
                first: h.first(0),
                width: h.input,
                columns: h.output,
                target,
            });
        }
    }

    /// Where the results of some output rows go.
    fn target<const R: usize, const G: usize>(&self, row: usize, rows: usize) -> Target<G> {
        let (h, y) = (&self.job.shape.horizontal, &self.job.operands.y);
        let step = if self.lined { y.pitch() } else { 0 };
        let mut target = Target { at: [[self.waste; G]; 2], step: [[step; G]; 2] };
        let mut at = y.as_ptr().wrapping_add(row * h.output * y.pitch() + self.c);
        for g in 0..G {
            for r in 0..R {
                if g * R + r < rows {
                    (target.at[r][g], target.step[r][g]) = (at, y.pitch());
                    at = at.wrapping_add(h.output * y.pitch());
                }
            }
        }
        target
    }

    /// Computes up to [`TILE`] columns of `R` rows; gives their number.
    ///
    /// # Safety
    /// As for [`Tile`].
    unsafe fn tile<const K: usize, const S: usize, const R: usize>(
        &self,
        column: usize,
        left: usize,
        y: *mut u8,
        row: usize,
        pitch: usize,
    ) -> usize {
        // SAFETY: as the caller promises.
        unsafe {
            let (block, line) = (self.block, &*self.line);
            match left {
                1 => V::within(Tile::<V, K, S, R, 1> { block, line, column, y, row, pitch }),
                2 | 3 => V::within(Tile::<V, K, S, R, 2> { block, line, column, y, row, pitch }),
                _ => V::within(Tile::<V, K, S, R, TILE> { block, line, column, y, row, pitch }),
            }
        }
        match left {
            1 => 1,
            2 | 3 => 2,
            _ => TILE,
        }
    }

    /// Where the input rows lie that some output rows see.
    fn source<const K: usize, const S: usize, const R: usize, const G: usize>(
        &self,
        image: usize,
        oy: usize,
        rows: usize,
    ) -> Source<G> {
        let (v, h, x) = (&self.job.shape.vertical, &self.job.shape.horizontal, &self.job.operands.x);
        let (row, first) = (h.input * x.pitch(), v.first(oy));
        let zeros = self.zeros;
        let step = if self.lined { x.pitch() } else { 0 };
        let mut source = Source { at: [[zeros; G]; 6], step: [[step; G]; 6], lines: [zeros; 12], pitch: x.pitch() };
        let image = x.as_ptr().wrapping_add(image * v.input * row + self.c);
        // The last rows are seen by the second output row of a group alone; what else meets weights of zero.
        for k in 0..K + (R - 1) * S {
            for g in 0..G {
                let y = first + (g * R * S + k) as isize;
                if g * R < rows && (y as usize) < v.input {
                    let at = image.wrapping_add(y as usize * row);
                    (source.at[k][g], source.step[k][g]) = (at, x.pitch());
                    if G > 1 {
                        source.lines[g * R * S + k] = at;
                    }
                }
            }
        }
        source
    }
}
