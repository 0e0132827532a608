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

/// The output row at hand.
struct Line<'a> {
    job: &'a Job<'a>,
    /// Output row of the image.
    oy: usize,
    /// First input pixel of the image.
    x: *const f32,
    /// First pixel of the output row.
    y: *mut f32,
    /// Input channels of a group.
    depth: usize,
    /// Output channels of a group.
    outputs: usize,
    /// Taps of the kernel.
    taps: usize,
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
    // SAFETY: the offsets are those of pixels that the operands hold, which have the job's shape.
    unsafe {
        let line = Line {
            job,
            oy,
            x: operands.x.as_ptr().add(image * vertical.input * horizontal.input * operands.x.pitch()),
            y: operands.y.as_ptr().add(row * horizontal.output * operands.y.pitch()),
            depth: shape.channels / shape.groups,
            outputs: shape.outputs / shape.groups,
            taps: vertical.kernel * horizontal.kernel,
        };
        if line.depth < LEAST_DEPTH {
            line.scalar(groups);
        } else {
            for group in groups {
                line.tiles::<V>(group);
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
    /// Calls `row` with the number of each vertical tap's first tap, and the input row that it takes.
    #[inline(always)]
    fn rows(&self, mut row: impl FnMut(usize, *const f32)) {
        let (vertical, horizontal) = (&self.job.shape.vertical, &self.job.shape.horizontal);
        for k in 0..vertical.kernel {
            if let Some(iy) = source(vertical, self.oy, k) {
                row(k * horizontal.kernel, self.x.wrapping_add(iy * horizontal.input * self.job.operands.x.pitch()));
            }
        }
    }

    /// The weights of a group's tap and output.
    #[inline(always)]
    fn weights(&self, group: usize, tap: usize, o: usize) -> *const f32 {
        let at = ((group * self.taps + tap) * self.outputs + o) * self.depth;
        self.job.operands.weights.as_ptr().wrapping_add(at)
    }

    /// The bias of an output channel.
    #[inline(always)]
    fn bias(&self, o: usize) -> f32 {
        self.job.operands.bias.map_or(0.0, |bias| bias[o])
    }

    /// One pixel after another, one element at a time, for groups of few channels.
    ///
    /// # Safety
    /// As for [`run`].
    #[inline(always)]
    unsafe fn scalar(&self, groups: Range<usize>) {
        let horizontal = &self.job.shape.horizontal;
        let (x_pitch, y_pitch) = (self.job.operands.x.pitch(), self.job.operands.y.pitch());
        for ox in 0..horizontal.output {
            let y = self.y.wrapping_add(ox * y_pitch);
            for o in groups.start * self.outputs..groups.end * self.outputs {
                // SAFETY: the pixel has output channel `o`.
                unsafe { *y.add(o) = self.bias(o) };
            }
            self.rows(|tap, x| {
                for k in 0..horizontal.kernel {
                    let Some(ix) = source(horizontal, ox, k) else { continue };
                    // SAFETY: the source is inside the input; groups, taps and channels are those of the operands.
                    unsafe { self.add(groups.clone(), tap + k, x.add(ix * x_pitch), y) };
                }
            });
        }
    }

    /// Adds a tap's products of an input pixel to an output pixel.
    ///
    /// # Safety
    /// As for [`run`]; the pixels are those of the job's operands.
    #[inline(always)]
    unsafe fn add(&self, groups: Range<usize>, tap: usize, x: *const f32, y: *mut f32) {
        // SAFETY: as the caller promises.
        let add = |o: usize, c: usize, w: *const f32| unsafe { *y.add(o) += *x.add(c) * *w };
        if self.depth == 1 && self.outputs == 1 {
            // Without the loops of length 1 inside.
            let mut w = self.weights(groups.start, tap, 0);
            for group in groups {
                add(group, group, w);
                w = w.wrapping_add(self.taps);
            }
            return;
        }
        for group in groups {
            for o in 0..self.outputs {
                let weights = self.weights(group, tap, o);
                for c in 0..self.depth {
                    add(group * self.outputs + o, group * self.depth + c, weights.wrapping_add(c));
                }
            }
        }
    }

    /// # Safety
    /// As for [`run`].
    #[inline(always)]
    unsafe fn tiles<V: Fused>(&self, group: usize) {
        let Axis { output, stride, .. } = self.job.shape.horizontal;
        for phase in 0..stride.min(output) {
            for first in (phase..output).step_by(stride.saturating_mul(PIXELS)) {
                let pixels = (output - first).div_ceil(stride).min(PIXELS);
                let mut o = 0;
                // SAFETY: the tiles lie in the row and the group's outputs.
                unsafe {
                    while o + OUTPUTS <= self.outputs {
                        self.tile::<V, OUTPUTS>(first, pixels, group, o);
                        o += OUTPUTS;
                    }
                    while o < self.outputs {
                        self.tile::<V, 1>(first, pixels, group, o);
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
    unsafe fn tile<V: Fused, const R: usize>(&self, first: usize, pixels: usize, group: usize, o: usize) {
        let horizontal = &self.job.shape.horizontal;
        let (x_pitch, y_pitch) = (self.job.operands.x.pitch(), self.job.operands.y.pitch());
        // SAFETY: as the caller promises; sources are inside the input.
        unsafe {
            let mut sums = [[V::splat(0.0); R]; PIXELS];
            self.rows(|tap, x| {
                let x = x.wrapping_add(group * self.depth);
                for k in 0..horizontal.kernel {
                    // All pixels of the tile have this tap, or none.
                    let at = (first + horizontal.pad) as isize - (k * horizontal.dilation) as isize;
                    if at % horizontal.stride as isize != 0 {
                        continue;
                    }
                    let ix = at / horizontal.stride as isize;
                    let begin = (-ix).clamp(0, pixels as isize) as usize;
                    let end = (horizontal.input as isize - ix).clamp(begin as isize, pixels as isize) as usize;
                    let weights = self.weights(group, tap + k, o);
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
                let o = group * self.outputs + o;
                let y = self.y.add((first + t * horizontal.stride) * y_pitch + o);
                for (r, sum) in sums.iter().enumerate() {
                    *y.add(r) = self.bias(o + r) + sum.reduce(|a, b| a + b);
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
