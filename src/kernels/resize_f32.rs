//! Resampling of the height and width of NHWC f32 tensors, as ONNX's Resize defines it.
//!
//! Coordinates and weights are computed in f32, each operation rounded once: ties of the nearest mode fall where they
//! fall in other runtimes. Every instruction set gives the same bits.

#[cfg(test)]
mod tests;
mod walk;
mod weights;

use core::ops::Range;

use crate::parallel::{grid, share};
use crate::{Isa, Parallel, Rows, RowsMut};

crate::kernels! { ResizeKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// Rounding of a coordinate to the nearest pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Nearest, ties down.
    PreferFloor,
    /// Nearest, ties up.
    PreferCeil,
    /// Down.
    Floor,
    /// Up.
    Ceil,
}

/// How a value is made of its neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// One neighbour.
    Nearest(Rounding),
    /// Two by two neighbours.
    Linear,
    /// Four by four neighbours; the cubic's coefficient.
    Cubic(f32),
}

/// Which source coordinate an output coordinate x stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// (x + 1/2)/scale − 1/2
    HalfPixel,
    /// x/scale
    Asymmetric,
    /// x·(input − 1)/(output − 1)
    AlignCorners,
    /// As half pixel, 0 where the output size is 1.
    PytorchHalfPixel,
}

/// Resampling along one dimension.
#[derive(Clone, Copy, Debug)]
pub struct Scaling {
    /// Length of the input.
    pub input: usize,
    /// Length of the output.
    pub output: usize,
    /// Output length by input length, or what the model says instead.
    pub scale: f32,
    /// Where output elements lie in the input.
    pub coordinates: Coordinates,
}

/// Sizes and mode of a resampling.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How values are made.
    pub mode: Mode,
    /// Number of images.
    pub batch: usize,
    /// The height.
    pub vertical: Scaling,
    /// The width.
    pub horizontal: Scaling,
    /// Number of channels.
    pub channels: usize,
}

/// Operands that fit their shape.
struct Job<'a> {
    shape: &'a Shape,
    x: Rows<'a, f32>,
    y: &'a RowsMut<'a, f32>,
}

/// A resampling for one instruction set.
#[derive(Debug)]
pub struct ResizeKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Computes output rows, counted over all images.
    ///
    /// Safety: the rows lie in the job's shape, nothing else accesses them, and the processor has the instruction set.
    run: unsafe fn(job: &Job<'_>, rows: Range<usize>),
}

impl ResizeKernel {
    /// y = resampled x; pixels are rows of channels.
    ///
    /// # Panics
    /// If the operands do not have the sizes that `shape` tells, or the input is empty and the output is not.
    pub fn apply(&self, shape: &Shape, x: Rows<'_, f32>, y: &mut RowsMut<'_, f32>, parallel: &dyn Parallel) {
        let Shape { mode, batch, vertical, horizontal, channels } = *shape;
        let (rows, width) = (batch * vertical.output, horizontal.output);
        assert!(x.rows() == batch * vertical.input * horizontal.input && x.cols() == channels, "the shape's input");
        assert!(y.rows() == rows * width && y.cols() == channels, "the shape's output");
        assert!(y.rows() <= 1 || y.pitch() >= channels, "output pixels do not overlap");
        assert!(y.rows() == 0 || x.rows() > 0, "an input to take pixels from");
        let job = Job { shape, x, y };
        let taps = match mode {
            Mode::Nearest(_) => 1,
            Mode::Linear => 4,
            Mode::Cubic(_) => 16,
        };
        let (tasks, _) = grid(rows, 1, (rows * width * channels).saturating_mul(taps), parallel.threads());
        // SAFETY: the shares are rows of the shape that no other task has, and the operands fit it.
        parallel.run(tasks, &|task| unsafe { (self.run)(&job, share(rows, 1, task, tasks)) });
    }
}
