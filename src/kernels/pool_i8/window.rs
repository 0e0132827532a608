//! The algorithm, over vectors of any length.

use core::ops::Range;

use super::{Job, Kind, Scale};
use crate::bytes::{Bytes, MOST_COUNTED, load_up_to, store_up_to, zero_of};
use crate::lanes::Lanes;
use crate::pool_f32::Inside;

/// The elements of a window that lie in the input, and where the result goes.
struct Window<'a> {
    how: &'a Scale,
    /// First channel of the first element.
    x: *const u8,
    rows: usize,
    cols: usize,
    /// From one row of the window to the next.
    row_step: usize,
    /// From one element of a row to the next.
    col_step: usize,
    y: *mut u8,
    /// What a sum is divided by.
    divisor: f32,
}

/// Computes output rows of some channels.
///
/// # Safety
/// As for `PoolKernel::run`, and as for the methods of [`Bytes`].
#[inline(always)]
pub(super) unsafe fn run<V: Bytes>(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
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
unsafe fn walk<V: Bytes, const MAX: bool>(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    let (vertical, horizontal) = (&job.shape.vertical, &job.shape.horizontal);
    let (x, y) = (&job.x, job.y);
    for row in rows {
        let windows = job.shape.row(row);
        for ox in 0..horizontal.output {
            let Inside { first, rows, cols } = windows.inside(ox);
            // SAFETY: the window's elements are pixels of the input or there are none; the output has this pixel.
            unsafe {
                let window = Window {
                    how: job.how,
                    x: x.as_ptr().add(first * x.pitch() + channels.start),
                    rows,
                    cols,
                    row_step: vertical.dilation.wrapping_mul(horizontal.input * x.pitch()),
                    col_step: horizontal.dilation.wrapping_mul(x.pitch()),
                    y: y.as_ptr().add((row * horizontal.output + ox) * y.pitch() + channels.start),
                    divisor: if MAX { 1.0 } else { windows.divisor(ox, rows * cols) },
                };
                let mut c = 0;
                while c < channels.len() {
                    let left = channels.len() - c;
                    let q = match MAX {
                        true => window.greatest::<V>(c, left),
                        false if job.how.x_scale == 0.0 => window.average::<V>(c, left),
                        false => window.average_of_reals::<V>(c, left),
                    };
                    let (low, high) = (V::splat(job.how.requantize.low), V::splat(job.how.requantize.high));
                    store_up_to(q.max(low).min(high), window.y.add(c), left);
                    c += V::N;
                }
            }
        }
    }
}

impl Window<'_> {
    /// The maxima of a vector of channels from `c` on, of which `left` are left.
    ///
    /// # Safety
    /// The elements have these channels; as for the methods of [`Bytes`].
    #[inline(always)]
    unsafe fn greatest<V: Bytes>(&self, c: usize, left: usize) -> V {
        // SAFETY: as the caller promises.
        unsafe {
            let mut greatest = V::splat(0);
            for row in 0..self.rows {
                let x = self.x.add(row * self.row_step + c);
                for col in 0..self.cols {
                    greatest = greatest.max(load_up_to(x.add(col * self.col_step), left));
                }
            }
            greatest
        }
    }

    /// The averages of a vector of channels from `c` on, of which `left` are left.
    ///
    /// # Safety
    /// The elements have these channels; as for the methods of [`Bytes`].
    #[inline(always)]
    unsafe fn average<V: Bytes>(&self, c: usize, left: usize) -> V {
        // SAFETY: as the caller promises; a row's part lies within the row.
        unsafe {
            // What the sums lack: they are counted less the zero points.
            let zeros = (self.rows * self.cols) as u32 as i32;
            let zeros = zeros.wrapping_mul(self.how.x_zero.into()).wrapping_neg();
            let mut totals = [V::Float::int_splat(zeros); 4];
            let (mut sums, mut room) = (V::no_sums(), MOST_COUNTED);
            for row in 0..self.rows {
                let x = self.x.add(row * self.row_step + c);
                let mut col = 0;
                while col < self.cols {
                    let end = self.cols.min(col + room);
                    room -= end - col;
                    while col < end {
                        sums = V::count(sums, load_up_to(x.add(col * self.col_step), left));
                        col += 1;
                    }
                    if room == 0 {
                        totals = plus::<V>(totals, sums);
                        (sums, room) = (V::no_sums(), MOST_COUNTED);
                    }
                }
            }
            let factor = V::Float::splat(self.how.scale / self.divisor);
            let mut v = [factor; 4];
            for (v, total) in v.iter_mut().zip(plus::<V>(totals, sums)) {
                *v = V::Float::from_int(total).mul(factor);
            }
            V::narrow(v, self.how.requantize.zero)
        }
    }

    /// As [`Window::average`], of real numbers that are added in the order of the window's rows.
    ///
    /// # Safety
    /// The elements have these channels; as for the methods of [`Bytes`].
    #[inline(always)]
    unsafe fn average_of_reals<V: Bytes>(&self, c: usize, left: usize) -> V {
        // SAFETY: as the caller promises; a row's part lies within the row.
        unsafe {
            let (zero, x_scale) = (zero_of::<V>(self.how.x_zero), V::Float::splat(self.how.x_scale));
            let mut v = [V::Float::splat(0.0); 4];
            for row in 0..self.rows {
                let x = self.x.add(row * self.row_step + c);
                for col in 0..self.cols {
                    let x: V = load_up_to(x.add(col * self.col_step), left);
                    for (v, x) in v.iter_mut().zip(x.widen(zero)) {
                        *v = v.add(x.mul(x_scale));
                    }
                }
            }
            let (divisor, scale) = (V::Float::splat(self.divisor), V::Float::splat(self.how.scale));
            for v in &mut v {
                *v = v.div(divisor).div(scale);
            }
            V::narrow(v, self.how.requantize.zero)
        }
    }
}

/// # Safety
/// As for the methods of [`Bytes`].
#[inline(always)]
unsafe fn plus<V: Bytes>(mut totals: [<V::Float as Lanes>::Int; 4], sums: V::Sums) -> [<V::Float as Lanes>::Int; 4] {
    // SAFETY: as the caller promises.
    unsafe {
        for (total, sum) in totals.iter_mut().zip(V::total(sums)) {
            *total = V::Float::int_add(*total, sum);
        }
        totals
    }
}
