//! See [`coulter_plan::ops::winograd_conv2d`].

use coulter_kernels::activation::Function;
use coulter_kernels::conv_f32::{Conv, Shape};
use coulter_kernels::gemm_f32::{GemmKernel, select as select_gemm};
use coulter_kernels::winograd_f32::{WinogradKernel, select};
use coulter_plan::ops::winograd_conv2d::Params;
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::{RowSlot, Slot};
use crate::bind::{BindContext, tiled};
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static WinogradKernel,
    gemm: &'static GemmKernel,
    activation: Function,
    shape: Shape,
    x: RowSlot,
    residual: Option<RowSlot>,
    y: RowSlot,
    step: usize,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    Ok(Args {
        kernel: select(context.isas),
        gemm: select_gemm(context.isas),
        activation: function(params.activation)?,
        shape: tiled(context, params.pad)?,
        x: context.input_rows(0, DType::F32)?,
        residual: context.optional_rows(3, DType::F32)?,
        y: context.output_rows(0, DType::F32)?,
        step: context.step.index,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    // Those of rank 1 stay in the plan, so that they do not make every step's entry long.
    let operands = context.plan.step(args.step).operands;
    let input = |i: usize| operands.input(i).map(|tensor| Slot::new(&tensor));
    let conv = Conv {
        shape: args.shape,
        x: memory.rows(&args.x),
        w: memory.slice(&input(1).ok_or(RunErrorKind::Internal)?.dense()),
        bias: input(2).map(|bias| memory.slice(&bias.dense())),
        residual: args.residual.as_ref().map(|residual| memory.rows(residual)),
        activation: args.activation,
    };
    let scratch = memory.slice_mut(&input(4).ok_or(RunErrorKind::Internal)?.dense());
    args.kernel.run(args.gemm, &conv, &mut memory.rows_mut(&args.y), scratch, context.parallel);
    Ok(())
}
