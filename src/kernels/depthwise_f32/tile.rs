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
    /// Vertical taps inside the image.
    taps: usize,
    /// First pixel of the first tap's input row.
    x: *const f32,
    x_pitch: usize,
    /// Elements from one vertical tap's input row to the next's.
    x_step: usize,
    /// Weights of the first tap.
    weights: *const f32,
    /// Elements from one tap's weights to the next's.
    w_pitch: usize,
    /// Elements from one vertical tap's weights to the next's.
    w_step: usize,
    bias: Option<*const f32>,
    residual: Option<(*const f32, usize)>,
    y: *mut f32,
    y_pitch: usize,
    low: f32,
    high: f32,
    /// Number of channels, no more than lanes of the vector.
    channels: usize,
}

/// Computes output rows of `count` channels from `c` on, `T` pixels at a time and `HALF` at the end of a row; `FULL`
/// says that `count` is the vector's length, `FIXED` that usual kernels have code of their own.
///
/// # Safety
/// As for `DepthwiseKernel::run`, and as for the methods of [`crate::lanes::Lanes`]; `count` is no more than the
/// vector's length, and that no more than a panel.
#[inline(always)]
pub(super) unsafe fn panel<V: Fused, const T: usize, const HALF: usize, const FULL: bool, const FIXED: bool>(
    job: &Job<'_>,
    rows: Range<usize>,
    c: usize,
    count: usize,
) {
    let (shape, operands) = (job.shape, job.operands);
    let (vertical, horizontal) = (&shape.vertical, &shape.horizontal);
    let (x, y) = (&operands.x, &operands.y);
    let (mut image, mut oy) = (rows.start / vertical.output, rows.start % vertical.output);
    for row in rows {
        if oy == vertical.output {
            (image, oy) = (image + 1, 0);
        }
        let pixel = row * horizontal.output;
        let taps = vertical.taps(oy);
        let iy = vertical.first(oy) + (taps.start * vertical.dilation) as isize;
        let source = if taps.is_empty() { 0 } else { (image * vertical.input + iy as usize) * horizontal.input };
        let w_pitch = shape.channels.next_multiple_of(PANEL);
        // SAFETY: all offsets are those of elements that the views hold, the job's operands having its shape.
        unsafe {
            let line = Line {
                horizontal,
                taps: taps.len(),
                x: x.as_ptr().add(source * x.pitch() + c),
                x_pitch: x.pitch(),
                x_step: vertical.dilation.wrapping_mul(horizontal.input * x.pitch()),
                weights: operands.weights.as_ptr().add(taps.start * horizontal.kernel * w_pitch + c),
                w_pitch,
                w_step: horizontal.kernel * w_pitch,
                bias: operands.bias.map(|bias| bias.as_ptr().add(c)),
                residual: operands.residual.map(|r| (r.as_ptr().add(pixel * r.pitch() + c), r.pitch())),
                y: y.as_ptr().add(pixel * y.pitch() + c),
                y_pitch: y.pitch(),
                low: job.low,
                high: job.high,
                channels: count,
            };
            let known = if FIXED { (horizontal.kernel, horizontal.stride, horizontal.dilation) } else { (0, 0, 0) };
            match known {
                (3, 1, 1) => line.run::<V, Fixed<3, 1>, T, HALF, FULL>(),
                (3, 2, 1) => line.run::<V, Fixed<3, 2>, T, HALF, FULL>(),
                (5, 1, 1) => line.run::<V, Fixed<5, 1>, T, HALF, FULL>(),
                (5, 2, 1) => line.run::<V, Fixed<5, 2>, T, HALF, FULL>(),
                (7, 1, 1) => line.run::<V, Fixed<7, 1>, T, HALF, FULL>(),
                _ => line.run::<V, Any, T, HALF, FULL>(),
            }
        }
        oy += 1;
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
            let mut pixel = x.wrapping_offset((first - 1).wrapping_mul(line.x_pitch as isize));
            unrolled!(j < (T - 1) * S + K => {
                pixel = pixel.wrapping_add(line.x_pitch);
                let column = line.load::<V, FULL>(line.column::<EDGE>(pixel, first + j as isize));
                for (k, tap) in taps.iter().enumerate() {
                    if j >= k && (j - k).is_multiple_of(S) && (j - k) / S < T {
                        sums[(j - k) / S] = column.fused(*tap, sums[(j - k) / S]);
                    }
                }
            });
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
        let step = stride.wrapping_mul(line.x_pitch);
        for k in 0..kernel {
            // SAFETY: columns inside the row are elements of the input; weights have all taps of whole panels.
            unsafe {
                let tap = V::load(weights.add(k * line.w_pitch));
                let mut at = first + (k * dilation) as isize;
                let mut pixel = x.wrapping_offset(at.wrapping_mul(line.x_pitch as isize));
                for sum in sums.iter_mut() {
                    let column = line.load::<V, FULL>(line.column::<EDGE>(pixel, at));
                    *sum = column.fused(tap, *sum);
                    at = at.wrapping_add(stride as isize);
                    pixel = pixel.wrapping_add(step);
                }
            }
        }
    }
}

impl Line<'_> {
    /// The address of a column's pixel; with `EDGE`, that of zeros where the column is in the padding.
    #[inline(always)]
    fn column<const EDGE: bool>(&self, pixel: *const f32, column: isize) -> *const f32 {
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
    unsafe fn run<V: Fused, K: Taps, const T: usize, const HALF: usize, const FULL: bool>(&self) {
        let end = self.horizontal.output;
        let mut ox = 0;
        while ox < end {
            let left = end - ox;
            // SAFETY: the tiles begin in the row, and those without edge lie in it and in the input.
            unsafe {
                if left >= T && self.horizontal.is_inside(ox, ox + T) {
                    self.tile::<V, K, T, false, FULL>(ox);
                    ox += T;
                } else if left > HALF {
                    self.tile::<V, K, T, true, FULL>(ox);
                    ox += T;
                } else {
                    self.tile::<V, K, HALF, true, FULL>(ox);
                    ox += HALF;
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
            let (mut x, mut weights) = (self.x, self.weights);
            for _ in 0..self.taps {
                K::add::<V, T, EDGE, FULL>(self, x, weights, first, &mut sums);
                // Past the last tap this may be no address of the image.
                x = x.wrapping_add(self.x_step);
                weights = weights.wrapping_add(self.w_step);
            }
            let (low, high) = (V::splat(self.low), V::splat(self.high));
            let present = self.horizontal.output - ox;
            let (residual, r_pitch) = self.residual.unwrap_or((core::ptr::null(), 0));
            let mut residual = residual.wrapping_add(ox * r_pitch);
            let mut y = self.y.add(ox * self.y_pitch);
            for (t, sum) in sums.into_iter().enumerate() {
                if EDGE && t >= present {
                    break;
                }
                let mut sum = sum;
                if self.residual.is_some() {
                    sum = sum.add(self.load::<V, FULL>(residual));
                }
                let sum = sum.clamp(low, high);
                if FULL {
                    sum.store(y);
                } else {
                    sum.store_first(y, self.channels);
                }
                // Past the last pixel these may be no addresses of the tensors.
                (residual, y) = (residual.wrapping_add(r_pitch), y.wrapping_add(self.y_pitch));
            }
        }
    }
}
