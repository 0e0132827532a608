//! From 8 bits to real numbers: y = (x − zero_point) · scale, the difference being exact and the product one f32
//! multiplication.
//!
//! Input: `x`, u8, strides of any kind. Output: `y`, f32, of the same dimensions, neighbours along the last one side by
//! side.
use crate::rules;
use crate::{DType, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Of one step.
        pub scale: f32,
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
    let (x, y) = (rules::input_typed(operands, 0, DType::U8)?, rules::output_f32(operands, 0)?);
    rules::last_contiguous(&y)?;
    rules::same_dims(&x, &y)?;
    rules::byte(params.zero_point)
}
