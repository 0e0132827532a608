//! See [`coulter_plan::ops::conv2d`].

use coulter_kernels::activation::Function;
use coulter_kernels::conv_f32::{Conv, Shape};
use coulter_kernels::gemm_f32::{GemmKernel, select};
use coulter_plan::ops::conv2d::Params;
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
    kernel: &'static GemmKernel,
    activation: Function,
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
    let groups = params.groups as usize;
    Ok(Args {
        kernel: select(context.isas),
        activation: function(params.activation)?,
        shape: Shape { batch: x[0], vertical, horizontal, channels: x[3], outputs: y[3], groups },
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
        let conv = Conv {
            shape: Shape { vertical: strip.vertical, ..args.shape },
            x: memory.rows(&strip.x),
            w: memory.slice(&args.weights),
            bias: args.bias.as_ref().map(|bias| memory.slice(bias)),
            residual: args.residual.as_ref().map(|residual| memory.rows(&strip.residual(residual))),
            activation: args.activation,
        };
        conv.run(args.kernel, &mut memory.rows_mut(&strip.y), context.parallel);
    });
    Ok(())
}
