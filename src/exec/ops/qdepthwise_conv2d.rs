//! See [`coulter_plan::ops::qdepthwise_conv2d`].

use coulter_kernels::depthwise_i8::{DepthwiseKernel, Operands, Shape, select};
use coulter_plan::ops::qdepthwise_conv2d::Params;
use coulter_plan::{DType, OpError};

use crate::arena::{DenseSlot, RowSlot};
use crate::bind::{BindContext, axes, nhwc};
use crate::error::RunErrorKind;
use crate::requantize::{Finish, byte};
use crate::session::RunContext;
use crate::sliding::Sweep;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static DepthwiseKernel,
    shape: Shape,
    x_zero: u8,
    w_zero: i32,
    x: RowSlot,
    weights: DenseSlot,
    finish: Finish,
    y: RowSlot,
    sweep: Sweep,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let (x, y) = (nhwc(&context.input(0)?.dims)?, nhwc(&context.output(0)?.dims)?);
    let [vertical, horizontal] = axes(x, y, params.kernel, params.stride, params.dilation, params.pad);
    Ok(Args {
        kernel: select(context.isas),
        shape: Shape { batch: x[0], vertical, horizontal, channels: x[3] },
        x_zero: byte(params.x_zero)?,
        w_zero: params.w_zero,
        x: context.input_rows(0, DType::U8)?,
        weights: context.input_dense(1, DType::I8)?,
        finish: Finish::bind(context, &params.requantize, &params.residual)?,
        y: context.output_rows(0, DType::U8)?,
        sweep: Sweep::bind(context)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    args.sweep.each(&args.shape.vertical, &args.x, &args.y, |strip| {
        let operands = Operands {
            x: memory.rows(&strip.x),
            x_zero: args.x_zero,
            weights: memory.slice(&args.weights),
            w_zero: args.w_zero,
            epilogue: args.finish.epilogue_of(strip, memory),
            y: memory.rows_mut(&strip.y),
        };
        let shape = Shape { vertical: strip.vertical, ..args.shape };
        args.kernel.apply(&shape, &operands, context.parallel);
    });
    Ok(())
}
