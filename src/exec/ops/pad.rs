//! See [`coulter_plan::ops::pad`].

use coulter_kernels::Element;
use coulter_kernels::pad::{Mode, pad as extend};
use coulter_plan::ops::pad::{Mode as Stored, Params};
use coulter_plan::{MAX_RANK, OpError};

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
    mode: Mode<u64>,
    before: [u32; MAX_RANK],
    x: Slot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let [low, high] = params.value.map(u64::from);
    let mode = match params.mode {
        Stored::Constant => Mode::Constant(low | high << 32),
        Stored::Reflect => Mode::Reflect,
        Stored::Edge => Mode::Edge,
        Stored::Wrap => Mode::Wrap,
    };
    let x = context.input(0)?;
    let (slot, y) = (Slot::new(&x), context.output_slot(0, x.dtype)?);
    Ok(Args { size: x.dtype.size(), mode, before: params.before, x: slot, y })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    match args.size {
        1 => of_size(args, context, |bits| bits as u8),
        2 => of_size(args, context, |bits| bits as u16),
        4 => of_size(args, context, |bits| bits as u32),
        _ => of_size(args, context, |bits| bits),
    }
    Ok(())
}

fn of_size<T: Element>(args: &Args, context: &RunContext<'_>, constant: fn(u64) -> T) {
    let mode = match args.mode {
        Mode::Constant(bits) => Mode::Constant(constant(bits)),
        Mode::Reflect => Mode::Reflect,
        Mode::Edge => Mode::Edge,
        Mode::Wrap => Mode::Wrap,
    };
    let before = args.before.map(|n| n as usize);
    let (x, mut y) = (context.memory.view::<T>(&args.x), context.memory.view_mut(&args.y));
    extend(&x, mode, &before[..x.dims().len()], &mut y, context.parallel);
}
