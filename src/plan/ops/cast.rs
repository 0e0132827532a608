//! Conversion of the element type; input and output have the same shape. Float to integer truncates and
//! saturates, NaN gives 0; integer to narrower integer wraps; to bool: x ≠ 0; to a narrower float: nearest, ties to even.
use crate::rules;
use crate::{OpError, Operands, params};

params! {
    /// No parameters: the types say it all.
    pub struct Params {}
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(_params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=1, 1..=1)?;
    rules::same_dims(&rules::input(operands, 0)?, &rules::output(operands, 0)?)
}
