//! See [`coulter_plan::ops::binary`].

use coulter_kernels::Element;
use coulter_kernels::activation::Function;
use coulter_kernels::activation_f32::{self, ActivationKernel};
use coulter_kernels::binary::{
    Arithmetic, BinaryKernel, Comparison, Integer, Logic, compare, integers, logical, select,
};
use coulter_plan::ops::binary::{Kind, Params};
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::Slot;
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::merge::merged;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    function: What,
    a: Slot,
    b: Slot,
    y: Slot,
}

/// What is computed, of which type.
#[derive(Clone, Copy, Debug)]
enum What {
    F32(Arithmetic, Function, &'static BinaryKernel, &'static ActivationKernel),
    I32(Arithmetic),
    I64(Arithmetic),
    CompareF32(Comparison),
    CompareI32(Comparison),
    CompareI64(Comparison),
    Bool(Logic),
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let dtype = context.input(0)?.dtype;
    let given = if params.kind.is_comparison() { DType::Bool } else { dtype };
    let (a, b) = (context.input_slot(0, dtype)?, context.input_slot(1, dtype)?);
    let [y, a, b] = merged([context.output_slot(0, given)?, a, b])?;
    Ok(Args { function: what(dtype, &params, context)?, a, b, y })
}

fn what(dtype: DType, params: &Params, context: &BindContext<'_>) -> Result<What, OpError> {
    Ok(match (dtype, comparison(params.kind)) {
        (DType::Bool, _) => What::Bool(logic(params.kind)?),
        (DType::F32, Some(kind)) => What::CompareF32(kind),
        (DType::I32, Some(kind)) => What::CompareI32(kind),
        (DType::I64, Some(kind)) => What::CompareI64(kind),
        (DType::F32, None) => What::F32(
            arithmetic(params.kind)?,
            function(params.activation)?,
            select(context.isas),
            activation_f32::select(context.isas),
        ),
        (DType::I32, None) => What::I32(arithmetic(params.kind)?),
        (DType::I64, None) => What::I64(arithmetic(params.kind)?),
        _ => return Err(OpError::Type),
    })
}

fn comparison(kind: Kind) -> Option<Comparison> {
    match kind {
        Kind::Equal => Some(Comparison::Equal),
        Kind::Less => Some(Comparison::Less),
        Kind::LessEqual => Some(Comparison::LessEqual),
        Kind::Greater => Some(Comparison::Greater),
        Kind::GreaterEqual => Some(Comparison::GreaterEqual),
        _ => None,
    }
}

fn logic(kind: Kind) -> Result<Logic, OpError> {
    match kind {
        Kind::Equal => Ok(Logic::Equal),
        Kind::And => Ok(Logic::And),
        Kind::Or => Ok(Logic::Or),
        Kind::Xor => Ok(Logic::Xor),
        _ => Err(OpError::Type),
    }
}

fn arithmetic(kind: Kind) -> Result<Arithmetic, OpError> {
    match kind {
        Kind::Add => Ok(Arithmetic::Add),
        Kind::Sub => Ok(Arithmetic::Sub),
        Kind::Mul => Ok(Arithmetic::Mul),
        Kind::Div => Ok(Arithmetic::Div),
        Kind::Min => Ok(Arithmetic::Min),
        Kind::Max => Ok(Arithmetic::Max),
        Kind::Pow => Ok(Arithmetic::Pow),
        Kind::PRelu => Ok(Arithmetic::PRelu),
        Kind::Mod => Ok(Arithmetic::Mod),
        Kind::Fmod => Ok(Arithmetic::Fmod),
        Kind::SquaredDifference => Ok(Arithmetic::SquaredDifference),
        _ => Err(OpError::Type),
    }
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    match args.function {
        What::F32(kind, function, kernel, activations) => {
            let (a, b, mut y) = (memory.view(&args.a), memory.view(&args.b), memory.view_mut(&args.y));
            kernel.run(kind, (&function, activations), &a, &b, &mut y, context.parallel);
        }
        What::I32(kind) => on_integers::<i32>(kind, args, context),
        What::I64(kind) => on_integers::<i64>(kind, args, context),
        What::CompareF32(kind) => comparing::<f32>(kind, args, context),
        What::CompareI32(kind) => comparing::<i32>(kind, args, context),
        What::CompareI64(kind) => comparing::<i64>(kind, args, context),
        What::Bool(kind) => {
            let (a, b, mut y) = (memory.view(&args.a), memory.view(&args.b), memory.view_mut(&args.y));
            logical(kind, &a, &b, &mut y, context.parallel);
        }
    }
    Ok(())
}

fn on_integers<T: Integer>(kind: Arithmetic, args: &Args, context: &RunContext<'_>) {
    let memory = &context.memory;
    let (a, b, mut y) = (memory.view::<T>(&args.a), memory.view(&args.b), memory.view_mut(&args.y));
    integers(kind, &a, &b, &mut y, context.parallel);
}

fn comparing<T: Element + PartialOrd>(kind: Comparison, args: &Args, context: &RunContext<'_>) {
    let memory = &context.memory;
    let (a, b, mut y) = (memory.view::<T>(&args.a), memory.view(&args.b), memory.view_mut(&args.y));
    compare(kind, &a, &b, &mut y, context.parallel);
}
