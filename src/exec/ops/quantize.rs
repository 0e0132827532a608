//! See [`coulter_plan::ops::quantize`].

use coulter_kernels::quantize::{Quantization, QuantizeKernel, select};
use coulter_plan::ops::quantize::Params;
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
    kernel: &'static QuantizeKernel,
    how: Quantization,
    x: Slot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let (mut x, mut y) = (context.input_slot(0, DType::F32)?, context.output_slot(0, DType::U8)?);
    if x.dims() == y.dims() {
        [y, x] = merged([y, x])?;
    }
    let how = Quantization { inverse_scale: params.inverse_scale, zero_point: byte(params.zero_point)? };
    Ok(Args { kernel: select(context.isas), how, x, y })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let (x, mut y) = (context.memory.view(&args.x), context.memory.view_mut(&args.y));
    args.kernel.run(&args.how, &x, &mut y, context.parallel);
    Ok(())
}
