//! See [`coulter_plan::ops::fallback`].

use coulter_plan::ops::fallback::{MAX_OPERANDS, Params};
use coulter_plan::{DType, Dims, OpError, Plan, Space, Step, Tensor};

use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::external::{ExternalTensor, ExternalTensorMut};
use crate::session::RunContext;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    step: usize,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    Ok(Args { step: context.step.index })
}

/// The bytes of a step's sub-model.
pub(crate) fn model<'p>(plan: &Plan<'p>, step: &Step<'p>) -> Result<&'p [u8], OpError> {
    let params: Params = coulter_plan::ops::read(step.params)?;
    let tail = plan.fallback().get(params.offset as usize..).ok_or(OpError::Params)?;
    tail.get(..params.length as usize).ok_or(OpError::Params)
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let operands = context.plan.step(args.step).operands;
    let none = none().ok_or(RunErrorKind::Internal)?;
    let mut inputs = [ExternalTensor { tensor: none, bytes: &[] }; MAX_OPERANDS];
    let mut outputs: [_; MAX_OPERANDS] =
        core::array::from_fn(|_| ExternalTensorMut { tensor: none, bytes: <&mut [u8]>::default() });
    let inputs = inputs.get_mut(..operands.input_count()).ok_or(RunErrorKind::Internal)?;
    let outputs = outputs.get_mut(..operands.output_count()).ok_or(RunErrorKind::Internal)?;
    for (i, input) in inputs.iter_mut().enumerate() {
        let tensor = operands.input(i).ok_or(RunErrorKind::Internal)?;
        *input = ExternalTensor { tensor, bytes: context.memory.bytes(&tensor) };
    }
    for (i, output) in outputs.iter_mut().enumerate() {
        let tensor = operands.output(i).ok_or(RunErrorKind::Internal)?;
        *output = ExternalTensorMut { tensor, bytes: context.memory.bytes_mut(&tensor) };
    }
    if context.external()?.run(args.step, inputs, outputs) { Ok(()) } else { Err(RunErrorKind::External) }
}

/// Fills the operand tables before the operands do.
fn none() -> Option<Tensor> {
    Some(Tensor { dtype: DType::U8, space: Space::Arena, offset: 0, dims: Dims::new(&[0])?, strides: Dims::new(&[1])? })
}
