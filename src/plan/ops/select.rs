//! y = condition ? a : b. Inputs `condition` (bool), `a`, `b` (of the output's type, any) have the output's shape;
//! a broadcast dimension is one with stride 0. The output may be `a` or `b`.
use crate::rules;
use crate::{DType, OpError, Operands, params};

params! {
    /// No parameters.
    pub struct Params {}
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[1, 2];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(_params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 3..=3, 1..=1)?;
    let (condition, y) = (rules::input(operands, 0)?, rules::output(operands, 0)?);
    rules::ensure(condition.dtype == DType::Bool, OpError::Type)?;
    rules::same_dims(&condition, &y)?;
    for i in 1..3 {
        let tensor = rules::input(operands, i)?;
        rules::ensure(tensor.dtype == y.dtype, OpError::Type)?;
        rules::same_dims(&tensor, &y)?;
    }
    Ok(())
}
