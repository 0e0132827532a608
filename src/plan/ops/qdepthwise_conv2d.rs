//! Depthwise convolution of 8-bit numbers, NHWC: each channel has a kernel of its own and gives one channel.
//!
//! Inputs: `x [N, H, W, C]`, u8 rows; `weights`, i8, `bias [C′]`, i32, and `multiplier [C′]`, f32, one dimension each,
//! in the weights section, C′ being C rounded up to 16, with zeros past C; `residual`, u8, shaped as the output, rows, or
//! none; `table`, u8 `[256]`, in the weights section, or none. Output: `y [N, OH, OW, C]`, u8 rows; it may be the
//! residual, and overlap x by rows. The arithmetic is that of [`super::qconv2d`].
//!
//! Packed weights: `[⌈kernel_h/4⌉][kernel_w][C′][4]`, the last index running over four kernel rows, zeros past the last
//! row ([`packed_len`]).
use crate::requantize::{Requantize, Residual};
use crate::rules::{self, PANEL, Window};
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

/// Length of the packed weights of C channels; `None` on overflow.
pub fn packed_len(channels: u32, kernel: [u32; 2]) -> Option<u64> {
    let rows = u64::from(kernel[0]).next_multiple_of(4);
    rows.checked_mul(u64::from(kernel[1]))?.checked_mul(u64::from(channels).next_multiple_of(PANEL))
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 4..=6, 1..=1)?;
    let x = rules::input_typed(operands, 0, DType::U8)?;
    let y = rules::output_typed(operands, 0, DType::U8)?;
    rules::rows(&x)?;
    let [n, _, _, c] = rules::nhwc(&x)?;
    let [vertical, horizontal] =
        Window::pair(rules::nhwc(&x)?, params.kernel, params.stride, params.dilation, params.pad);
    rules::output_nhwc(&y, n, vertical.output()?, horizontal.output()?, c)?;
    rules::packed_typed(&rules::input(operands, 1)?, DType::I8, packed_len(c, params.kernel))?;
    rules::epilogue(operands, Some(u64::from(c).next_multiple_of(PANEL)), &y)?;
    rules::byte(params.x_zero)?;
    rules::ensure((-128..=127).contains(&params.w_zero), OpError::Params)?;
    params.requantize.check()?;
    params.residual.check()
}
