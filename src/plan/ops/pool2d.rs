//! Maximum or average over windows, NHWC. Input `x [N, H, W, C]`, output `y [N, OH, OW, C]`, both f32 with rows of any
//! pitch, all but N at least 1; y may overlap x by rows ([`crate::overlap`]).
//!
//! OH = (H + pad.top + pad.bottom − dilation·(kernel − 1) − 1) / stride + 1, rounded down, or with `ceil` rounded up,
//! where windows that would begin at H + pad.top or later do not count; OW likewise. Every padding is less than the
//! kernel's extent, dilation·(kernel − 1) + 1, which must fit into the padded input; a window has at most
//! [`MAX_WINDOW`] elements.
use crate::rules::{self, Window};
use crate::tensor::Tensor;
use crate::{Activation, OpError, Operands, field_enum, params};

field_enum! {
    /// What is taken of a window.
    pub enum Kind {
        /// The greatest; padding does not take part.
        Max = 0,
        /// The mean over the elements that are not padding.
        Average = 1,
        /// The mean over the whole window, padding counted as zeros; positions past bottom/right padding
        /// (ceil mode) do not count.
        AverageWithPad = 2,
    }
}

params! {
    /// Parameters.
    pub struct Params {
        /// What is taken.
        pub kind: Kind,
        /// Window height and width.
        pub kernel: [u32; 2],
        /// Vertical and horizontal stride.
        pub stride: [u32; 2],
        /// Vertical and horizontal dilation.
        pub dilation: [u32; 2],
        /// Padding: top, left, bottom, right.
        pub pad: [u32; 4],
        /// Whether OH and OW are rounded up (every window still begins before H + pad.top and W + pad.left).
        pub ceil: bool,
        /// Applied last.
        pub activation: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

/// Most elements of a window.
pub const MAX_WINDOW: u32 = 1 << 24;

/// Shapes of input and output, and limits of the windows.
pub(super) fn check_windows(
    x: &Tensor,
    y: &Tensor,
    kernel: [u32; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
    pad: [u32; 4],
    ceil: bool,
) -> Result<(), OpError> {
    rules::rows(x)?;
    let [n, _, _, c] = rules::nhwc(x)?;
    let elements = kernel[0].checked_mul(kernel[1]);
    rules::ensure(elements.is_some_and(|count| count <= MAX_WINDOW), OpError::Params)?;
    let mut sizes = [0; 2];
    for (size, window) in sizes.iter_mut().zip(Window::pair(rules::nhwc(x)?, kernel, stride, dilation, pad)) {
        let extent = window.extent()?;
        rules::ensure(window.pad.iter().all(|&pad| u64::from(pad) < extent), OpError::Params)?;
        *size = if ceil { window.output_ceil()? } else { window.output()? };
    }
    rules::output_nhwc(y, n, sizes[0], sizes[1], c)
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=1, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_f32(operands, 0)?);
    let Params { kernel, stride, dilation, pad, ceil, .. } = *params;
    check_windows(&x, &y, kernel, stride, dilation, pad, ceil)?;
    params.activation.check()
}
