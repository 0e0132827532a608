//! See [`coulter_plan::ops::unary`].

use coulter_kernels::activation::Function;
use coulter_kernels::activation_f32::{ActivationKernel, select};
use coulter_plan::ops::unary::Params;
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::Slot;
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::merge::merged;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static ActivationKernel,
    function: Function,
    x: Slot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let [y, x] = merged([context.output_slot(0, DType::F32)?, context.input_slot(0, DType::F32)?])?;
    Ok(Args { kernel: select(context.isas), function: function(params.function)?, x, y })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let (x, mut y) = (context.memory.view(&args.x), context.memory.view_mut(&args.y));
    args.kernel.run_strided(&args.function, &x, &mut y, context.parallel);
    Ok(())
}
