//! See [`coulter_plan::ops::attention`].

use coulter_kernels::attention_f32::{Attention, AttentionKernel, select};
use coulter_plan::OpError;
use coulter_plan::ops::attention::Params;

use crate::arena::Slot;
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps. Its operands of rank 4 stay in the plan, so that they do not make every step's entry long.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: AttentionKernel,
    scale: f32,
    causal: bool,
    step: usize,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let (scale, causal) = (params.scale, params.causal);
    Ok(Args { kernel: select(context.isas), scale, causal, step: context.step.index })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let (memory, operands) = (&context.memory, context.plan.step(args.step).operands);
    let input = |i: usize| operands.input(i).map(|tensor| Slot::new(&tensor));
    let present = |i: usize| input(i).ok_or(RunErrorKind::Internal);
    let attention = Attention {
        scale: args.scale,
        causal: args.causal,
        q: memory.view(&present(0)?),
        k: memory.view(&present(1)?),
        v: memory.view(&present(2)?),
        mask: input(3).map(|slot| memory.view(&slot)),
    };
    let y = Slot::new(&operands.output(0).ok_or(RunErrorKind::Internal)?);
    let scratch = memory.slice_mut(&present(4)?.dense());
    args.kernel.run(&attention, scratch, &mut memory.view_mut(&y), context.parallel);
    Ok(())
}
