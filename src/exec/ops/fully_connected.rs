//! See [`coulter_plan::ops::fully_connected`].

use coulter_kernels::activation::Function;
use coulter_kernels::gemm_f32::{Gemm, GemmKernel, select};
use coulter_kernels::widen_f16::{self, WidenKernel};
use coulter_plan::ops::fully_connected::Params;
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::{DenseSlot, Memory, RowSlot};
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
    weights: DenseSlot,
    /// What widens weights of 16 bits.
    widen: Option<&'static WidenKernel>,
    bias: Option<DenseSlot>,
    residual: Option<RowSlot>,
    y: RowSlot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let dtype = context.input(1)?.dtype;
    Ok(Args {
        kernel: select(context.isas),
        activation: function(params.activation)?,
        x: context.input_rows(0, DType::F32)?,
        weights: context.input_dense(1, if dtype == DType::F16 { dtype } else { DType::F32 })?,
        widen: (dtype == DType::F16).then(|| widen_f16::select(context.isas)),
        bias: context.optional_dense(2, DType::F32)?,
        residual: context.optional_rows(3, DType::F32)?,
        y: context.output_rows(0, DType::F32)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let y = &mut memory.rows_mut(&args.y);
    match args.widen {
        None => args.kernel.run(&gemm(args, memory, memory.slice(&args.weights)), y, context.parallel),
        Some(widen) => {
            args.kernel.run_halves(widen, &gemm(args, memory, memory.slice(&args.weights)), y, context.parallel);
        }
    }
    Ok(())
}

fn gemm<'a, W>(args: &Args, memory: &Memory<'a>, w: &'a [W]) -> Gemm<'a, W> {
    Gemm {
        x: memory.rows(&args.x),
        w,
        bias: args.bias.as_ref().map(|bias| memory.slice(bias)),
        residual: args.residual.as_ref().map(|residual| memory.rows(residual)),
        alpha: 1.0,
        activation: args.activation,
    }
}
