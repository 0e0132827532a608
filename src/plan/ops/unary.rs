//! Elementwise function of one f32 tensor. Input and output have the same shape, any strides; the output may be the input.
use crate::rules;
use crate::{Activation, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// The function.
        pub function: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[0];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=1, 1..=1)?;
    rules::same_dims(&rules::input_f32(operands, 0)?, &rules::output_f32(operands, 0)?)?;
    params.function.check()
}
