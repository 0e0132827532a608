//! Two-dimensional convolution of 8-bit numbers, NHWC. A one-dimensional one has height 1.
//!
//! Inputs: `x [N, H, W, C]`, u8 rows; `weights`, i8, `bias`, i32, and `multiplier`, f32: one dimension each, packed, in
//! the weights section; `residual`, u8, shaped as the output, rows, or none; `table`, u8 `[256]`, in the weights
//! section, or none. Output: `y [N, OH, OW, O]`, u8 rows of any pitch; it may be the residual, and
//! overlap x by rows. Sizes: see [`super::conv2d`].
//!
//! S = bias\[o\] + Σ x·w − w_zero·Σ x, over the window and the group's channels, where x is the stored byte, and `x_zero`
//! in the padding: the compiler has put −x_zero·Σ(w − w_zero) into the bias. Then y as [`crate::requantize`] says, and
//! where there is a table y = table\[y\].
//!
//! Packed weights: for each group the panels of 16 output channels one after another, each
//! `[kernel_h][kernel_w][D/4][16][4]`, the last index running over four neighbouring input channels, D being C/groups
//! rounded up to 4; channels past the last, on either side, are zeros ([`packed_len`]). Bias and multiplier are padded to
//! the panels of each group ([`super::conv2d::packed_bias_len`]).
use super::conv2d::packed_bias_len;
use crate::requantize::{Requantize, Residual};
use crate::rules::{self, Window};
use crate::{DType, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Kernel height and width.
        pub kernel: [u32; 2],
        /// Vertical and horizontal stride.
        pub stride: [u32; 2],
        /// Vertical and horizontal dilation.
        pub dilation: [u32; 2],
        /// Padding: top, left, bottom, right.
        pub pad: [u32; 4],
        /// Number of groups.
        pub groups: u32,
        /// Zero point of x: what the padding holds, 0..=255.
        pub x_zero: u32,
        /// Zero point of the stored weights, −128..=127; 0 for symmetric ones.
        pub w_zero: i32,
        /// Quantization and bounds of y.
        pub requantize: Requantize,
        /// How the residual is added.
        pub residual: Residual,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[4];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

/// Length of the packed weights of O outputs and C inputs in so many groups; `None` on overflow or when the
/// groups do not divide the channels.
pub fn packed_len(outputs: u32, inputs: u32, groups: u32, kernel: [u32; 2]) -> Option<u64> {
    let taps = u64::from(kernel[0]).checked_mul(u64::from(kernel[1]))?;
    let depth = u64::from(inputs.checked_div(groups)?).next_multiple_of(4);
    packed_bias_len(outputs, groups)?.checked_mul(taps)?.checked_mul(depth).filter(|_| inputs.is_multiple_of(groups))
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 4..=6, 1..=1)?;
    let x = rules::input_typed(operands, 0, DType::U8)?;
    let y = rules::output_typed(operands, 0, DType::U8)?;
    rules::rows(&x)?;
    let [n, _, _, c] = rules::nhwc(&x)?;
    let [vertical, horizontal] =
        Window::pair(rules::nhwc(&x)?, params.kernel, params.stride, params.dilation, params.pad);
    let o = rules::nhwc(&y)?[3];
    rules::output_nhwc(&y, n, vertical.output()?, horizontal.output()?, o)?;
    let packed = packed_len(o, c, params.groups, params.kernel);
    rules::packed_typed(&rules::input(operands, 1)?, DType::I8, packed)?;
    rules::epilogue(operands, packed_bias_len(o, params.groups), &y)?;
    rules::byte(params.x_zero)?;
    rules::ensure((-128..=127).contains(&params.w_zero), OpError::Params)?;
    params.requantize.check()?;
    params.residual.check()
}
