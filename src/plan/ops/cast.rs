//! Conversion of the element type; input and output have the same shape. Float to integer truncates and
//! saturates, NaN gives 0; integer to narrower integer wraps; to bool: x ≠ 0; to a narrower float: nearest, ties to even.
use crate::{OpError, Operands, params};

params! {
    /// No parameters: the types say it all.
    pub struct Params {}
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
