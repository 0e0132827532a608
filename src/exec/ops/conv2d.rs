//! See [`coulter_plan::ops::conv2d`].

use coulter_plan::OpError;

use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {}

pub(crate) fn bind(_context: &BindContext<'_>) -> Result<Args, OpError> {
    Err(OpError::Type)
}

pub(crate) fn run(_args: &Args, _context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    Err(RunErrorKind::Internal)
}
