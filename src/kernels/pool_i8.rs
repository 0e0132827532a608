//! Maximum and average over windows of NHWC tensors of bytes.
//!
//! Max: y = clamp(greatest x, low, high). Average: with S the exact sum of x − x_zero over the window's elements inside
//! the input, modulo 2³², and n their number or that of the positions inside the input and its padding, y =
//! clamp(rne(f32(S) · (scale / f32(n))) + zero, low, high); or, where x has a scale of its own, with R the sum of f32(x −
//! x_zero) · x_scale, one element after the other, row by row, in f32, y = clamp(rne(R / f32(n) / scale) + zero, low,
//! high). A window without any element of the input has the maximum `low` and the average 0.

#[cfg(test)]
mod tests;
mod window;

use core::ops::Range;

use crate::parallel::{grid, share};
use crate::requantize::Requantize;
use crate::{Isa, Parallel, Rows, RowsMut};

pub use crate::pool_f32::{Kind, Shape};

crate::kernels! { PoolKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// Channels that threads share out together: a cache line.
const PANEL: usize = 64;

/// What becomes of a window.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Scale of x over that of y, or that of y where x has its own; not used by maxima.
    pub scale: f32,
    /// Scale of x where real numbers are added; 0 where sums are exact. Not used by maxima.
    pub x_scale: f32,
    /// Zero point of x; not used by maxima.
    pub x_zero: u8,
    /// Quantization and bounds of y; of a maximum the bounds alone.
    pub requantize: Requantize,
}

/// Operands that fit their shape.
struct Job<'a> {
    shape: &'a Shape,
    how: &'a Scale,
    x: Rows<'a, u8>,
    y: &'a RowsMut<'a, u8>,
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
    /// y = pooled x; pixels are rows of channels.
    ///
    /// # Panics
    /// If the operands do not have the sizes that `shape` tells.
    pub fn apply(&self, shape: &Shape, how: &Scale, x: Rows<'_, u8>, y: &mut RowsMut<'_, u8>, parallel: &dyn Parallel) {
        let Shape { batch, vertical, horizontal, channels, .. } = *shape;
        let (rows, width) = (batch * vertical.output, horizontal.output);
        let inputs = batch * vertical.input * horizontal.input;
        assert!(x.rows() == inputs && x.cols() == channels, "the input has the shape's pixels");
        assert!(y.rows() == rows * width && y.cols() == channels, "the output has the shape's pixels");
        assert!(y.rows() <= 1 || y.pitch() >= channels, "output pixels do not overlap");
        let job = Job { shape, how, x, y };
        // Bytes take a quarter of the time that floats do.
        let work = (rows * width * channels).saturating_mul(shape.most_inside()) / 4;
        let (row_tasks, panel_tasks) = grid(rows, channels.div_ceil(PANEL), work, parallel.threads());
        parallel.run(row_tasks * panel_tasks, &|task| {
            let channels = share(channels, PANEL, task % panel_tasks, panel_tasks);
            // SAFETY: the shares are ranges of the shape that no other task has, and the operands fit it.
            unsafe { (self.run)(&job, share(rows, 1, task / panel_tasks, row_tasks), channels) }
        });
    }
}
