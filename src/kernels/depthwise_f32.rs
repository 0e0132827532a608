//! Depthwise f32 convolution of NHWC tensors: every channel has a kernel of its own.
//!
//! Vectors lie along the channels. Sums begin with the bias and add the taps in order, so that a result depends on
//! the instruction set (some round a multiply-add once) but on neither the place in a tile nor the threads.

#[cfg(test)]
mod tests;
mod tile;

use core::ops::Range;

use crate::activation::Function;
use crate::activation_f32::ActivationKernel;
use crate::parallel::{grid, share};
use crate::window::Axis;
use crate::{Isa, Parallel, Rows, RowsMut};

crate::kernels! { DepthwiseKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// Channels of a panel: weights and bias are padded to whole ones.
pub const PANEL: usize = 16;

/// Bytes of input that a block of output rows reads, so that neighbouring panels find their cache lines near.
const BLOCK_BYTES: usize = 256 << 10;

/// Sizes of a depthwise convolution.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Number of images.
    pub batch: usize,
    /// How the kernel slides over the height.
    pub vertical: Axis,
    /// How the kernel slides over the width.
    pub horizontal: Axis,
    /// Number of channels.
    pub channels: usize,
}

/// What a run reads and writes; pixels are rows of channels.
#[derive(Debug)]
pub struct Operands<'a> {
    /// Input pixels.
    pub x: Rows<'a, f32>,
    /// Taps by channels, rounded up to [`PANEL`].
    pub weights: &'a [f32],
    /// A number for each channel, rounded up to [`PANEL`].
    pub bias: Option<&'a [f32]>,
    /// Added before the function; may be the output.
    pub residual: Option<Rows<'a, f32>>,
    /// Output pixels.
    pub y: RowsMut<'a, f32>,
}

/// Operands that fit their shape, and the bounds of the results.
struct Job<'a> {
    shape: &'a Shape,
    operands: &'a Operands<'a>,
    low: f32,
    high: f32,
}

/// A depthwise convolution for one instruction set.
#[derive(Debug)]
pub struct DepthwiseKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Computes output rows, counted over all images, of some channels that begin with a panel.
    ///
    /// Safety: the ranges lie in the job's shape, nothing else accesses these outputs, and the processor has the
    /// instruction set.
    run: unsafe fn(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>),
}

impl DepthwiseKernel {
    /// y = f(Σ x·w + bias + residual). `activation` is the kernel that applies `f` where it is no clamp.
    ///
    /// # Panics
    /// If the operands do not have the sizes that `shape` tells.
    pub fn apply(
        &self,
        shape: &Shape,
        operands: &Operands<'_>,
        f: &Function,
        activation: &ActivationKernel,
        parallel: &dyn Parallel,
    ) {
        check(shape, operands);
        let (low, high) = f.as_clamp().unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let job = Job { shape, operands, low, high };
        let finish = f.as_clamp().is_none().then_some((f, activation));
        let rows = shape.batch * shape.vertical.output;
        let width = shape.horizontal.output;
        let work = (rows * width * shape.channels).saturating_mul(shape.vertical.kernel * shape.horizontal.kernel);
        let (row_tasks, panel_tasks) = grid(rows, shape.channels.div_ceil(PANEL), work, parallel.threads());
        let row_bytes = (shape.horizontal.input * size_of::<f32>()).saturating_mul(shape.channels);
        let block = (BLOCK_BYTES / row_bytes.saturating_mul(shape.vertical.stride).max(1)).max(1);
        parallel.run(row_tasks * panel_tasks, &|task| {
            let channels = share(shape.channels, PANEL, task % panel_tasks, panel_tasks);
            let rows = share(rows, 1, task / panel_tasks, row_tasks);
            for first in rows.clone().step_by(block) {
                let block = first..(first + block).min(rows.end);
                // SAFETY: the shares are ranges of the shape that no other task has, and the operands fit it.
                unsafe {
                    (self.run)(&job, block.clone(), channels.clone());
                    if let Some((f, activation)) = finish {
                        let pixels = block.start * width..block.end * width;
                        activation.apply_to_part(f, &operands.y, pixels, channels.clone());
                    }
                }
            }
        });
    }
}

fn check(shape: &Shape, operands: &Operands<'_>) {
    let Shape { batch, vertical, horizontal, channels } = *shape;
    let (inputs, outputs) = (batch * vertical.input * horizontal.input, batch * vertical.output * horizontal.output);
    let padded = channels.next_multiple_of(PANEL);
    let Operands { x, weights, bias, residual, y } = operands;
    assert!(x.rows() == inputs && x.cols() == channels, "the input has the shape's pixels");
    assert!(y.rows() == outputs && y.cols() == channels, "the output has the shape's pixels");
    assert!(y.rows() <= 1 || y.pitch() >= channels, "output pixels do not overlap");
    assert_eq!(weights.len(), vertical.kernel * horizontal.kernel * padded, "weights are padded to whole panels");
    assert!(bias.is_none_or(|bias| bias.len() == padded), "the bias is padded to whole panels");
    let fits = |r: &Rows<'_, f32>| r.rows() == outputs && r.cols() == channels;
    assert!(residual.as_ref().is_none_or(fits), "the residual has the output's pixels");
}
