//! See [`coulter_plan::ops::fully_connected`].

use coulter_kernels::activation::Function;
use coulter_kernels::gemm_f32::{Gemm, GemmKernel, select};
use coulter_plan::ops::fully_connected::Params;
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::{RowSlot, Slot};
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static GemmKernel,
    activation: Function,
    x: RowSlot,
    weights: Slot,
    bias: Option<Slot>,
    residual: Option<RowSlot>,
    y: RowSlot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    Ok(Args {
        kernel: select(context.isas),
        activation: function(params.activation)?,
        x: context.input_rows(0, DType::F32)?,
        weights: context.input_slot(1, DType::F32)?,
        bias: context.optional_slot(2, DType::F32)?,
        residual: context.optional_rows(3, DType::F32)?,
        y: context.output_rows(0, DType::F32)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let gemm = Gemm {
        x: memory.rows(&args.x),
        w: memory.slice(&args.weights),
        bias: args.bias.as_ref().map(|bias| memory.slice(bias)),
        residual: args.residual.as_ref().map(|residual| memory.rows(residual)),
        alpha: 1.0,
        activation: args.activation,
    };
    args.kernel.run(&gemm, &mut memory.rows_mut(&args.y), context.parallel);
    Ok(())
}
