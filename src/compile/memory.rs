//! Gives every buffer its place in the arena.

mod in_place;
mod overlap;
mod pack;

use coulter_plan::format::ALIGN;

use crate::lower::{BufferId, Program, Step};

pub(crate) use in_place::merge;
pub(crate) use overlap::Pair;

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
    /// The least that the buffers alive at one step take together, where that is most.
    pub(crate) lower_bound: u64,
    /// Bytes in use during each step.
    pub(crate) live: Vec<u64>,
}

/// Lays the arena out; a small one lets outputs overlap inputs that nothing reads afterwards.
pub(crate) fn layout(program: &Program, small: bool) -> Layout {
    let blocks = blocks(program);
    let used: Vec<usize> = (0..blocks.len()).filter(|&i| blocks[i].is_some_and(|block| block.bytes > 0)).collect();
    let to_place: Vec<Block> = used.iter().filter_map(|&i| blocks[i]).collect();
    let pairs = if small { pairs(program, &used) } else { Vec::new() };
    let (places, arena_bytes) = if small { pack::place_overlapping(&to_place, &pairs) } else { pack::place(&to_place) };
    let mut offsets = vec![0; blocks.len()];
    used.iter().zip(&places).for_each(|(&i, &place)| offsets[i] = place);
    let steps = program.steps.len() as i64;
    let lower_bound = (-1..=steps).map(|step| least(&to_place, &pairs, step)).max().unwrap_or(0);
    Layout { offsets, arena_bytes, lower_bound, live: (0..steps).map(|step| live(&to_place, &places, step)).collect() }
}

/// Pairs that may overlap, by their places in `used`.
pub(crate) fn pairs(program: &Program, used: &[usize]) -> Vec<Pair> {
    let place = |buffer: usize| used.binary_search(&buffer).ok();
    let known = |pair: Pair| Some(Pair { x: place(pair.x)?, y: place(pair.y)?, ..pair });
    overlap::pairs(program).into_iter().filter_map(known).collect()
}

/// The least bytes that the blocks alive at a step can take.
fn least(blocks: &[Block], pairs: &[Pair], step: i64) -> u64 {
    let alive: u64 = blocks.iter().filter(|block| block.lives_at(step)).map(|block| block.bytes).sum();
    let here = pairs.iter().filter(|pair| blocks[pair.x].lives_at(step) && blocks[pair.y].lives_at(step));
    let shared = here.map(|pair| blocks[pair.x].bytes + blocks[pair.y].bytes - pair.span(blocks));
    alive - shared.sum::<u64>()
}

/// The bytes that the blocks alive at a step take.
fn live(blocks: &[Block], places: &[u64], step: i64) -> u64 {
    let alive = blocks.iter().zip(places).filter(|(block, _)| block.lives_at(step));
    let mut ranges: Vec<(u64, u64)> = alive.map(|(block, &at)| (at, at + block.bytes)).collect();
    ranges.sort_unstable();
    let mut end = 0;
    let bytes = |(from, to): (u64, u64)| {
        let new = to.saturating_sub(from.max(end));
        end = end.max(to);
        new
    };
    ranges.into_iter().map(bytes).sum()
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
