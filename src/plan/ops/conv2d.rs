//! Two-dimensional convolution, NHWC. A one-dimensional one has height 1.
//!
//! Inputs: `x [N, H, W, C]`, rows; `weights`: one dimension, packed (see below), in the weights section; `bias`: one
//! dimension, packed, likewise, or none; `residual`, shaped as the output, rows, or none. Output: `y [N, OH, OW, O]`,
//! rows of any pitch; it may be the residual, and overlap x by rows ([`crate::overlap`]). H, W, C, OH, OW and O are at
//! least 1.
//!
//! y = activation(Σ x·w + bias), and with a residual y = activation(Σ x·w + bias + residual).
//! OH = (H + pad.top + pad.bottom − dilation·(kernel − 1) − 1) / stride + 1, rounded down; OW likewise.
//! The kernel must fit into the padded input; padded length, kernel extent and stride sum up to less than 2³¹.
//!
//! Packed f32 weights, for each group the panels of 16 output channels one after another, each panel
//! `[kernel_h][kernel_w][C/groups][16]`, channels past the last being zero; bias is padded to the panels
//! of each group likewise. The number of weights is `groups · ceil(O/groups/16) · 16 · kh · kw · C/groups`
//! ([`packed_len`]), that of biases `groups · ceil(O/groups/16) · 16` ([`packed_bias_len`]).
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
        /// Number of groups.
        pub groups: u32,
        /// Applied last.
        pub activation: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[3];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

/// Length of the packed weights of O outputs and C inputs in so many groups; `None` on overflow or when the
/// groups do not divide the channels.
pub fn packed_len(outputs: u32, inputs: u32, groups: u32, kernel: [u32; 2]) -> Option<u64> {
    let taps = u64::from(kernel[0]).checked_mul(u64::from(kernel[1]))?;
    let depth = u64::from(inputs.checked_div(groups)?);
    packed_bias_len(outputs, groups)?.checked_mul(taps)?.checked_mul(depth).filter(|_| inputs.is_multiple_of(groups))
}

/// Length of the packed bias; `None` when the groups do not divide the outputs.
pub fn packed_bias_len(outputs: u32, groups: u32) -> Option<u64> {
    let of_group = u64::from(outputs.checked_div(groups)?).next_multiple_of(PANEL);
    outputs.is_multiple_of(groups).then_some(u64::from(groups) * of_group)
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 2..=4, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_f32(operands, 0)?);
    rules::rows(&x)?;
    let [n, _, _, c] = rules::nhwc(&x)?;
    let [vertical, horizontal] =
        Window::pair(rules::nhwc(&x)?, params.kernel, params.stride, params.dilation, params.pad);
    let o = rules::nhwc(&y)?[3];
    rules::output_nhwc(&y, n, vertical.output()?, horizontal.output()?, o)?;
    rules::packed(&rules::input(operands, 1)?, packed_len(o, c, params.groups, params.kernel))?;
    if let Some(bias) = operands.input(2) {
        rules::packed(&bias, packed_bias_len(o, params.groups))?;
    }
    rules::residual(operands, 3, &y)?;
    params.activation.check()
}
