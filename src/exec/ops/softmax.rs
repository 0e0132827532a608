//! See [`coulter_plan::ops::softmax`].

use coulter_kernels::softmax_f32::{SoftmaxKernel, select};
use coulter_plan::ops::softmax::Params;
use coulter_plan::{DType, OpError};

use crate::arena::RowSlot;
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static SoftmaxKernel,
    log: bool,
    x: RowSlot,
    y: RowSlot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    Ok(Args {
        kernel: select(context.isas),
        log: params.log,
        x: context.input_rows(0, DType::F32)?,
        y: context.output_rows(0, DType::F32)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let (x, mut y) = (context.memory.rows(&args.x), context.memory.rows_mut(&args.y));
    args.kernel.apply(args.log, &x, &mut y, context.parallel);
    Ok(())
}
