//! Maximum and average over windows of NHWC f32 tensors.
//!
//! Every instruction set gives the same bits: vectors lie along the channels, and the elements of a window are
//! combined in order, in sums first along its rows. NaN does not take part in a maximum. A window without any element
//! of the input has the maximum −∞ and the average 0.

#[cfg(test)]
mod tests;
mod window;

use core::ops::Range;

use crate::activation::Function;
use crate::activation_f32::ActivationKernel;
use crate::parallel::{grid, share};
use crate::window::Axis;
use crate::{Isa, Parallel, Rows, RowsMut};

crate::kernels! { PoolKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// Channels that threads share out together: a cache line.
const PANEL: usize = 16;

/// What is taken of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The greatest element of the input.
    Max,
    /// The mean of the elements of the input.
    Average,
    /// The sum of the elements of the input, divided by the number of positions inside the input and its padding.
    AverageWithPad,
}

/// Sizes and kind of a pooling.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What is taken.
    pub kind: Kind,
    /// Number of images.
    pub batch: usize,
    /// How the window slides over the height.
    pub vertical: Axis,
    /// How the window slides over the width.
    pub horizontal: Axis,
    /// Padding after the input: bottom, right.
    pub pad_after: [usize; 2],
    /// Number of channels.
    pub channels: usize,
}

/// The windows of one output row.
pub(crate) struct Row<'a> {
    shape: &'a Shape,
    /// The first input row's first pixel, counted over all images.
    first: usize,
    /// Rows of a window inside the input.
    rows: usize,
    /// Rows of a window inside the input and its padding.
    padded_rows: usize,
}

/// The elements of a window that lie inside the input.
pub(crate) struct Inside {
    /// The first one's pixel, counted over all images; 0 where there are none.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl Shape {
    /// Most elements of a window that can lie inside the input.
    pub(crate) fn most_inside(&self) -> usize {
        let most = |axis: &Axis| axis.kernel.min(axis.input);
        most(&self.vertical) * most(&self.horizontal)
    }

    /// The windows of output row `row`, counted over all images.
    pub(crate) fn row(&self, row: usize) -> Row<'_> {
        let axis = &self.vertical;
        let (image, o) = (row / axis.output, row % axis.output);
        let taps = axis.taps(o);
        let within = axis.first(o) + (taps.start * axis.dilation) as isize;
        let first = if taps.is_empty() { 0 } else { image * axis.input + within as usize };
        let padded_rows = padded(axis, self.pad_after[0], o);
        Row { shape: self, first: first * self.horizontal.input, rows: taps.len(), padded_rows }
    }
}

/// Elements of window `o` that lie in the input and its padding, of which `after` are behind it.
fn padded(axis: &Axis, after: usize, o: usize) -> usize {
    Axis { input: axis.input + axis.pad + after, pad: 0, ..*axis }.taps(o).len()
}

impl Row<'_> {
    /// The window at place `ox`.
    #[inline(always)]
    pub(crate) fn inside(&self, ox: usize) -> Inside {
        let axis = &self.shape.horizontal;
        let taps = axis.taps(ox);
        if self.rows == 0 || taps.is_empty() {
            return Inside { first: 0, rows: 0, cols: 0 };
        }
        let within = axis.first(ox) + (taps.start * axis.dilation) as isize;
        Inside { first: self.first + within as usize, rows: self.rows, cols: taps.len() }
    }

    /// By what the sum of the window at place `ox` is divided, of which `inside` elements lie inside the input.
    #[inline(always)]
    pub(crate) fn divisor(&self, ox: usize, inside: usize) -> f32 {
        let positions = match self.shape.kind {
            Kind::AverageWithPad => self.padded_rows * padded(&self.shape.horizontal, self.shape.pad_after[1], ox),
            _ => inside,
        };
        positions.max(1) as f32
    }
}

/// Operands that fit their shape, and the bounds of the results.
struct Job<'a> {
    shape: &'a Shape,
    x: Rows<'a, f32>,
    y: &'a RowsMut<'a, f32>,
    low: f32,
    high: f32,
}

/// A pooling for one instruction set.
#[derive(Debug)]
pub struct PoolKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Computes output rows, counted over all images, of some channels.
    ///
    /// Safety: the ranges lie in the job's shape, nothing else accesses these outputs, and the processor has the
    /// instruction set.
    run: unsafe fn(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>),
}

impl PoolKernel {
    /// y = f(pooled x); pixels are rows of channels. `activation` is the kernel that applies `f` where it is no
    /// clamp.
    ///
    /// # Panics
    /// If the operands do not have the sizes that `shape` tells.
    pub fn apply(
        &self,
        shape: &Shape,
        x: Rows<'_, f32>,
        y: &mut RowsMut<'_, f32>,
        f: &Function,
        activation: &ActivationKernel,
        parallel: &dyn Parallel,
    ) {
        let Shape { batch, vertical, horizontal, channels, .. } = *shape;
        let (rows, width) = (batch * vertical.output, horizontal.output);
        let inputs = batch * vertical.input * horizontal.input;
        assert!(x.rows() == inputs && x.cols() == channels, "the input has the shape's pixels");
        assert!(y.rows() == rows * width && y.cols() == channels, "the output has the shape's pixels");
        assert!(y.rows() <= 1 || y.pitch() >= channels, "output pixels do not overlap");
        let (low, high) = f.as_clamp().unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let job = Job { shape, x, y, low, high };
        let work = (rows * width * channels).saturating_mul(shape.most_inside());
        let (row_tasks, panel_tasks) = grid(rows, channels.div_ceil(PANEL), work, parallel.threads());
        parallel.run(row_tasks * panel_tasks, &|task| {
            let channels = share(channels, PANEL, task % panel_tasks, panel_tasks);
            for row in share(rows, 1, task / panel_tasks, row_tasks) {
                // SAFETY: the shares are ranges of the shape that no other task has, and the operands fit it.
                unsafe {
                    (self.run)(&job, row..row + 1, channels.clone());
                    if f.as_clamp().is_none() {
                        let pixels = row * width..(row + 1) * width;
                        activation.apply_to_part(f, job.y, pixels, channels.clone());
                    }
                }
            }
        });
    }
}
