//! See [`coulter_plan::ops::resize`].

use coulter_kernels::resize_f32::{self, ResizeKernel, Rounding, Scaling, Shape, select};
use coulter_plan::ops::resize::{Coordinates, Mode, Nearest, Params};
use coulter_plan::{DType, OpError};

use crate::arena::RowSlot;
use crate::bind::{BindContext, nhwc};
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static ResizeKernel,
    shape: Shape,
    x: RowSlot,
    y: RowSlot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let (x, y) = (nhwc(&context.input(0)?.dims)?, nhwc(&context.output(0)?.dims)?);
    let mode = match params.mode {
        Mode::Nearest => resize_f32::Mode::Nearest(rounding(params.nearest)),
        Mode::Linear => resize_f32::Mode::Linear,
        Mode::Cubic => resize_f32::Mode::Cubic(params.cubic_a),
    };
    let coordinates = match params.coordinates {
        Coordinates::HalfPixel => resize_f32::Coordinates::HalfPixel,
        Coordinates::Asymmetric => resize_f32::Coordinates::Asymmetric,
        Coordinates::AlignCorners => resize_f32::Coordinates::AlignCorners,
        Coordinates::PytorchHalfPixel => resize_f32::Coordinates::PytorchHalfPixel,
    };
    let [vertical, horizontal] =
        [0, 1].map(|i| Scaling { input: x[1 + i], output: y[1 + i], scale: params.scales[i], coordinates });
    Ok(Args {
        kernel: select(context.isas),
        shape: Shape { mode, batch: x[0], vertical, horizontal, channels: x[3] },
        x: context.input_rows(0, DType::F32)?,
        y: context.output_rows(0, DType::F32)?,
    })
}

fn rounding(nearest: Nearest) -> Rounding {
    match nearest {
        Nearest::RoundPreferFloor => Rounding::PreferFloor,
        Nearest::RoundPreferCeil => Rounding::PreferCeil,
        Nearest::Floor => Rounding::Floor,
        Nearest::Ceil => Rounding::Ceil,
    }
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let (x, mut y) = (context.memory.rows(&args.x), context.memory.rows_mut(&args.y));
    args.kernel.apply(&args.shape, x, &mut y, context.parallel);
    Ok(())
}
