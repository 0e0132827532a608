//! See [`coulter_plan::ops::gather`].

use coulter_kernels::Element;
use coulter_kernels::gather::{Index, gather};
use coulter_plan::ops::gather::Params;
use coulter_plan::{DType, OpError};

use crate::arena::Slot;
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    size: usize,
    axis: usize,
    dim: usize,
    indices_are_i64: bool,
    x: Slot,
    indices: Slot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let (x, indices) = (context.input(0)?, context.input(1)?);
    if !matches!(indices.dtype, DType::I32 | DType::I64) {
        return Err(OpError::Type);
    }
    let axis = params.axis as usize;
    Ok(Args {
        size: x.dtype.size(),
        axis,
        dim: *x.dims.get(axis).ok_or(OpError::Params)? as usize,
        indices_are_i64: indices.dtype == DType::I64,
        x: Slot::new(&x),
        indices: Slot::new(&indices),
        y: context.output_slot(0, x.dtype)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    match args.size {
        1 => of_size::<u8>(args, context),
        2 => of_size::<u16>(args, context),
        4 => of_size::<u32>(args, context),
        _ => of_size::<u64>(args, context),
    }
}

fn of_size<T: Element>(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    if args.indices_are_i64 { by::<T, i64>(args, context) } else { by::<T, i32>(args, context) }
}

fn by<T: Element, I: Index>(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let (x, indices) = (memory.view::<T>(&args.x), memory.slice::<I>(&args.indices.dense()));
    let result = gather(&x, args.axis, indices, &mut memory.view_mut(&args.y), context.parallel);
    result.map_err(|error| RunErrorKind::Index { index: error.index, dim: args.dim })
}
