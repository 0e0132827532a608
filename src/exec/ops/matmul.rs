//! See [`coulter_plan::ops::matmul`].

use coulter_kernels::activation::Function;
use coulter_kernels::gemm_f32::{GemmKernel, select};
use coulter_kernels::matmul_f32::MatMul;
use coulter_plan::ops::matmul::Params;
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::{DenseSlot, Slot};
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static GemmKernel,
    alpha: f32,
    activation: Function,
    a: Slot,
    b: Slot,
    scratch: DenseSlot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    Ok(Args {
        kernel: select(context.isas),
        alpha: params.alpha,
        activation: function(params.activation)?,
        a: context.input_slot(0, DType::F32)?,
        b: context.input_slot(1, DType::F32)?,
        scratch: context.input_dense(2, DType::F32)?,
        y: context.output_slot(0, DType::F32)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let (a, b) = (memory.view(&args.a), memory.view(&args.b));
    let matmul = MatMul { a, b, alpha: args.alpha, activation: args.activation };
    let scratch = memory.slice_mut(&args.scratch);
    matmul.run(args.kernel, &mut memory.view_mut(&args.y), scratch, context.parallel);
    Ok(())
}
