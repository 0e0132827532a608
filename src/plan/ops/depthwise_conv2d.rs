//! Depthwise convolution, NHWC: each channel has a kernel of its own and gives one channel.
//!
//! Inputs: `x [N, H, W, C]`, rows; `weights [kh·kw, C′]` with `C′` = C rounded up to 16 and zeros past C; `bias [C′]`
//! or none, both dense, in the weights section; `residual`, shaped as the output, rows, or none.
//! Output: `y [N, OH, OW, C]`, rows; it may be the residual, and overlap x by rows. Sizes: see [`super::conv2d`].
use crate::rules::{self, PANEL, Window};
use crate::{Activation, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Kernel height and width.
        pub kernel: [u32; 2],
        /// Vertical and horizontal stride.
        pub stride: [u32; 2],
        /// Vertical and horizontal dilation.
        pub dilation: [u32; 2],
        /// Zero padding: top, left, bottom, right.
        pub pad: [u32; 4],
        /// Applied last.
        pub activation: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[3];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 2..=4, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_f32(operands, 0)?);
    rules::rows(&x)?;
    let [n, _, _, c] = rules::nhwc(&x)?;
    let [vertical, horizontal] =
        Window::pair(rules::nhwc(&x)?, params.kernel, params.stride, params.dilation, params.pad);
    rules::output_nhwc(&y, n, vertical.output()?, horizontal.output()?, c)?;
    let weights = rules::input(operands, 1)?;
    rules::weights(&weights)?;
    let taps = params.kernel[0].checked_mul(params.kernel[1]).ok_or(OpError::Params)?;
    rules::has_dims(&weights, &[taps, c.next_multiple_of(PANEL as u32)])?;
    if let Some(bias) = operands.input(2) {
        rules::packed(&bias, Some(u64::from(c).next_multiple_of(PANEL)))?;
    }
    rules::residual(operands, 3, &y)?;
    params.activation.check()
}
