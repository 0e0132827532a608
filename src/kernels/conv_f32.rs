//! Two-dimensional f32 convolution, NHWC, without patch buffers.
//!
//! Weights lie, for each group, in panels of 16 output channels, each `[kernel_h][kernel_w][C/groups][16]`: see
//! [`gemm_f32`](crate::gemm_f32), whose micro-kernels do the work and whose bounds of errors hold, K being
//! kernel_h · kernel_w · C/groups. Padding counts as elements that are 0.

mod direct;
#[cfg(test)]
mod tests;

use crate::activation::Function;
use crate::gemm_f32::{Gemm, GemmKernel, PANEL, Store, packed_len, split};
use crate::parallel::Parallel;
use crate::window::Axis;
use crate::{Rows, RowsMut};

/// Sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Number of images.
    pub batch: usize,
    /// How the kernel slides over the height.
    pub vertical: Axis,
    /// How the kernel slides over the width.
    pub horizontal: Axis,
    /// C.
    pub channels: usize,
    /// O.
    pub outputs: usize,
    /// Number of groups.
    pub groups: usize,
}

/// Operands of a convolution beside its output `y [N, OH, OW, O]`.
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a> {
    /// Sizes.
    pub shape: Shape,
    /// `[N, H, W, C]`, as rows of channels.
    pub x: Rows<'a, f32>,
    /// Packed weights.
    pub w: &'a [f32],
    /// O/groups elements of each group, padded to whole panels; or none.
    pub bias: Option<&'a [f32]>,
    /// `[N, OH, OW, O]`, as rows of channels; it may coincide with `y`. Or none.
    pub residual: Option<Rows<'a, f32>>,
    /// Applied last.
    pub activation: Function,
}

impl Shape {
    /// Elements of each sum.
    fn depth(&self) -> usize {
        self.vertical.kernel * self.horizontal.kernel * (self.channels / self.groups)
    }

    /// Output pixels.
    pub(crate) fn pixels(&self) -> usize {
        self.batch * self.vertical.output * self.horizontal.output
    }

    /// Panels of a group.
    pub(crate) fn group_panels(&self) -> usize {
        (self.outputs / self.groups).div_ceil(PANEL)
    }

    /// Whether each output pixel sees the input pixel of the same index.
    pub(crate) fn is_pointwise(&self) -> bool {
        let is_pointwise = |a: &Axis| a.kernel == 1 && a.stride == 1 && a.pad == 0 && a.output == a.input;
        is_pointwise(&self.vertical) && is_pointwise(&self.horizontal) && self.groups == 1
    }
}

impl Conv<'_> {
    /// Computes `y`, as rows of channels.
    ///
    /// # Panics
    /// If sizes or lengths do not match.
    pub fn run(&self, kernel: &GemmKernel, y: &mut RowsMut<'_, f32>, parallel: &dyn Parallel) {
        let s = &self.shape;
        self.check(y);
        if s.is_pointwise() {
            let Conv { x, w, bias, residual, activation, .. } = *self;
            return kernel.run(&Gemm { x, w, bias, residual, alpha: 1.0, activation }, y, parallel);
        }
        let clamp = self.activation.as_clamp();
        let (low, high) = clamp.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let store = Store {
            alpha: 1.0,
            bias: self.bias.map_or(core::ptr::null(), <[f32]>::as_ptr),
            residual: self.residual.map_or(core::ptr::null(), |r| r.as_ptr()),
            residual_pitch: self.residual.map_or(0, |r| r.pitch() as isize),
            y: y.as_ptr(),
            y_pitch: y.pitch() as isize,
            cols: s.outputs / s.groups,
            low,
            high,
        };
        let activation = if clamp.is_some() { None } else { Some(self.activation) };
        let job = direct::Job::new(kernel, s, &self.x, self.w.as_ptr(), store, activation);
        split([s.pixels(), s.depth(), s.groups * s.group_panels()], parallel, &|part| {
            // SAFETY: the views and slices cover what the sizes tell, as just checked; `y` is borrowed mutably and
            // overlaps no input but a residual that coincides with it; parts write different elements of it. Owning
            // a kernel selected from a set of instruction sets proves that the processor has it.
            unsafe { job.run(part) }
        });
    }

    fn check(&self, y: &RowsMut<'_, f32>) {
        let (s, groups) = (&self.shape, self.shape.groups);
        let (v, h) = (&s.vertical, &s.horizontal);
        assert!(groups > 0 && s.channels.is_multiple_of(groups) && s.outputs.is_multiple_of(groups), "groups of {s:?}");
        assert!(s.depth() > 0 && v.stride > 0 && h.stride > 0, "kernel of {s:?}");
        assert!(self.x.rows() == s.batch * v.input * h.input && self.x.cols() == s.channels, "input of {s:?}");
        assert!(y.rows() == s.pixels() && y.cols() == s.outputs, "output of {s:?}");
        let of_group = s.outputs / groups;
        assert!(groups * packed_len(s.depth(), of_group) <= self.w.len(), "weights of {s:?}");
        let bias = groups * of_group.next_multiple_of(PANEL);
        assert!(self.bias.is_none_or(|b| bias <= b.len()), "bias of {s:?}");
        assert!(self.residual.is_none_or(|r| r.rows() == y.rows() && r.cols() == s.outputs), "residual of {s:?}");
    }
}
