//! Blocks that may overlap, since the step that reads the one and writes the other goes row by row.

use coulter_plan::format::ALIGN;
use coulter_plan::overlap::Gaps;

use super::{Block, lives, operands_in};
use crate::lower::{BufferId, Program, Window};

/// A block that a step is the last to read, and the one that it is the first to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The block that is read.
    pub(crate) x: usize,
    /// The block that is written.
    pub(crate) y: usize,
    /// Least bytes from the beginning of y to that of x, a multiple of [`ALIGN`].
    pub(crate) forward: u64,
    /// Least bytes from the beginning of x to that of y, likewise.
    pub(crate) backward: u64,
}

impl Pair {
    /// Least bytes that both take together.
    pub(crate) fn span(&self, blocks: &[Block]) -> u64 {
        let (x, y) = (blocks[self.x].bytes, blocks[self.y].bytes);
        (self.forward + x).max(y).min((self.backward + y).max(x))
    }
}

/// For each step the blocks that may overlap there; numbers are those of buffers.
pub(super) fn pairs(program: &Program) -> Vec<Pair> {
    let lives = lives(program);
    (0..program.steps.len())
        .filter_map(|at| pair(program, at, |BufferId(i)| lives[i].map(|l| (l.first, l.last))))
        .collect()
}

fn pair(program: &Program, at: usize, life: impl Fn(BufferId) -> Option<(i64, i64)>) -> Option<Pair> {
    let step = &program.steps[at];
    let ends = [step.inputs.first(), step.outputs.first()].map(|operand| operand.copied().flatten());
    let [Some(x), Some(y)] = ends.map(|operand| operand.map(|operand| operand.window)) else { return None };
    let (read, written) = (x.buffer()?, y.buffer()?);
    let is_due = life(read)?.1 == at as i64 && life(written)?.0 == at as i64;
    if read == written || !is_due || [read, written].iter().any(|&buffer| operands_in(step, buffer) != 1) {
        return None;
    }
    let Gaps { forward, backward } = step.params.sliding()?.gaps(&x.tensor, &y.tensor)?;
    let bytes = |buffer: BufferId| program.buffers[buffer.0];
    // From buffer to buffer; where they lie apart as a whole, all is well.
    let between = |gap: u64, upper: &Window, lower: &Window, most: u64| {
        let gap = (gap + lower.tensor.offset).saturating_sub(upper.tensor.offset);
        gap.min(most).next_multiple_of(ALIGN as u64)
    };
    let (forward, backward) = (between(forward, &x, &y, bytes(written)), between(backward, &y, &x, bytes(read)));
    Some(Pair { x: read.0, y: written.0, forward, backward })
}
