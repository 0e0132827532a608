//! y = condition ? a : b. Inputs `condition` (bool), `a`, `b` (of the output's type, any) have the output's shape;
//! a broadcast dimension is one with stride 0.
use crate::{OpError, Operands, params};

params! {
    /// No parameters.
    pub struct Params {}
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
