//! Moves elements between two tensors of one type and shape with any strides: transposition, concatenation,
//! slicing, broadcasting, reversal.
use crate::rules;
use crate::{OpError, Operands, params};

params! {
    /// No parameters: the strides say it all.
    pub struct Params {}
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(_params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=1, 1..=1)?;
    let (x, y) = (rules::input(operands, 0)?, rules::output(operands, 0)?);
    rules::ensure(x.dtype == y.dtype, OpError::Type)?;
    rules::same_dims(&x, &y)
}
