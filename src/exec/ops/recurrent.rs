//! See [`coulter_plan::ops::recurrent`].

use coulter_kernels::activation::Function;
use coulter_kernels::recurrent_f32::{self, Outputs, Recurrent, RecurrentKernel};
use coulter_plan::ops::recurrent::{Kind, Params};
use coulter_plan::{DType, OpError, Tensor};

use crate::activation::function;
use crate::arena::{RowSlot, Slot};
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps. Its many operands stay in the plan, so that they do not make every step's entry long.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: RecurrentKernel,
    kind: recurrent_f32::Kind,
    reverse: bool,
    linear_before_reset: bool,
    activations: [Function; 3],
    clip: f32,
    step: usize,
    x: RowSlot,
    steps: usize,
    batch: usize,
    hidden: usize,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let &[steps, batch, _] = &context.input(0)?.dims[..] else { return Err(OpError::Shape) };
    let operands = &context.step.operands;
    let output = (0..operands.output_count()).find_map(|i| operands.output(i)).ok_or(OpError::Arity)?;
    let hidden = *output.dims.last().ok_or(OpError::Shape)?;
    let [f, g, h] = params.activations;
    Ok(Args {
        kernel: recurrent_f32::select(context.isas),
        kind: match params.kind {
            Kind::Rnn => recurrent_f32::Kind::Rnn,
            Kind::Gru => recurrent_f32::Kind::Gru,
            Kind::Lstm => recurrent_f32::Kind::Lstm,
        },
        reverse: params.reverse,
        linear_before_reset: params.linear_before_reset,
        activations: [function(f)?, function(g)?, function(h)?],
        clip: params.clip,
        step: context.step.index,
        x: context.input_rows(0, DType::F32)?,
        steps: steps as usize,
        batch: batch as usize,
        hidden: hidden as usize,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let (memory, operands) = (&context.memory, context.plan.step(args.step).operands);
    let slot = |tensor: Option<Tensor>| tensor.map(|tensor| Slot::new(&tensor));
    let input = |i: usize| slot(operands.input(i));
    let present = |i: usize| input(i).ok_or(RunErrorKind::Internal);
    let view = |i: usize| input(i).map(|slot| memory.view(&slot));
    let layer = Recurrent {
        kind: args.kind,
        reverse: args.reverse,
        linear_before_reset: args.linear_before_reset,
        activations: args.activations,
        clip: args.clip,
        steps: args.steps,
        batch: args.batch,
        hidden: args.hidden,
        x: memory.rows(&args.x),
        w: memory.slice(&present(1)?.dense()),
        r: memory.slice(&present(2)?.dense()),
        bias: memory.slice(&present(3)?.dense()),
        h0: view(4),
        c0: view(5),
        peephole: view(6),
    };
    let output = |i: usize| slot(operands.output(i)).map(|slot| memory.view_mut(&slot));
    let mut outputs = Outputs { y: output(0), h: output(1), c: output(2) };
    args.kernel.run(&layer, memory.slice_mut(&present(7)?.dense()), &mut outputs, context.parallel);
    Ok(())
}
