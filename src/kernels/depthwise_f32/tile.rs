//! The algorithm, over vectors of any length: one output row of one vector of channels at a time, several pixels of
//! it side by side.

use core::ops::Range;

use super::{Job, PANEL};
use crate::lanes::Fused;
use crate::window::Axis;

/// What is read in the padding.
static PADDING: [f32; PANEL] = [0.0; PANEL];

/// One output row of some channels, and the input rows under it.
struct Line<'a> {
    horizontal: &'a Axis,
    /// First pixel of the image.
    x: *const f32,
    x_pitch: usize,
    /// Elements from one input row to the next.
    x_row: usize,
    /// Input row of the first vertical tap, which may lie in the padding.
    first: isize,
    /// Input rows from one vertical tap to the next.
    dilation: usize,
    /// Vertical taps inside the image.
    taps: Range<usize>,
    weights: *const f32,
    /// Elements from one tap's weights to the next's.
    w_pitch: usize,
    bias: Option<*const f32>,
    residual: Option<(*const f32, usize)>,
    y: *mut f32,
    y_pitch: usize,
    low: f32,
    high: f32,
    /// Number of channels, no more than lanes of the vector.
    channels: usize,
}

/// Computes output rows of `count` channels from `c` on, `T` pixels at a time and `REST` at the end of a row; `FULL`
/// says that `count` is the vector's length.
///
/// # Safety
/// As for `DepthwiseKernel::run`, and as for the methods of [`crate::lanes::Lanes`]; `count` is no more than the
/// vector's length, and that no more than a panel.
#[inline(always)]
pub(super) unsafe fn panel<V: Fused, const T: usize, const REST: usize, const FULL: bool>(
    job: &Job<'_>,
    rows: Range<usize>,
    c: usize,
    count: usize,
) {
    let (shape, operands) = (job.shape, job.operands);
    let (vertical, horizontal) = (&shape.vertical, &shape.horizontal);
    let (x, y) = (&operands.x, &operands.y);
    for row in rows {
        let (image, oy) = (row / vertical.output, row % vertical.output);
        let pixel = row * horizontal.output;
        // SAFETY: all offsets are those of elements that the views hold, the job's operands having its shape.
        unsafe {
            let line = Line {
                horizontal,
                x: x.as_ptr().add(image * vertical.input * horizontal.input * x.pitch() + c),
                x_pitch: x.pitch(),
                x_row: horizontal.input * x.pitch(),
                first: vertical.first(oy),
                dilation: vertical.dilation,
                taps: vertical.taps(oy),
                weights: operands.weights.as_ptr().add(c),
                w_pitch: shape.channels.next_multiple_of(PANEL),
                bias: operands.bias.map(|bias| bias.as_ptr().add(c)),
                residual: operands.residual.map(|r| (r.as_ptr().add(pixel * r.pitch() + c), r.pitch())),
                y: y.as_ptr().add(pixel * y.pitch() + c),
                y_pitch: y.pitch(),
                low: job.low,
                high: job.high,
                channels: count,
            };
            match (horizontal.kernel, horizontal.stride, horizontal.dilation) {
                (3, 1, 1) => line.run::<V, Fixed<3, 1>, T, REST, FULL>(),
                (3, 2, 1) => line.run::<V, Fixed<3, 2>, T, REST, FULL>(),
                (5, 1, 1) => line.run::<V, Fixed<5, 1>, T, REST, FULL>(),
                (5, 2, 1) => line.run::<V, Fixed<5, 2>, T, REST, FULL>(),
                _ => line.run::<V, Any, T, REST, FULL>(),
            }
        }
    }
}

/// Adds the taps of one input row to `T` sums.
trait Taps {
    /// `x` is the input row, `weights` those of its first tap, `first` the input column of the first tap of the
    /// first sum. With `EDGE`, columns may lie outside the row.
    ///
    /// # Safety
    /// As for [`panel`]; without `EDGE`, all columns lie inside the row.
    unsafe fn add<V: Fused, const T: usize, const EDGE: bool, const FULL: bool>(
        line: &Line<'_>,
        x: *const f32,
        weights: *const f32,
        first: isize,
        sums: &mut [V; T],
    );
}

/// A kernel of `K` columns at stride `S`: each column of the input is loaded once for all sums.
struct Fixed<const K: usize, const S: usize>;

/// Columns that eight sums of five taps at stride 2 need.
const MOST_COLUMNS: usize = 7 * 2 + 5;

impl<const K: usize, const S: usize> Taps for Fixed<K, S> {
    #[inline(always)]
    unsafe fn add<V: Fused, const T: usize, const EDGE: bool, const FULL: bool>(
        line: &Line<'_>,
        x: *const f32,
        weights: *const f32,
        first: isize,
        sums: &mut [V; T],
    ) {
        const { assert!((T - 1) * S + K <= MOST_COLUMNS) };
        // SAFETY: columns inside the row are elements of the input; weights have K taps of whole panels.
        unsafe {
            let mut taps = [V::splat(0.0); K];
            for (k, tap) in taps.iter_mut().enumerate() {
                *tap = V::load(weights.add(k * line.w_pitch));
            }
            let mut columns = [V::splat(0.0); MOST_COLUMNS];
            for (j, column) in columns[..(T - 1) * S + K].iter_mut().enumerate() {
                let at = first + j as isize;
                *column = line.load::<V, FULL>(line.column::<EDGE>(x, at));
            }
            for (k, tap) in taps.iter().enumerate() {
                for (t, sum) in sums.iter_mut().enumerate() {
                    *sum = columns[t * S + k].fused(*tap, *sum);
                }
            }
        }
    }
}

/// Any kernel.
struct Any;

impl Taps for Any {
    #[inline(always)]
    unsafe fn add<V: Fused, const T: usize, const EDGE: bool, const FULL: bool>(
        line: &Line<'_>,
        x: *const f32,
        weights: *const f32,
        first: isize,
        sums: &mut [V; T],
    ) {
        let Axis { kernel, stride, dilation, .. } = *line.horizontal;
        for k in 0..kernel {
            // SAFETY: columns inside the row are elements of the input; weights have all taps of whole panels.
            unsafe {
                let tap = V::load(weights.add(k * line.w_pitch));
                for (t, sum) in sums.iter_mut().enumerate() {
                    let at = first + (t * stride + k * dilation) as isize;
                    let column = line.load::<V, FULL>(line.column::<EDGE>(x, at));
                    *sum = column.fused(tap, *sum);
                }
            }
        }
    }
}

impl Line<'_> {
    /// The address of a column's pixel in the input row `x`; with `EDGE`, that of zeros where it is in the padding.
    #[inline(always)]
    fn column<const EDGE: bool>(&self, x: *const f32, column: isize) -> *const f32 {
        let pixel = x.wrapping_offset(column * self.x_pitch as isize);
        if !EDGE || (column as usize) < self.horizontal.input { pixel } else { PADDING.as_ptr() }
    }

    /// # Safety
    /// `p` is valid for the line's channels; as for the methods of [`crate::lanes::Lanes`].
    #[inline(always)]
    unsafe fn load<V: Fused, const FULL: bool>(&self, p: *const f32) -> V {
        // SAFETY: as the caller promises.
        unsafe { if FULL { V::load(p) } else { V::load_first(p, self.channels) } }
    }

    /// # Safety
    /// As for [`panel`].
    #[inline(always)]
    unsafe fn run<V: Fused, K: Taps, const T: usize, const REST: usize, const FULL: bool>(&self) {
        let end = self.horizontal.output;
        let mut ox = 0;
        while ox < end {
            let left = end - ox;
            // SAFETY: the tiles begin in the row, and those without edge lie in it and in the input.
            unsafe {
                if left >= T && self.horizontal.is_inside(ox, ox + T) {
                    self.tile::<V, K, T, false, FULL>(ox);
                    ox += T;
                } else if left > T / 2 {
                    self.tile::<V, K, T, true, FULL>(ox);
                    ox += T;
                } else {
                    self.tile::<V, K, REST, true, FULL>(ox);
                    ox += REST;
                }
            }
        }
    }

    /// `T` pixels from `ox` on; with `EDGE`, those of them that are in the row.
    ///
    /// # Safety
    /// As for [`panel`]; the first pixel is in the row, and without `EDGE` all are, and their windows in the input.
    #[inline(always)]
    unsafe fn tile<V: Fused, K: Taps, const T: usize, const EDGE: bool, const FULL: bool>(&self, ox: usize) {
        // SAFETY: vertical taps are inside the image; pixels are inside the output row, whose channels the views
        // hold; weights and bias have whole panels.
        unsafe {
            let bias = self.bias.map_or(V::splat(0.0), |bias| V::load(bias));
            let mut sums = [bias; T];
            let first = self.horizontal.first(ox);
            for k in self.taps.clone() {
                let x = self.x.add((self.first + (k * self.dilation) as isize) as usize * self.x_row);
                let weights = self.weights.add(k * self.horizontal.kernel * self.w_pitch);
                K::add::<V, T, EDGE, FULL>(self, x, weights, first, &mut sums);
            }
            let (low, high) = (V::splat(self.low), V::splat(self.high));
            let present = self.horizontal.output - ox;
            for (t, sum) in sums.into_iter().enumerate() {
                if EDGE && t >= present {
                    break;
                }
                let mut sum = sum;
                if let Some((residual, pitch)) = self.residual {
                    sum = sum.add(self.load::<V, FULL>(residual.add((ox + t) * pitch)));
                }
                let sum = high.min(low.max(sum));
                let y = self.y.add((ox + t) * self.y_pitch);
                if FULL {
                    sum.store(y);
                } else {
                    sum.store_first(y, self.channels);
                }
            }
        }
    }
}
