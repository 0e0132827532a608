//! From real numbers to 8 bits: y = clamp(rne(x · inverse_scale) + zero_point, 0, 255), with rne the nearest integer,
//! ties to even. The product is one f32 multiplication; NaN gives zero_point, and what is out of range saturates.
//!
//! Input: `x`, f32, strides of any kind. Output: `y`, u8, neighbours along the last dimension side by side. Dimensions
//! are the same, except that y's last may be greater than x's: what is past x holds zero_point.
use crate::rules;
use crate::{DType, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// 1 / scale, rounded once.
        pub inverse_scale: f32,
        /// 0..=255.
        pub zero_point: u32,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=1, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_typed(operands, 0, DType::U8)?);
    rules::last_contiguous(&y)?;
    let same = match (x.dims.split_last(), y.dims.split_last()) {
        (None, None) => true,
        (Some((x_last, x_outer)), Some((y_last, y_outer))) => x_outer == y_outer && x_last <= y_last,
        _ => false,
    };
    rules::ensure(same, OpError::Shape)?;
    rules::byte(params.zero_point)
}
