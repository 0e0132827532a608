//! See [`coulter_plan::ops::pool2d`].

use coulter_kernels::activation::Function;
use coulter_kernels::activation_f32::{self, ActivationKernel};
use coulter_kernels::pool_f32::{self, PoolKernel, Shape, select};
use coulter_plan::ops::pool2d::{Kind, Params};
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::RowSlot;
use crate::bind::{BindContext, axes, nhwc};
use crate::error::RunErrorKind;
use crate::session::RunContext;
use crate::sliding::{Strip, Sweep};

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static PoolKernel,
    activation: &'static ActivationKernel,
    f: Function,
    shape: Shape,
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
        activation: activation_f32::select(context.isas),
        f: function(params.activation)?,
        shape: Shape { kind: kind(params.kind), batch: x[0], vertical, horizontal, pad_after, channels },
        x: context.input_rows(0, DType::F32)?,
        y: context.output_rows(0, DType::F32)?,
        sweep: Sweep::bind(context)?,
    })
}

/// What kernels call it.
pub(super) fn kind(kind: Kind) -> pool_f32::Kind {
    match kind {
        Kind::Max => pool_f32::Kind::Max,
        Kind::Average => pool_f32::Kind::Average,
        Kind::AverageWithPad => pool_f32::Kind::AverageWithPad,
    }
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    args.sweep.each(&args.shape.vertical, &args.x, &args.y, |strip| {
        let (x, mut y) = (memory.rows(&strip.x), memory.rows_mut(&strip.y));
        args.kernel.apply(&on(strip, &args.shape), x, &mut y, &args.f, args.activation, context.parallel);
    });
    Ok(())
}

/// The shape of some output rows: what lies behind the input rows that they read counts as padding, which none of their
/// windows reaches but where it is padding.
pub(super) fn on(strip: &Strip, shape: &Shape) -> Shape {
    let [bottom, right] = shape.pad_after;
    Shape { vertical: strip.vertical, pad_after: [bottom + strip.behind, right], ..*shape }
}
