//! Offsets for blocks with lives: those that live at the same time lie apart, but for pairs that may overlap.

use super::{Block, Pair};

/// Rounds of improvement after the first layouts.
const ROUNDS: usize = 64;

/// Pairs of blocks that the search for a smaller arena looks at: a fraction of a second.
const VISITS: usize = 2_000_000;

/// How a block must lie to another one that lives at the same time: so far above it, or so far below.
#[derive(Clone, Copy)]
struct Neighbour {
    other: usize,
    above: u64,
    below: u64,
}

/// Blocks and how they may lie.
pub(super) struct Packing<'b> {
    blocks: &'b [Block],
    neighbours: Vec<Vec<Neighbour>>,
}

/// Offsets, and the bytes that they reach.
type Places = (Vec<u64>, u64);

/// Which of the gaps that take a block it is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// The smallest.
    Best,
    /// The lowest.
    First,
}

/// Offsets, and the bytes that they reach. The order in which blocks are placed decides how well they fit: several
/// are tried, and the best is improved by moving to the front the blocks that reach highest.
pub(super) fn place(blocks: &[Block]) -> Places {
    let packing = Packing::new(blocks, &[]);
    let bound = packing.bound(&[]);
    let mut best = (Vec::new(), u64::MAX);
    orders(blocks).into_iter().for_each(|order| packing.improve(order, Fit::Best, bound, &mut best));
    best
}

/// As [`place`], but pairs may overlap, and more orders are tried; never more bytes than there.
pub(super) fn place_overlapping(blocks: &[Block], pairs: &[Pair]) -> Places {
    let packing = Packing::new(blocks, pairs);
    let bound = packing.bound(pairs);
    let mut best = place(blocks);
    let first = |i: usize| blocks[i].life.first;
    let mut forwards: Vec<usize> = (0..blocks.len()).collect();
    forwards.sort_by_key(|&i| first(i));
    let backwards: Vec<usize> = forwards.iter().rev().copied().collect();
    for order in orders(blocks).into_iter().chain([forwards, backwards]) {
        for fit in [Fit::Best, Fit::First] {
            packing.improve(order.clone(), fit, bound, &mut best);
        }
    }
    packing.search(bound, best)
}

impl<'b> Packing<'b> {
    fn new(blocks: &'b [Block], pairs: &[Pair]) -> Self {
        let mut neighbours = vec![Vec::new(); blocks.len()];
        for (i, block) in blocks.iter().enumerate() {
            for (other, met) in blocks.iter().enumerate().filter(|(other, met)| *other != i && block.meets(met)) {
                let apart = Neighbour { other, above: met.bytes, below: block.bytes };
                let pair = pairs.iter().find_map(|pair| match *pair {
                    Pair { x, y, forward, backward } if (x, y) == (i, other) => Some((forward, backward)),
                    Pair { x, y, forward, backward } if (y, x) == (i, other) => Some((backward, forward)),
                    _ => None,
                });
                let neighbour = pair.map_or(apart, |(above, below)| Neighbour { other, above, below });
                neighbours[i].push(neighbour);
            }
        }
        Self { blocks, neighbours }
    }

    /// The largest set of blocks alive at once.
    fn bound(&self, pairs: &[Pair]) -> u64 {
        let steps = self.blocks.iter().map(|block| block.life.first);
        steps.map(|step| super::least(self.blocks, pairs, step)).max().unwrap_or(0)
    }

    /// Keeps the best of the places that an order gives, and those that follow from it.
    fn improve(&self, mut order: Vec<usize>, fit: Fit, bound: u64, best: &mut Places) {
        for _ in 0..ROUNDS {
            let (places, reach) = self.place_in(&order, fit);
            let at_top = |&i: &usize| places[i] + self.blocks[i].bytes == reach;
            let highest = order.iter().position(at_top);
            if reach < best.1 {
                *best = (places, reach);
            }
            let Some(highest) = highest.filter(|&at| at > 0 && best.1 > bound) else { break };
            let moved = order.remove(highest);
            order.insert(0, moved);
        }
    }

    /// Moves blocks about in the order of the best places, as long as that is no loss. From the lowest block to the
    /// highest, each in the lowest gap, any places come about or lower ones: some order gives the best that there are.
    fn search(&self, bound: u64, mut best: Places) -> Places {
        let count = self.blocks.len();
        let sorted = |places: &[u64]| {
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by_key(|&i| places[i]);
            order
        };
        let visits = self.neighbours.iter().map(Vec::len).sum::<usize>() + count;
        let (tries, mut order, mut reach) = (VISITS / visits.max(1), sorted(&best.0), best.1);
        let mut state = 1u64;
        let mut random = |below: usize| {
            // Knuth's generator: equal blocks get equal places everywhere.
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % below.max(1)
        };
        for _ in 0..tries {
            if best.1 <= bound || count < 2 {
                break;
            }
            let (from, to) = (random(count), random(count));
            let before = order.clone();
            let moved = order.remove(from);
            order.insert(to, moved);
            let (places, now) = self.place_in(&order, Fit::First);
            if now > reach {
                order = before;
                continue;
            }
            reach = now;
            if now < best.1 {
                order = sorted(&places);
                best = (places, now);
            }
        }
        best
    }

    /// Places blocks in this order.
    fn place_in(&self, order: &[usize], fit: Fit) -> Places {
        let mut places: Vec<Option<u64>> = vec![None; self.blocks.len()];
        // Offsets that a block may not have, each from one past the first to one before the last.
        let mut taken: Vec<(i64, u64)> = Vec::new();
        let mut reach = 0;
        for &i in order {
            taken.clear();
            let placed = self.neighbours[i].iter().filter_map(|neighbour| Some((neighbour, places[neighbour.other]?)));
            taken.extend(placed.map(|(to, at)| (at as i64 - to.below as i64, at + to.above)));
            taken.sort_unstable();
            let mut gap: Option<(i64, u64)> = None;
            let mut free_from = 0;
            for &(from, to) in &taken {
                let room = from - free_from as i64;
                if room >= 0 && gap.is_none_or(|(least, _)| fit == Fit::Best && room < least) {
                    gap = Some((room, free_from));
                }
                free_from = free_from.max(to);
            }
            let at = gap.map_or(free_from, |(_, at)| at);
            places[i] = Some(at);
            reach = reach.max(at + self.blocks[i].bytes);
        }
        (places.into_iter().map(Option::unwrap_or_default).collect(), reach)
    }
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
