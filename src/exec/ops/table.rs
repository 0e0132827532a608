//! See [`coulter_plan::ops::table`].

use coulter_kernels::table::{TableKernel, select};
use coulter_plan::{DType, OpError};

use crate::arena::{DenseSlot, Slot};
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::merge::merged;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static TableKernel,
    table: DenseSlot,
    by_channel: bool,
    x: Slot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let (mut x, mut y) = (Slot::new(&context.input(0)?), Slot::new(&context.output(0)?));
    let table = context.input_dense(1, DType::U8)?;
    let by_channel = context.input(1)?.dims.len() > 1;
    if !by_channel {
        [y, x] = merged([y, x])?;
    }
    Ok(Args { kernel: select(context.isas), table, by_channel, x, y })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let (table, x, mut y) = (memory.slice(&args.table), memory.view(&args.x), memory.view_mut(&args.y));
    if args.by_channel {
        args.kernel.run_by_channel(table, &x, &mut y, context.parallel);
        return Ok(());
    }
    let table = table.try_into().map_err(|_| RunErrorKind::Internal)?;
    args.kernel.run(table, &x, &mut y, context.parallel);
    Ok(())
}
