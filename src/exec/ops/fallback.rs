//! See [`coulter_plan::ops::fallback`].

use coulter_plan::ops::fallback::Params;
use coulter_plan::{OpError, Plan, Step};

use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    step: usize,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    Ok(Args { step: context.step.index })
}

/// The bytes of a step's sub-model.
pub(crate) fn model<'p>(plan: &Plan<'p>, step: &Step<'p>) -> Result<&'p [u8], OpError> {
    let params: Params = coulter_plan::ops::read(step.params)?;
    let tail = plan.fallback().get(params.offset as usize..).ok_or(OpError::Params)?;
    tail.get(..params.length as usize).ok_or(OpError::Params)
}

/// Most operands on either side of a fallback step.
const MAX_OPERANDS: usize = 32;

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let _ = (args, context, MAX_OPERANDS);
    Err(RunErrorKind::External)
}
