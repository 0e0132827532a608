//! See [`coulter_plan::ops::select`].

use coulter_kernels::Element;
use coulter_kernels::select::select;
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
    size: usize,
    condition: Slot,
    a: Slot,
    b: Slot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let dtype = context.output(0)?.dtype;
    let condition = context.input_slot(0, DType::Bool)?;
    let (a, b) = (context.input_slot(1, dtype)?, context.input_slot(2, dtype)?);
    let [y, condition, a, b] = merged([context.output_slot(0, dtype)?, condition, a, b])?;
    Ok(Args { size: dtype.size(), condition, a, b, y })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    match args.size {
        1 => of_size::<u8>(args, context),
        2 => of_size::<u16>(args, context),
        4 => of_size::<u32>(args, context),
        _ => of_size::<u64>(args, context),
    }
    Ok(())
}

fn of_size<T: Element>(args: &Args, context: &RunContext<'_>) {
    let memory = &context.memory;
    let (condition, a, b) = (memory.view(&args.condition), memory.view::<T>(&args.a), memory.view(&args.b));
    select(&condition, &a, &b, &mut memory.view_mut(&args.y), context.parallel);
}
