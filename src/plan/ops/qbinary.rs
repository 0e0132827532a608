//! Sum or product of two quantized tensors. Let A = a − a_zero and B = b − b_zero, exact integers:
//!
//! * Add: r = f32(A)·a_scale + f32(B)·b_scale — two f32 multiplications and an addition, each rounded, never fused.
//! * Mul: r = f32(A·B)·a_scale; b_scale is not used.
//!
//! y = clamp(rne(r) + y_zero, low, high), with rne the nearest integer, ties to even. A difference is a sum with a
//! negative scale.
//!
//! Inputs: `a`, `b`, u8, of the output's dimensions; a broadcast dimension is one with stride 0. Output: `y`, u8,
//! neighbours along the last dimension side by side; it may be an operand of the same strides.
use crate::rules;
use crate::{DType, OpError, Operands, field_enum, params};

field_enum! {
    /// Which function.
    pub enum Kind {
        /// a + b
        Add = 0,
        /// a · b
        Mul = 1,
    }
}

params! {
    /// Parameters.
    pub struct Params {
        /// Which function.
        pub kind: Kind,
        /// Scale of a over that of y; of a product s_a·s_b/s_y.
        pub a_scale: f32,
        /// Scale of b over that of y.
        pub b_scale: f32,
        /// Zero point of a, 0..=255.
        pub a_zero: u32,
        /// Zero point of b, 0..=255.
        pub b_zero: u32,
        /// Zero point of y, 0..=255.
        pub y_zero: u32,
        /// Least value of y.
        pub low: u32,
        /// Greatest value of y, at least `low`, at most 255.
        pub high: u32,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[0, 1];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 2..=2, 1..=1)?;
    let y = rules::output_typed(operands, 0, DType::U8)?;
    rules::last_contiguous(&y)?;
    for i in 0..2 {
        rules::same_dims(&rules::input_typed(operands, i, DType::U8)?, &y)?;
    }
    [params.a_zero, params.b_zero, params.y_zero].into_iter().try_for_each(rules::byte)?;
    rules::byte_range(params.low, params.high)
}
