//! See [`coulter_plan::ops::qpool2d`].

use coulter_kernels::pool_i8::{PoolKernel, Scale, Shape, select};
use coulter_plan::ops::qpool2d::Params;
use coulter_plan::requantize::Requantize;
use coulter_plan::{DType, OpError};

use super::pool2d::{kind, on};
use crate::arena::RowSlot;
use crate::bind::{BindContext, axes, nhwc};
use crate::error::RunErrorKind;
use crate::requantize::{byte, bytes};
use crate::session::RunContext;
use crate::sliding::Sweep;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static PoolKernel,
    shape: Shape,
    how: Scale,
    x: RowSlot,
    y: RowSlot,
    sweep: Sweep,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let (x, y) = (nhwc(&context.input(0)?.dims)?, nhwc(&context.output(0)?.dims)?);
    let [vertical, horizontal] = axes(x, y, params.kernel, params.stride, params.dilation, params.pad);
    let [_, _, bottom, right] = params.pad.map(|pad| pad as usize);
    let (pad_after, channels) = ([bottom, right], x[3]);
    Ok(Args {
        kernel: select(context.isas),
        shape: Shape { kind: kind(params.kind), batch: x[0], vertical, horizontal, pad_after, channels },
        how: Scale {
            scale: params.scale,
            x_scale: params.x_scale,
            x_zero: byte(params.x_zero)?,
            requantize: bytes(&Requantize { zero: params.y_zero, low: params.low, high: params.high })?,
        },
        x: context.input_rows(0, DType::U8)?,
        y: context.output_rows(0, DType::U8)?,
        sweep: Sweep::bind(context)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    args.sweep.each(&args.shape.vertical, &args.x, &args.y, |strip| {
        let (x, mut y) = (memory.rows(&strip.x), memory.rows_mut(&strip.y));
        args.kernel.apply(&on(strip, &args.shape), &args.how, x, &mut y, context.parallel);
    });
    Ok(())
}
