//! See [`coulter_plan::ops::reduce`].

use coulter_kernels::Element;
use coulter_kernels::activation::Function;
use coulter_kernels::activation_f32::{self, ActivationKernel};
use coulter_kernels::binary::Arithmetic;
use coulter_kernels::reduce::{self as kernels, Extremes, ReduceKernel, index, integers, select};
use coulter_plan::ops::reduce::{Kind, Params};
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::Slot;
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    function: What,
    axes: u32,
    x: Slot,
    y: Slot,
}

/// What is computed, of which type.
#[derive(Clone, Copy, Debug)]
enum What {
    F32(kernels::Kind, Function, &'static ReduceKernel, &'static ActivationKernel),
    I32(Arithmetic),
    I64(Arithmetic),
    /// Of the greatest, or of the least.
    Index(DType, bool),
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let dtype = context.input(0)?.dtype;
    if !params.kind.takes(dtype) {
        return Err(OpError::Type);
    }
    let (function, given) = match (params.kind, dtype) {
        (Kind::ArgMax | Kind::ArgMin, _) => (What::Index(dtype, params.kind == Kind::ArgMax), DType::I64),
        (kind, DType::I32) => (What::I32(join(kind)?), dtype),
        (kind, DType::I64) => (What::I64(join(kind)?), dtype),
        (kind, _) => {
            let activations = activation_f32::select(context.isas);
            (What::F32(on_f32(kind)?, function(params.activation)?, select(context.isas), activations), dtype)
        }
    };
    let (x, y) = (context.input_slot(0, dtype)?, context.output_slot(0, given)?);
    Ok(Args { function, axes: params.axes, x, y })
}

fn join(kind: Kind) -> Result<Arithmetic, OpError> {
    match kind {
        Kind::Sum => Ok(Arithmetic::Add),
        Kind::Prod => Ok(Arithmetic::Mul),
        Kind::Max => Ok(Arithmetic::Max),
        Kind::Min => Ok(Arithmetic::Min),
        _ => Err(OpError::Type),
    }
}

fn on_f32(kind: Kind) -> Result<kernels::Kind, OpError> {
    Ok(match kind {
        Kind::Sum => kernels::Kind::Sum,
        Kind::Mean => kernels::Kind::Mean,
        Kind::Max => kernels::Kind::Max,
        Kind::Min => kernels::Kind::Min,
        Kind::Prod => kernels::Kind::Prod,
        Kind::SumSquare => kernels::Kind::SumSquare,
        Kind::L1 => kernels::Kind::L1,
        Kind::L2 => kernels::Kind::L2,
        Kind::LogSum => kernels::Kind::LogSum,
        Kind::LogSumExp => kernels::Kind::LogSumExp,
        Kind::MeanSquare => kernels::Kind::MeanSquare,
        Kind::ArgMax | Kind::ArgMin => return Err(OpError::Params),
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    match args.function {
        What::F32(kind, function, kernel, activations) => {
            let (x, mut y) = (memory.view(&args.x), memory.view_mut(&args.y));
            kernel.run((kind, args.axes), (&function, activations), &x, &mut y, context.parallel);
        }
        What::I32(join) => on_integers::<i32>(join, args, context),
        What::I64(join) => on_integers::<i64>(join, args, context),
        What::Index(DType::I32, greatest) => index_of::<i32>(greatest, args, context),
        What::Index(DType::I64, greatest) => index_of::<i64>(greatest, args, context),
        What::Index(_, greatest) => index_of::<f32>(greatest, args, context),
    }
    Ok(())
}

fn on_integers<T: Extremes>(join: Arithmetic, args: &Args, context: &RunContext<'_>) {
    let (x, mut y) = (context.memory.view::<T>(&args.x), context.memory.view_mut(&args.y));
    integers((join, args.axes), &x, &mut y, context.parallel);
}

fn index_of<T: Element + PartialOrd>(greatest: bool, args: &Args, context: &RunContext<'_>) {
    let axis = args.axes.trailing_zeros() as usize;
    let (x, mut y) = (context.memory.view::<T>(&args.x), context.memory.view_mut(&args.y));
    index(greatest, axis, &x, &mut y, context.parallel);
}
