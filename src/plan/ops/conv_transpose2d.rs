//! Transposed convolution, NHWC.
//!
//! Inputs: `x [N, H, W, C]`, rows; `weights [groups, kh, kw, O/groups, C/groups]` and `bias [O]` or none, dense, in
//! the weights section. Output: `y [N, OH, OW, O]`, rows, with all but N at least 1 and
//! OH = stride·(H − 1) + output_pad + dilation·(kernel − 1) + 1 − pad.top − pad.bottom.
use crate::rules::{self, Window};
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
        /// Rows and columns cut off the result: top, left, bottom, right.
        pub pad: [u32; 4],
        /// Extra rows and columns at the bottom and right.
        pub output_pad: [u32; 2],
        /// Number of groups.
        pub groups: u32,
        /// Applied last.
        pub activation: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 2..=3, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_f32(operands, 0)?);
    rules::rows(&x)?;
    let [n, _, _, c] = rules::nhwc(&x)?;
    let [vertical, horizontal] =
        Window::pair(rules::nhwc(&x)?, params.kernel, params.stride, params.dilation, params.pad);
    let o = rules::nhwc(&y)?[3];
    let [extra_h, extra_w] = params.output_pad;
    rules::output_nhwc(&y, n, vertical.transposed(extra_h)?, horizontal.transposed(extra_w)?, o)?;
    let groups = params.groups;
    rules::ensure(groups > 0 && c.is_multiple_of(groups) && o.is_multiple_of(groups), OpError::Shape)?;
    let weights = rules::input(operands, 1)?;
    rules::weights(&weights)?;
    rules::has_dims(&weights, &[groups, params.kernel[0], params.kernel[1], o / groups, c / groups])?;
    if let Some(bias) = operands.input(2) {
        rules::packed(&bias, Some(u64::from(o)))?;
    }
    params.activation.check()
}
