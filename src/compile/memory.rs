//! Gives every buffer its place in the arena.

mod in_place;
mod pack;

use coulter_plan::format::ALIGN;

use crate::lower::{BufferId, Program, Step};

pub(crate) use in_place::merge;

/// When a buffer is in use: from one step to another, both included. Step −1 stands for what comes before the
/// first, and the number of steps for what comes after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// A buffer to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Bytes, a multiple of [`ALIGN`].
    pub(crate) bytes: u64,
    pub(crate) life: Life,
}

impl Block {
    pub(crate) fn lives_at(&self, step: i64) -> bool {
        (self.life.first..=self.life.last).contains(&step)
    }

    pub(crate) fn meets(&self, other: &Block) -> bool {
        self.life.first <= other.life.last && other.life.first <= self.life.last
    }
}

/// The arena's layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layout {
    /// Offset of each buffer; 0 for those that no step uses.
    pub(crate) offsets: Vec<u64>,
    pub(crate) arena_bytes: u64,
    /// The largest set of buffers alive at once.
    pub(crate) lower_bound: u64,
    /// Bytes alive during each step.
    pub(crate) live: Vec<u64>,
}

/// Lays the arena out.
pub(crate) fn layout(program: &Program) -> Layout {
    let blocks = blocks(program);
    let used: Vec<usize> = (0..blocks.len()).filter(|&i| blocks[i].is_some_and(|block| block.bytes > 0)).collect();
    let to_place: Vec<Block> = used.iter().filter_map(|&i| blocks[i]).collect();
    let (places, arena_bytes) = pack::place(&to_place);
    let mut offsets = vec![0; blocks.len()];
    used.iter().zip(&places).for_each(|(&i, &place)| offsets[i] = place);
    let alive = |step: i64| to_place.iter().filter(|block| block.lives_at(step)).map(|block| block.bytes).sum();
    let steps = program.steps.len() as i64;
    let lower_bound = (-1..=steps).map(alive).max().unwrap_or(0);
    Layout { offsets, arena_bytes, lower_bound, live: (0..steps).map(alive).collect() }
}

/// Each buffer with its life; `None` for those that nothing uses.
pub(crate) fn blocks(program: &Program) -> Vec<Option<Block>> {
    let lives = lives(program);
    let block = |(&bytes, life): (&u64, Option<Life>)| {
        life.map(|life| Block { bytes: bytes.next_multiple_of(ALIGN as u64), life })
    };
    program.buffers.iter().zip(lives).map(block).collect()
}

/// When each buffer is in use.
pub(crate) fn lives(program: &Program) -> Vec<Option<Life>> {
    let mut lives: Vec<Option<Life>> = vec![None; program.buffers.len()];
    let mut touch = |buffer: Option<BufferId>, at: i64| {
        let Some(BufferId(i)) = buffer else { return };
        let life = lives[i].get_or_insert(Life { first: at, last: at });
        life.first = life.first.min(at);
        life.last = life.last.max(at);
    };
    program.inputs.iter().for_each(|port| touch(port.operand.window.buffer(), -1));
    for (at, step) in program.steps.iter().enumerate() {
        step.operands().for_each(|operand| touch(operand.window.buffer(), at as i64));
    }
    let end = program.steps.len() as i64;
    program.outputs.iter().for_each(|port| touch(port.operand.window.buffer(), end));
    lives
}

/// Operands of a step that lie in a buffer.
fn operands_in(step: &Step, buffer: BufferId) -> usize {
    step.operands().filter(|operand| operand.window.buffer() == Some(buffer)).count()
}
