//! See [`coulter_plan::ops::depthwise_conv2d`].

use coulter_kernels::activation::Function;
use coulter_kernels::activation_f32::{self, ActivationKernel};
use coulter_kernels::depthwise_f32::{DepthwiseKernel, Operands, Shape, select};
use coulter_plan::ops::depthwise_conv2d::Params;
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::{DenseSlot, RowSlot};
use crate::bind::{BindContext, axes, nhwc};
use crate::error::RunErrorKind;
use crate::session::RunContext;
use crate::sliding::Sweep;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static DepthwiseKernel,
    activation: &'static ActivationKernel,
    f: Function,
    shape: Shape,
    x: RowSlot,
    weights: DenseSlot,
    bias: Option<DenseSlot>,
    residual: Option<RowSlot>,
    y: RowSlot,
    sweep: Sweep,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let (x, y) = (nhwc(&context.input(0)?.dims)?, nhwc(&context.output(0)?.dims)?);
    let [vertical, horizontal] = axes(x, y, params.kernel, params.stride, params.dilation, params.pad);
    Ok(Args {
        kernel: select(context.isas),
        activation: activation_f32::select(context.isas),
        f: function(params.activation)?,
        shape: Shape { batch: x[0], vertical, horizontal, channels: x[3] },
        x: context.input_rows(0, DType::F32)?,
        weights: context.input_dense(1, DType::F32)?,
        bias: context.optional_dense(2, DType::F32)?,
        residual: context.optional_rows(3, DType::F32)?,
        y: context.output_rows(0, DType::F32)?,
        sweep: Sweep::bind(context)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    args.sweep.each(&args.shape.vertical, &args.x, &args.y, |strip| {
        let operands = Operands {
            x: memory.rows(&strip.x),
            weights: memory.slice(&args.weights),
            bias: args.bias.as_ref().map(|bias| memory.slice(bias)),
            residual: args.residual.as_ref().map(|residual| memory.rows(&strip.residual(residual))),
            y: memory.rows_mut(&strip.y),
        };
        let shape = Shape { vertical: strip.vertical, ..args.shape };
        args.kernel.apply(&shape, &operands, &args.f, args.activation, context.parallel);
    });
    Ok(())
}
