//! Offsets for blocks with lives: those that live at the same time lie apart.

use super::Block;

/// Rounds of improvement after the first layouts.
const ROUNDS: usize = 64;

/// Offsets, and the bytes that they reach. The order in which blocks are placed decides how well they fit: several
/// are tried, and the best is improved by moving to the front the blocks that reach highest.
pub(super) fn place(blocks: &[Block]) -> (Vec<u64>, u64) {
    let bound = bound(blocks);
    let mut best = (Vec::new(), u64::MAX);
    for mut order in orders(blocks) {
        for _ in 0..ROUNDS {
            let (places, reach) = place_in(blocks, &order);
            let at_top = |&i: &usize| places[i] + blocks[i].bytes == reach;
            let highest = order.iter().position(at_top);
            if reach < best.1 {
                best = (places, reach);
            }
            let Some(highest) = highest.filter(|&at| at > 0 && best.1 > bound) else { break };
            let moved = order.remove(highest);
            order.insert(0, moved);
        }
    }
    best
}

/// The largest set of blocks alive at once.
fn bound(blocks: &[Block]) -> u64 {
    let alive = |step| blocks.iter().filter(|block| block.lives_at(step)).map(|block| block.bytes).sum();
    blocks.iter().map(|block| alive(block.life.first)).max().unwrap_or(0)
}

/// Orders worth trying.
fn orders(blocks: &[Block]) -> Vec<Vec<usize>> {
    let length = |i: usize| (blocks[i].life.last - blocks[i].life.first + 1) as u64;
    let bytes = |i: usize| blocks[i].bytes;
    let first = |i: usize| blocks[i].life.first as u64;
    let by = |key: &dyn Fn(usize) -> (u64, u64)| {
        let mut order: Vec<usize> = (0..blocks.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(key(i)), i));
        order
    };
    vec![
        by(&|i| (bytes(i), length(i))),
        by(&|i| (bytes(i) * length(i), bytes(i))),
        by(&|i| (length(i), bytes(i))),
        by(&|i| (u64::MAX - first(i).wrapping_add(1), bytes(i))),
    ]
}

/// Places blocks in this order, each into the smallest gap that takes it.
fn place_in(blocks: &[Block], order: &[usize]) -> (Vec<u64>, u64) {
    let mut places = vec![0u64; blocks.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(blocks.len());
    let mut reach = 0;
    for &i in order {
        let mut gap: Option<(u64, u64)> = None;
        let mut free_from = 0;
        // `placed` is sorted by place.
        for &other in placed.iter().filter(|&&other| blocks[other].meets(&blocks[i])) {
            let room = places[other].saturating_sub(free_from);
            if places[other] >= free_from && room >= blocks[i].bytes && gap.is_none_or(|(least, _)| room < least) {
                gap = Some((room, free_from));
            }
            free_from = free_from.max(places[other] + blocks[other].bytes);
        }
        places[i] = gap.map_or(free_from, |(_, at)| at);
        reach = reach.max(places[i] + blocks[i].bytes);
        let at = placed.partition_point(|&other| places[other] <= places[i]);
        placed.insert(at, i);
    }
    (places, reach)
}
