//! The algorithm, over vectors of any length: blocks of columns whose taps are computed once for all rows.

use core::ops::Range;

use super::weights::{Cubic, Linear, Nearest, Sampler, Taps};
use super::{Job, Mode};
use crate::lanes::Lanes;

/// Columns whose taps are kept at a time.
const BLOCK: usize = 32;

/// Computes output rows.
///
/// # Safety
/// As for `ResizeKernel::run`, and as for the methods of [`Lanes`].
#[inline(always)]
pub(super) unsafe fn run<V: Lanes>(job: &Job<'_>, rows: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe {
        match job.shape.mode {
            Mode::Nearest(rounding) => walk::<V, 1>(job, Nearest(rounding), rows),
            Mode::Linear => walk::<V, 2>(job, Linear, rows),
            Mode::Cubic(a) => walk::<V, 4>(job, Cubic(a), rows),
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn walk<V: Lanes, const N: usize>(job: &Job<'_>, sampler: impl Sampler<N>, rows: Range<usize>) {
    let (vertical, horizontal) = (&job.shape.vertical, &job.shape.horizontal);
    let (x, y, width) = (&job.x, job.y, horizontal.output);
    let mut columns = [Taps { at: [0; N], weights: [0.0; N] }; BLOCK];
    for first in (0..width).step_by(BLOCK) {
        let columns = &mut columns[..BLOCK.min(width - first)];
        for (i, taps) in columns.iter_mut().enumerate() {
            *taps = sampler.taps(horizontal, first + i);
        }
        for row in rows.clone() {
            let (image, oy) = (row / vertical.output, row % vertical.output);
            let down = sampler.taps(vertical, oy);
            let line = |at: usize| (image * vertical.input + at) * horizontal.input * x.pitch();
            for (i, across) in columns.iter().enumerate() {
                // SAFETY: taps lie in the input, and the output has this pixel.
                unsafe {
                    let lines = down.at.map(|at| x.as_ptr().add(line(at)));
                    let offsets = across.at.map(|at| at * x.pitch());
                    let y = y.as_ptr().add((row * width + first + i) * y.pitch());
                    let pixel = Pixel { lines, offsets, down: &down.weights, across: &across.weights, y };
                    pixel.channels::<V>(job.shape.channels);
                }
            }
        }
    }
}

/// Where the elements of an output pixel come from.
struct Pixel<'a, const N: usize> {
    /// Input rows.
    lines: [*const f32; N],
    /// Their pixels.
    offsets: [usize; N],
    down: &'a [f32; N],
    across: &'a [f32; N],
    y: *mut f32,
}

impl<const N: usize> Pixel<'_, N> {
    /// # Safety
    /// All pixels have `count` channels; as for the methods of [`Lanes`].
    #[inline(always)]
    unsafe fn channels<V: Lanes>(&self, count: usize) {
        let mut c = 0;
        // SAFETY: `c` plus the lanes accessed stays within `count`.
        unsafe {
            while c + V::N <= count {
                self.value(|p| V::load(p.add(c))).store(self.y.add(c));
                c += V::N;
            }
            if c < count {
                self.value(|p| V::load_first(p.add(c), count - c)).store_first(self.y.add(c), count - c);
            }
        }
    }

    /// The weighted sum of what `load` gives: across, then down.
    ///
    /// # Safety
    /// As for the methods of [`Lanes`]; `load` may be called with each input pixel.
    #[inline(always)]
    unsafe fn value<V: Lanes>(&self, load: impl Fn(*const f32) -> V) -> V {
        // SAFETY: as the caller promises.
        unsafe {
            if N == 1 {
                return load(self.lines[0].add(self.offsets[0]));
            }
            let mut total = V::splat(0.0);
            for (line, down) in self.lines.iter().zip(self.down) {
                let mut sum = V::splat(0.0);
                for (offset, across) in self.offsets.iter().zip(self.across) {
                    sum = sum.add(load(line.add(*offset)).mul(V::splat(*across)));
                }
                total = total.add(sum.mul(V::splat(*down)));
            }
            total
        }
    }
}
