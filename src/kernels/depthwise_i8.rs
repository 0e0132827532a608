//! Depthwise convolution of 8-bit NHWC tensors: every channel has a kernel of its own.
//!
//! S = bias + Σ x·(w − w_zero) over all elements of the kernel, x being bytes and `x_zero` in the padding, in 32 bits,
//! wrapping; then as [`requantize`](crate::requantize) says. Sums are exact, so all kernels give the same bytes, however
//! the work is split.

#[cfg(target_arch = "aarch64")]
mod a64;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod lanes;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[allow(clippy::needless_range_loop, reason = "quarters, rows and columns number several arrays")]
mod plain;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[allow(clippy::needless_range_loop, reason = "quarters, rows and columns number several arrays")]
mod strip;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[allow(clippy::needless_range_loop, reason = "quarters, rows and columns number several arrays")]
mod sweep;
#[cfg(test)]
mod tests;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod walk;

use core::ops::Range;

pub use crate::depthwise_f32::{PANEL, Shape};
use crate::parallel::{grid, share};
use crate::requantize::Epilogue;
use crate::table::ENTRIES;
use crate::{Isa, Parallel, Rows, RowsMut};

crate::kernels! { DepthwiseKernel:
    #[cfg(target_arch = "x86_64")] avx512vnni;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neoni8mm;
    #[cfg(target_arch = "aarch64")] neondot;
    #[cfg(target_arch = "aarch64")] neon;
    #[cfg(all(target_arch = "arm", feature = "dsp"))] dsp;
    generic;
}

/// Rows of a kernel whose weights lie side by side.
pub const QUAD: usize = 4;

/// Bytes of input that a block of output rows reads, so that neighbouring channels find their cache lines near.
const BLOCK_BYTES: usize = 256 << 10;

/// What a run reads and writes; pixels are rows of channels.
#[derive(Debug)]
pub struct Operands<'a> {
    /// Input pixels.
    pub x: Rows<'a, u8>,
    /// What the padding holds.
    pub x_zero: u8,
    /// `[⌈kernel_h/4⌉][kernel_w][C′][4]`, C′ being the channels rounded up to [`PANEL`] and the last index running over
    /// kernel rows, with zeros past the last.
    pub weights: &'a [i8],
    /// Zero point of the weights; 0 for symmetric ones.
    pub w_zero: i32,
    /// What becomes of the sums; bias and multiplier have C′ elements. The residual may be the output.
    pub epilogue: Epilogue<'a>,
    /// Output pixels.
    pub y: RowsMut<'a, u8>,
}

/// Operands that fit their shape.
struct Job<'a> {
    shape: &'a Shape,
    operands: &'a Operands<'a>,
}

/// A depthwise convolution for one instruction set.
#[derive(Debug)]
pub struct DepthwiseKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Computes output rows, counted over all images, of some channels that begin with a panel; not yet looked up in a
    /// table.
    ///
    /// Safety: the ranges lie in the job's shape, nothing else accesses these outputs, and the processor has the
    /// instruction set.
    run: unsafe fn(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>),
}

impl DepthwiseKernel {
    /// Computes `operands.y`.
    ///
    /// # Panics
    /// If the operands do not have the sizes that `shape` tells.
    pub fn apply(&self, shape: &Shape, operands: &Operands<'_>, parallel: &dyn Parallel) {
        check(shape, operands);
        let job = Job { shape, operands };
        let table = operands.epilogue.table.and_then(|table| table.try_into().ok());
        let rows = shape.batch * shape.vertical.output;
        let elements = rows * shape.horizontal.output * shape.channels;
        let work = elements.saturating_mul(shape.vertical.kernel * shape.horizontal.kernel);
        let (row_tasks, panel_tasks) = grid(rows, shape.channels.div_ceil(PANEL), work, parallel.threads());
        let row_bytes = shape.horizontal.input.saturating_mul(shape.channels);
        let block = (BLOCK_BYTES / row_bytes.saturating_mul(shape.vertical.stride).max(1)).max(1);
        parallel.run(row_tasks * panel_tasks, &|task| {
            let channels = share(shape.channels, PANEL, task % panel_tasks, panel_tasks);
            let rows = share(rows, 1, task / panel_tasks, row_tasks);
            for first in rows.clone().step_by(block) {
                // SAFETY: the shares are ranges of the shape that no other task has, and the operands fit it. Owning a
                // kernel selected from a set of instruction sets proves that the processor has it.
                unsafe {
                    let rows = first..(first + block).min(rows.end);
                    (self.run)(&job, rows.clone(), channels.clone());
                    if let Some(table) = table {
                        job.look_up(table, rows, channels.clone());
                    }
                }
            }
        });
    }
}

impl Job<'_> {
    /// Replaces finished bytes by those of a table.
    ///
    /// # Safety
    /// The ranges lie in the shape, nothing else accesses these outputs, and the processor has the instruction set of
    /// the table's kernel.
    unsafe fn look_up(&self, table: &[u8; ENTRIES], rows: Range<usize>, channels: Range<usize>) {
        let (y, width) = (&self.operands.y, self.shape.horizontal.output);
        let (mut pixels, mut len) = (rows.len() * width, channels.len());
        if y.pitch() == len {
            (pixels, len) = (1, pixels * len);
        }
        for pixel in 0..pixels {
            // SAFETY: these are channels of a pixel of the rows, or all channels of all.
            unsafe {
                let y = y.as_ptr().add((rows.start * width + pixel) * y.pitch() + channels.start);
                (self.operands.epilogue.look_up.line)(table, y, y, len);
            }
        }
    }
}

fn check(shape: &Shape, operands: &Operands<'_>) {
    let Shape { batch, vertical, horizontal, channels } = *shape;
    let (inputs, outputs) = (batch * vertical.input * horizontal.input, batch * vertical.output * horizontal.output);
    let padded = channels.next_multiple_of(PANEL);
    let Operands { x, weights, epilogue, y, .. } = operands;
    assert!(x.rows() == inputs && x.cols() == channels, "the input has the shape's pixels");
    assert!(y.rows() == outputs && y.cols() == channels, "the output has the shape's pixels");
    assert!(y.rows() <= 1 || y.pitch() >= channels, "output pixels do not overlap");
    let quads = vertical.kernel.div_ceil(QUAD) * horizontal.kernel;
    assert!(quads > 0 && weights.len() == quads * padded * QUAD, "weights are padded to whole panels and quads");
    assert!(epilogue.fits(padded, outputs, channels), "what follows the sums fits the output");
}
