//! The algorithm, over vectors of any length.

use core::ops::Range;

use super::{Inside, Job, Kind};
use crate::lanes::Lanes;

/// The elements of a window that lie in the input, and where the result goes.
struct Window {
    /// First channel of the first element.
    x: *const f32,
    rows: usize,
    cols: usize,
    /// From one row of the window to the next.
    row_step: usize,
    /// From one element of a row to the next.
    col_step: usize,
    y: *mut f32,
    /// What a sum is divided by.
    divisor: f32,
    low: f32,
    high: f32,
}

/// Computes output rows of some channels.
///
/// # Safety
/// As for `PoolKernel::run`, and as for the methods of [`Lanes`].
#[inline(always)]
pub(super) unsafe fn run<V: Lanes>(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    // SAFETY: as the caller promises.
    unsafe {
        if job.shape.kind == Kind::Max {
            walk::<V, true>(job, rows, channels);
        } else {
            walk::<V, false>(job, rows, channels);
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn walk<V: Lanes, const MAX: bool>(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    let (vertical, horizontal) = (&job.shape.vertical, &job.shape.horizontal);
    let (x, y) = (&job.x, job.y);
    for row in rows {
        let windows = job.shape.row(row);
        for ox in 0..horizontal.output {
            let Inside { first, rows, cols } = windows.inside(ox);
            // SAFETY: the window's elements are pixels of the input or there are none; the output has this pixel.
            unsafe {
                let window = Window {
                    x: x.as_ptr().add(first * x.pitch() + channels.start),
                    rows,
                    cols,
                    row_step: vertical.dilation.wrapping_mul(horizontal.input * x.pitch()),
                    col_step: horizontal.dilation.wrapping_mul(x.pitch()),
                    y: y.as_ptr().add((row * horizontal.output + ox) * y.pitch() + channels.start),
                    divisor: windows.divisor(ox, rows * cols),
                    low: job.low,
                    high: job.high,
                };
                window.channels::<V, MAX>(channels.len());
            }
        }
    }
}

impl Window {
    /// # Safety
    /// The elements and the output have `count` channels; as for the methods of [`Lanes`].
    #[inline(always)]
    unsafe fn channels<V: Lanes, const MAX: bool>(&self, count: usize) {
        let mut c = 0;
        // SAFETY: `c` plus the lanes stays within `count`.
        unsafe {
            while c + 4 * V::N <= count {
                self.vectors::<V, MAX, 4, true>(c, V::N);
                c += 4 * V::N;
            }
            while c + V::N <= count {
                self.vectors::<V, MAX, 1, true>(c, V::N);
                c += V::N;
            }
            if c < count {
                self.vectors::<V, MAX, 1, false>(c, count - c);
            }
        }
    }

    /// `G` vectors from channel `c` on; `count` lanes of each, all if `FULL`.
    ///
    /// # Safety
    /// The elements and the output have these channels; as for the methods of [`Lanes`].
    #[inline(always)]
    unsafe fn vectors<V: Lanes, const MAX: bool, const G: usize, const FULL: bool>(&self, c: usize, count: usize) {
        // SAFETY: as the caller promises.
        unsafe {
            let zero = V::splat(if MAX { f32::NEG_INFINITY } else { 0.0 });
            let mut total = [zero; G];
            for row in 0..self.rows {
                let mut sum = if MAX { total } else { [zero; G] };
                let mut x = self.x.add(row * self.row_step + c);
                for col in 0..self.cols {
                    if col > 0 {
                        x = x.add(self.col_step);
                    }
                    for (g, sum) in sum.iter_mut().enumerate() {
                        let x = x.add(g * V::N);
                        let x = if FULL { V::load(x) } else { V::load_first(x, count) };
                        *sum = if MAX { x.max(*sum) } else { sum.add(x) };
                    }
                }
                for (total, sum) in total.iter_mut().zip(sum) {
                    *total = if MAX { sum } else { total.add(sum) };
                }
            }
            let (low, high, divisor) = (V::splat(self.low), V::splat(self.high), V::splat(self.divisor));
            for (g, total) in total.into_iter().enumerate() {
                let total = if MAX { total } else { total.div(divisor) };
                let total = high.min(low.max(total));
                let y = self.y.add(c + g * V::N);
                if FULL {
                    total.store(y);
                } else {
                    total.store_first(y, count);
                }
            }
        }
    }
}
