//! Maximum or average over windows of a quantized image, NHWC. Input `x [N, H, W, C]`, output `y [N, OH, OW, C]`, both
//! u8 rows of any pitch; y may overlap x by rows. Sizes and limits: see [`super::pool2d`].
//!
//! * Max: y = clamp(greatest x, low, high); padding does not take part; scale and zero_point are not used.
//! * Average, AverageWithPad: S = Σ (x − x_zero) over the elements of the window that are not padding, n their number
//!   or, with padding, the number of those that lie in the padded input; y = clamp(rne(f32(S) · (scale / f32(n))) +
//!   y_zero, low, high), the quotient rounded to f32 first. With an x_scale other than 0: R = the sum of f32(x − x_zero) ·
//!   x_scale over the same elements, row by row, in f32, each operation rounded; y = clamp(rne(R / f32(n) / scale) +
//!   y_zero, low, high).
use super::pool2d::{self, Kind};
use crate::rules;
use crate::{DType, OpError, Operands, params};

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
        /// Scale of x over that of y, or that of y where `x_scale` is not 0.
        pub scale: f32,
        /// Zero point of x, 0..=255.
        pub x_zero: u32,
        /// Zero point of y, 0..=255.
        pub y_zero: u32,
        /// Least value of y.
        pub low: u32,
        /// Greatest value of y, at least `low`, at most 255.
        pub high: u32,
        /// Scale of x where real numbers are added one after the other; 0 where sums are exact.
        pub x_scale: f32,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=1, 1..=1)?;
    let x = rules::input_typed(operands, 0, DType::U8)?;
    let y = rules::output_typed(operands, 0, DType::U8)?;
    let Params { kernel, stride, dilation, pad, ceil, .. } = *params;
    pool2d::check_windows(&x, &y, kernel, stride, dilation, pad, ceil)?;
    [params.x_zero, params.y_zero].into_iter().try_for_each(rules::byte)?;
    rules::byte_range(params.low, params.high)
}
