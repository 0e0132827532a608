//! See [`coulter_plan::ops::conv_transpose2d`].

use coulter_kernels::activation::Function;
use coulter_kernels::activation_f32::{self, ActivationKernel};
use coulter_kernels::conv_transpose_f32::{ConvTransposeKernel, Operands, Shape, select};
use coulter_plan::ops::conv_transpose2d::Params;
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::{DenseSlot, RowSlot};
use crate::bind::{BindContext, axes, nhwc};
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static ConvTransposeKernel,
    activation: &'static ActivationKernel,
    f: Function,
    shape: Shape,
    x: RowSlot,
    weights: DenseSlot,
    bias: Option<DenseSlot>,
    y: RowSlot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let (x, y) = (nhwc(&context.input(0)?.dims)?, nhwc(&context.output(0)?.dims)?);
    let [vertical, horizontal] = axes(x, y, params.kernel, params.stride, params.dilation, params.pad);
    let groups = params.groups as usize;
    Ok(Args {
        kernel: select(context.isas),
        activation: activation_f32::select(context.isas),
        f: function(params.activation)?,
        shape: Shape { batch: x[0], vertical, horizontal, channels: x[3], outputs: y[3], groups },
        x: context.input_rows(0, DType::F32)?,
        weights: context.input_dense(1, DType::F32)?,
        bias: context.optional_dense(2, DType::F32)?,
        y: context.output_rows(0, DType::F32)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let operands = Operands {
        x: memory.rows(&args.x),
        weights: memory.slice(&args.weights),
        bias: args.bias.as_ref().map(|bias| memory.slice(bias)),
        y: memory.rows_mut(&args.y),
    };
    args.kernel.apply(&args.shape, &operands, &args.f, args.activation, context.parallel);
    Ok(())
}
