//! The algorithm, over vectors of any length.
//!
//! Output pixels that lie a stride apart have the same taps, of neighbouring input pixels: they are computed in tiles
//! of [`PIXELS`] by [`OUTPUTS`], each tap's weights being read once for the pixels of a tile.

use core::ops::Range;

use super::Job;
use crate::lanes::Fused;
use crate::window::Axis;

/// Pixels of a tile.
const PIXELS: usize = 4;
/// Output channels of a tile.
const OUTPUTS: usize = 4;
/// Input channels of a group from which on vectors pay.
const LEAST_DEPTH: usize = 4;

/// The output row at hand, and one group of it.
struct Line<'a> {
    job: &'a Job<'a>,
    /// Output row of the image.
    oy: usize,
    /// First input pixel of the image, at the group's first channel.
    x: *const f32,
    /// The group's weights.
    weights: *const f32,
    /// The row's first pixel, at the group's first output.
    y: *mut f32,
    /// The group's bias.
    bias: Option<*const f32>,
    /// Input channels of a group.
    depth: usize,
    /// Output channels of a group.
    outputs: usize,
}

/// Computes an output row of some groups.
///
/// # Safety
/// As for `ConvTransposeKernel::run`, and as for the methods of [`crate::lanes::Lanes`].
#[inline(always)]
pub(super) unsafe fn run<V: Fused>(job: &Job<'_>, row: usize, groups: Range<usize>) {
    let (shape, operands) = (job.shape, job.operands);
    let (vertical, horizontal) = (&shape.vertical, &shape.horizontal);
    let (image, oy) = (row / vertical.output, row % vertical.output);
    let (depth, outputs) = (shape.channels / shape.groups, shape.outputs / shape.groups);
    let pixels = image * vertical.input * horizontal.input;
    for group in groups {
        // SAFETY: all offsets are those of elements that the operands hold, which have the job's shape.
        unsafe {
            let line = Line {
                job,
                oy,
                x: operands.x.as_ptr().add(pixels * operands.x.pitch() + group * depth),
                weights: operands.weights.as_ptr().add(group * vertical.kernel * horizontal.kernel * outputs * depth),
                y: operands.y.as_ptr().add(row * horizontal.output * operands.y.pitch() + group * outputs),
                bias: operands.bias.map(|bias| bias.as_ptr().add(group * outputs)),
                depth,
                outputs,
            };
            if depth < LEAST_DEPTH {
                line.scalar();
            } else {
                line.tiles::<V>();
            }
        }
    }
}

/// The input element that reaches output `o` through tap `k`.
#[inline(always)]
fn source(axis: &Axis, o: usize, k: usize) -> Option<usize> {
    let at = (o + axis.pad).checked_sub(k * axis.dilation)?;
    (at.is_multiple_of(axis.stride) && at / axis.stride < axis.input).then_some(at / axis.stride)
}

impl Line<'_> {
    /// Calls `tap` with the pointers to the input row and the weights of each vertical tap.
    #[inline(always)]
    unsafe fn rows(&self, mut tap: impl FnMut(*const f32, *const f32)) {
        let (vertical, horizontal) = (&self.job.shape.vertical, &self.job.shape.horizontal);
        for k in 0..vertical.kernel {
            if let Some(iy) = source(vertical, self.oy, k) {
                // SAFETY: the row lies in the image, and the group has weights for the tap.
                unsafe {
                    let x = self.x.add(iy * horizontal.input * self.job.operands.x.pitch());
                    tap(x, self.weights.add(k * horizontal.kernel * self.outputs * self.depth));
                }
            }
        }
    }

    /// One element after another, for groups of few channels.
    ///
    /// # Safety
    /// As for [`run`].
    #[inline(always)]
    unsafe fn scalar(&self) {
        let horizontal = &self.job.shape.horizontal;
        let (x_pitch, y_pitch) = (self.job.operands.x.pitch(), self.job.operands.y.pitch());
        for ox in 0..horizontal.output {
            for o in 0..self.outputs {
                // SAFETY: sources are inside the input; weights, bias and output have output channel `o`.
                unsafe {
                    let mut sum = self.bias.map_or(0.0, |bias| *bias.add(o));
                    self.rows(|x, weights| {
                        for k in 0..horizontal.kernel {
                            let Some(ix) = source(horizontal, ox, k) else { continue };
                            let weights = weights.add((k * self.outputs + o) * self.depth);
                            for c in 0..self.depth {
                                sum += *x.add(ix * x_pitch + c) * *weights.add(c);
                            }
                        }
                    });
                    *self.y.add(ox * y_pitch + o) = sum;
                }
            }
        }
    }

    /// # Safety
    /// As for [`run`].
    #[inline(always)]
    unsafe fn tiles<V: Fused>(&self) {
        let Axis { output, stride, .. } = self.job.shape.horizontal;
        for phase in 0..stride.min(output) {
            for first in (phase..output).step_by(stride.saturating_mul(PIXELS)) {
                let pixels = (output - first).div_ceil(stride).min(PIXELS);
                let mut o = 0;
                // SAFETY: the tiles lie in the row and the group's outputs.
                unsafe {
                    while o + OUTPUTS <= self.outputs {
                        self.tile::<V, OUTPUTS>(first, pixels, o);
                        o += OUTPUTS;
                    }
                    while o < self.outputs {
                        self.tile::<V, 1>(first, pixels, o);
                        o += 1;
                    }
                }
            }
        }
    }

    /// `R` outputs from `o` on of some pixels, a stride apart, from `first` on.
    ///
    /// # Safety
    /// As for [`run`]; pixels and outputs are inside the row and the group.
    #[inline(always)]
    unsafe fn tile<V: Fused, const R: usize>(&self, first: usize, pixels: usize, o: usize) {
        let horizontal = &self.job.shape.horizontal;
        let (x_pitch, y_pitch) = (self.job.operands.x.pitch(), self.job.operands.y.pitch());
        // SAFETY: as the caller promises; sources are inside the input.
        unsafe {
            let mut sums = [[V::splat(0.0); R]; PIXELS];
            self.rows(|x, weights| {
                for k in 0..horizontal.kernel {
                    // All pixels of the tile have this tap, or none.
                    let at = (first + horizontal.pad) as isize - (k * horizontal.dilation) as isize;
                    if at % horizontal.stride as isize != 0 {
                        continue;
                    }
                    let ix = at / horizontal.stride as isize;
                    let begin = (-ix).clamp(0, pixels as isize) as usize;
                    let end = (horizontal.input as isize - ix).clamp(begin as isize, pixels as isize) as usize;
                    let weights = weights.add((k * self.outputs + o) * self.depth);
                    if end - begin == PIXELS {
                        dots(x.add(ix as usize * x_pitch), x_pitch, weights, self.depth, &mut sums);
                        continue;
                    }
                    for (t, sums) in sums.iter_mut().enumerate().take(end).skip(begin) {
                        let x = x.add((ix + t as isize) as usize * x_pitch);
                        dots(x, 0, weights, self.depth, core::array::from_mut(sums));
                    }
                }
            });
            for (t, sums) in sums.iter().enumerate().take(pixels) {
                let y = self.y.add((first + t * horizontal.stride) * y_pitch + o);
                for (r, sum) in sums.iter().enumerate() {
                    let bias = self.bias.map_or(0.0, |bias| *bias.add(o + r));
                    *y.add(r) = bias + sum.reduce(|a, b| a + b);
                }
            }
        }
    }
}

/// Adds the products of `T` pixels, `pitch` apart, with `R` rows of weights, one after another, to vectors of sums.
///
/// # Safety
/// Pixels and rows have `depth` elements; as for the methods of [`crate::lanes::Lanes`].
#[inline(always)]
unsafe fn dots<V: Fused, const T: usize, const R: usize>(
    x: *const f32,
    pitch: usize,
    weights: *const f32,
    depth: usize,
    sums: &mut [[V; R]; T],
) {
    let mut local = *sums;
    let mut c = 0;
    // SAFETY: `c` plus the lanes read stays within `depth`.
    unsafe {
        while c + V::N <= depth {
            step(|t| V::load(x.add(t * pitch + c)), |r| V::load(weights.add(r * depth + c)), &mut local);
            c += V::N;
        }
        if c < depth {
            let n = depth - c;
            let (x, weights) = (x.add(c), weights.add(c));
            step(|t| V::load_first(x.add(t * pitch), n), |r| V::load_first(weights.add(r * depth), n), &mut local);
        }
    }
    *sums = local;
}

/// Adds the product of pixel `t` with row `r` to each sum.
///
/// # Safety
/// As for the methods of [`crate::lanes::Lanes`].
#[inline(always)]
unsafe fn step<V: Fused, const T: usize, const R: usize>(
    x: impl Fn(usize) -> V,
    weights: impl Fn(usize) -> V,
    sums: &mut [[V; R]; T],
) {
    let mut w = [x(0); R];
    for (r, w) in w.iter_mut().enumerate() {
        *w = weights(r);
    }
    for (t, sums) in sums.iter_mut().enumerate() {
        let x = x(t);
        for (sum, w) in sums.iter_mut().zip(w) {
            // SAFETY: as the caller promises.
            *sum = unsafe { x.fused(w, *sum) };
        }
    }
}
