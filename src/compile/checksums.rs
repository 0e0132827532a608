//! Which steps give the same bits on every processor, and the checksums of their outputs in the first golden case.
//!
//! A step is exact when its arithmetic is and everything that it reads is: integers, moves, and the operators of the
//! numeric contract. What f32 kernels compute is not, nor what follows from it.

use std::ops::Range;

use coulter_exec::{Observer, Values, verify};
use coulter_plan::{OpCode, Plan, Space, Step, Tensor};

/// For each step, whether its outputs are the same bits everywhere; and whether all graph outputs are.
pub(crate) fn exact_steps(plan: &Plan<'_>) -> (Vec<bool>, bool) {
    // For each byte of the arena and the state, whether it holds part of an inexact result.
    let mut inexact = [vec![false; plan.arena_bytes()], vec![false; plan.state_bytes()]];
    let place = |tensor: &Tensor| match tensor.space {
        Space::Arena => Some(0),
        Space::State => Some(1),
        Space::Weights => None,
    };
    let mut exact = Vec::with_capacity(plan.step_count());
    for step in plan.steps() {
        let operands = &step.operands;
        let reads_inexact = (0..operands.input_count()).filter(|&i| step.code.scratch() != Some(i)).any(|i| {
            let Some(tensor) = operands.input(i) else { return false };
            place(&tensor).is_some_and(|space| inexact[space][bytes(&tensor)].contains(&true))
        });
        let step_is_exact = has_exact_arithmetic(&step) && !reads_inexact;
        for output in (0..operands.output_count()).filter_map(|i| operands.output(i)) {
            // An exact result with gaps leaves the marks of what lies between.
            if let Some(space) = place(&output)
                && (!step_is_exact || output.is_dense())
            {
                inexact[space][bytes(&output)].fill(!step_is_exact);
            }
        }
        exact.push(step_is_exact);
    }
    let outputs = plan
        .outputs()
        .all(|port| place(&port.tensor).is_none_or(|space| !inexact[space][bytes(&port.tensor)].contains(&true)));
    (exact, outputs)
}

/// The bytes from a tensor's first element to its last.
fn bytes(tensor: &Tensor) -> Range<usize> {
    let (low, high) = tensor.extent().unwrap_or((0, 0));
    let at = |element: i64| (tensor.offset as i64 + element * tensor.dtype.size() as i64) as usize;
    at(low)..at(high)
}

fn has_exact_arithmetic(step: &Step<'_>) -> bool {
    match step.code {
        OpCode::Copy | OpCode::Gather | OpCode::Pad | OpCode::Select | OpCode::Quantize => true,
        OpCode::Fallback => false,
        _ => {
            let operands = &step.operands;
            let is_float = |t: Tensor| t.dtype.is_float() && t.space != Space::Weights;
            let is_read = |i: &usize| Some(*i) != step.code.scratch();
            let mut inputs = (0..operands.input_count()).filter(is_read).filter_map(|i| operands.input(i));
            !inputs.any(is_float)
        }
    }
}

/// Collects checksums while a golden case runs.
pub(crate) struct Collector {
    exact: Vec<bool>,
    /// One a step; 0 where there is none.
    pub(crate) checksums: Vec<u32>,
}

impl Collector {
    pub(crate) fn new(plan: &Plan<'_>) -> Self {
        Self { exact: exact_steps(plan).0, checksums: vec![0; plan.step_count()] }
    }

    /// Whether any step will have a checksum.
    pub(crate) fn any(&self) -> bool {
        self.exact.contains(&true)
    }
}

impl Observer for Collector {
    fn after(&mut self, step: &Step<'_>, values: &Values<'_, '_>) {
        if self.exact[step.index] {
            self.checksums[step.index] = verify::checksum(step, values);
        }
    }
}
