//! See [`coulter_plan::ops::dequantize`].

use coulter_plan::OpError;

use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {}

pub(crate) fn bind(_: &BindContext<'_>) -> Result<Args, OpError> {
    Err(OpError::Params)
}

pub(crate) fn run(_: &Args, _: &RunContext<'_>) -> Result<(), RunErrorKind> {
    Err(RunErrorKind::Internal)
}
