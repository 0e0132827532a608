//! See [`coulter_plan::ops::cast`].

use coulter_kernels::Element;
use coulter_kernels::cast::{Type, cast};
use coulter_plan::{DType, OpError};

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
    from: Type,
    to: Type,
    x: Slot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let (x, y) = (context.input(0)?, context.output(0)?);
    let [to, from] = merged([Slot::new(&y), Slot::new(&x)])?;
    Ok(Args { from: type_of(x.dtype), to: type_of(y.dtype), x: from, y: to })
}

fn type_of(dtype: DType) -> Type {
    match dtype {
        DType::F32 => Type::F32,
        DType::F16 => Type::F16,
        DType::BF16 => Type::BF16,
        DType::F64 => Type::F64,
        DType::I8 => Type::I8,
        DType::U8 => Type::U8,
        DType::I16 => Type::I16,
        DType::U16 => Type::U16,
        DType::I32 => Type::I32,
        DType::U32 => Type::U32,
        DType::I64 => Type::I64,
        DType::U64 => Type::U64,
        DType::Bool => Type::Bool,
    }
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    match args.from.size() {
        1 => from_size::<u8>(args, context),
        2 => from_size::<u16>(args, context),
        4 => from_size::<u32>(args, context),
        _ => from_size::<u64>(args, context),
    }
    Ok(())
}

fn from_size<S: Element>(args: &Args, context: &RunContext<'_>) {
    match args.to.size() {
        1 => between::<S, u8>(args, context),
        2 => between::<S, u16>(args, context),
        4 => between::<S, u32>(args, context),
        _ => between::<S, u64>(args, context),
    }
}

fn between<S: Element, D: Element>(args: &Args, context: &RunContext<'_>) {
    let (x, mut y) = (context.memory.view::<S>(&args.x), context.memory.view_mut::<D>(&args.y));
    cast((args.from, args.to), &x, &mut y, context.parallel);
}
