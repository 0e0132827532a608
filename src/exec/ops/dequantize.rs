//! See [`coulter_plan::ops::dequantize`].

use coulter_kernels::dequantize::{DequantizeKernel, Scale, select};
use coulter_plan::ops::dequantize::Params;
use coulter_plan::{DType, OpError};

use crate::arena::Slot;
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::merge::merged;
use crate::requantize::byte;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static DequantizeKernel,
    how: Scale,
    x: Slot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let [y, x] = merged([context.output_slot(0, DType::F32)?, context.input_slot(0, DType::U8)?])?;
    let how = Scale { scale: params.scale, zero_point: byte(params.zero_point)? };
    Ok(Args { kernel: select(context.isas), how, x, y })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let (x, mut y) = (context.memory.view(&args.x), context.memory.view_mut(&args.y));
    args.kernel.run(&args.how, &x, &mut y, context.parallel);
    Ok(())
}
