//! See [`coulter_plan::ops::copy`].

use coulter_kernels::Element;
use coulter_kernels::copy::{CopyKernel, select};
use coulter_plan::OpError;

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
    kernel: &'static CopyKernel,
    size: usize,
    x: Slot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let (x, y) = (context.input(0)?, context.output(0)?);
    if x.dtype != y.dtype {
        return Err(OpError::Type);
    }
    let [to, from] = merged([Slot::new(&y), Slot::new(&x)])?;
    Ok(Args { kernel: select(context.isas), size: x.dtype.size(), x: from, y: to })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    match args.size {
        1 => copy::<u8>(args, context),
        2 => copy::<u16>(args, context),
        4 => copy::<u32>(args, context),
        _ => copy::<u64>(args, context),
    }
    Ok(())
}

fn copy<T: Element>(args: &Args, context: &RunContext<'_>) {
    let (x, mut y) = (context.memory.view::<T>(&args.x), context.memory.view_mut::<T>(&args.y));
    args.kernel.run(&x, &mut y, context.parallel);
}
