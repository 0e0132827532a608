//! Transposed f32 convolution of NHWC tensors.
//!
//! Every output element gathers the input elements that reach it: a dot product over the channels of its group for
//! each tap, added up in vectors over all taps. A result depends on the instruction set, but on neither its place in a
//! tile nor the threads.

mod gather;
#[cfg(test)]
mod tests;

use core::ops::Range;

use crate::activation::Function;
use crate::activation_f32::ActivationKernel;
use crate::parallel::{grid, share};
use crate::window::Axis;
use crate::{Isa, Parallel, Rows, RowsMut};

crate::kernels! { ConvTransposeKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// Sizes of a transposed convolution.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Number of images.
    pub batch: usize,
    /// The height: element i of the input reaches output i·stride + k·dilation − pad.
    pub vertical: Axis,
    /// The width, likewise.
    pub horizontal: Axis,
    /// Input channels.
    pub channels: usize,
    /// Output channels.
    pub outputs: usize,
    /// Groups, which divide both.
    pub groups: usize,
}

/// What a run reads and writes; pixels are rows of channels.
#[derive(Debug)]
pub struct Operands<'a> {
    /// Input pixels.
    pub x: Rows<'a, f32>,
    /// Groups by taps by outputs of a group by channels of a group.
    pub weights: &'a [f32],
    /// A number for each output channel.
    pub bias: Option<&'a [f32]>,
    /// Output pixels.
    pub y: RowsMut<'a, f32>,
}

/// Operands that fit their shape.
struct Job<'a> {
    shape: &'a Shape,
    operands: &'a Operands<'a>,
}

/// A transposed convolution for one instruction set.
#[derive(Debug)]
pub struct ConvTransposeKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Computes an output row, counted over all images, of some groups.
    ///
    /// Safety: row and groups lie in the job's shape, nothing else accesses these outputs, and the processor has the
    /// instruction set.
    run: unsafe fn(job: &Job<'_>, row: usize, groups: Range<usize>),
}

impl ConvTransposeKernel {
    /// y = f(Σ x·w + bias); `activation` is the kernel that applies `f`.
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
        let (rows, width) = (shape.batch * shape.vertical.output, shape.horizontal.output);
        let taps = shape.vertical.kernel * shape.horizontal.kernel;
        let depth = shape.channels / shape.groups;
        let work = (rows * width * shape.outputs).saturating_mul(taps).saturating_mul(depth);
        let (row_tasks, group_tasks) = grid(rows, shape.groups, work, parallel.threads());
        let outputs = shape.outputs / shape.groups;
        let job = Job { shape, operands };
        parallel.run(row_tasks * group_tasks, &|task| {
            let groups = share(shape.groups, 1, task % group_tasks, group_tasks);
            for row in share(rows, 1, task / group_tasks, row_tasks) {
                // SAFETY: the shares are ranges of the shape that no other task has, and the operands fit it.
                unsafe {
                    (self.run)(&job, row, groups.clone());
                    if !f.is_identity() {
                        let columns = groups.start * outputs..groups.end * outputs;
                        activation.apply_to_part(f, &operands.y, row * width..(row + 1) * width, columns);
                    }
                }
            }
        });
    }
}

fn check(shape: &Shape, operands: &Operands<'_>) {
    let Shape { batch, vertical, horizontal, channels, outputs, groups } = *shape;
    let Operands { x, weights, bias, y } = operands;
    let divides = |n: usize| n.is_multiple_of(groups);
    assert!(groups > 0 && divides(channels) && divides(outputs), "groups divide the channels");
    assert!(x.rows() == batch * vertical.input * horizontal.input && x.cols() == channels, "the shape's input");
    assert!(y.rows() == batch * vertical.output * horizontal.output && y.cols() == outputs, "the shape's output");
    assert!(y.rows() <= 1 || y.pitch() >= outputs, "output pixels do not overlap");
    let taps = vertical.kernel * horizontal.kernel;
    assert_eq!(weights.len(), taps * outputs * (channels / groups), "the shape's weights");
    assert!(bias.is_none_or(|bias| bias.len() == outputs), "a bias for each output channel");
}
