//! See [`coulter_plan::ops::normalize`].

use coulter_kernels::activation::Function;
use coulter_kernels::activation_f32::{self, ActivationKernel};
use coulter_kernels::normalize_f32::{self, Normalization, NormalizeKernel};
use coulter_plan::ops::normalize::{Kind, Params};
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::RowSlot;
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static NormalizeKernel,
    activations: &'static ActivationKernel,
    kind: normalize_f32::Kind,
    epsilon: f32,
    activation: Function,
    x: RowSlot,
    scale: Option<RowSlot>,
    shift: Option<RowSlot>,
    y: RowSlot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    Ok(Args {
        kernel: normalize_f32::select(context.isas),
        activations: activation_f32::select(context.isas),
        kind: match params.kind {
            Kind::Layer => normalize_f32::Kind::Layer,
            Kind::Rms => normalize_f32::Kind::Rms,
        },
        epsilon: params.epsilon,
        activation: function(params.activation)?,
        x: context.input_rows(0, DType::F32)?,
        scale: context.optional_rows(1, DType::F32)?,
        shift: context.optional_rows(2, DType::F32)?,
        y: context.output_rows(0, DType::F32)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let how = Normalization {
        kind: args.kind,
        epsilon: args.epsilon,
        scale: args.scale.as_ref().map(|slot| memory.rows(slot)),
        shift: args.shift.as_ref().map(|slot| memory.rows(slot)),
        activation: args.activation,
    };
    let (x, mut y) = (memory.rows(&args.x), memory.rows_mut(&args.y));
    args.kernel.apply(&how, args.activations, &x, &mut y, context.parallel);
    Ok(())
}
