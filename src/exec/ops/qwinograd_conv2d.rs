//! See [`coulter_plan::ops::qwinograd_conv2d`].

use coulter_kernels::conv_f32::Shape;
use coulter_kernels::winograd_i8::{Conv, WinogradKernel, select};
use coulter_plan::ops::qwinograd_conv2d::Params;
use coulter_plan::{DType, OpError};

use crate::arena::{RowSlot, Slot};
use crate::bind::{BindContext, tiled};
use crate::error::RunErrorKind;
use crate::requantize::{Finish, byte, isas};
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// As many products of bytes as bound any sum before its bias: one of 32 bits, shifted right by two at least.
const TERMS: usize = (1 << 29) / (255 * 255) + 1;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static WinogradKernel,
    shape: Shape,
    x_zero: u8,
    x: RowSlot,
    finish: Finish,
    y: RowSlot,
    step: usize,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    Ok(Args {
        kernel: select(isas(context, TERMS, &params.residual)?),
        shape: tiled(context, params.pad)?,
        x_zero: byte(params.x_zero)?,
        x: context.input_rows(0, DType::U8)?,
        finish: Finish::bind(context, &params.requantize, &params.residual)?,
        y: context.output_rows(0, DType::U8)?,
        step: context.step.index,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    // Those of rank 1 stay in the plan, so that they do not make every step's entry long.
    let operands = context.plan.step(args.step).operands;
    let input = |i: usize| operands.input(i).map(|tensor| Slot::new(&tensor)).ok_or(RunErrorKind::Internal);
    let conv = Conv {
        shape: args.shape,
        x: memory.rows(&args.x),
        x_zero: args.x_zero,
        w: memory.slice(&input(1)?.dense()),
        epilogue: args.finish.epilogue(memory),
    };
    args.kernel.run(&conv, &mut memory.rows_mut(&args.y), memory.slice_mut(&input(6)?.dense()), context.parallel);
    Ok(())
}
