//! See [`coulter_plan::ops::qfully_connected`].

use coulter_kernels::gemm_i8::{Gemm, GemmKernel, select};
use coulter_plan::ops::qfully_connected::Params;
use coulter_plan::{DType, OpError};

use crate::arena::{DenseSlot, RowSlot};
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::requantize::{Finish, isas};
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static GemmKernel,
    w_zero: i32,
    x: RowSlot,
    weights: DenseSlot,
    finish: Finish,
    y: RowSlot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let x = context.input_rows(0, DType::U8)?;
    Ok(Args {
        kernel: select(isas(context, x.cols, &params.residual)?),
        w_zero: params.w_zero,
        x,
        weights: context.input_dense(1, DType::I8)?,
        finish: Finish::bind(context, &params.requantize, &params.residual)?,
        y: context.output_rows(0, DType::U8)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let gemm = Gemm {
        x: memory.rows(&args.x),
        w: memory.slice(&args.weights),
        w_zero: args.w_zero,
        epilogue: args.finish.epilogue(memory),
    };
    args.kernel.run(&gemm, &mut memory.rows_mut(&args.y), context.parallel);
    Ok(())
}
