//! Minimum cut: puts each of several items on one of two sides so that the sum of given costs is least.

use std::collections::VecDeque;

/// Where an item lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Side {
    /// As it was.
    Straight,
    /// On the other side.
    Turned,
}

/// Costs of sides, of items alone and in pairs.
pub(super) struct Cut {
    items: usize,
    /// For each item the cost of lying straight and of being turned.
    own: Vec<[usize; 2]>,
    /// (a, b, cost of a lying straight while b is turned)
    pairs: Vec<(usize, usize, usize)>,
}

struct Edge {
    to: usize,
    room: usize,
}

impl Cut {
    /// So many items, at no cost yet.
    pub(super) fn new(items: usize) -> Self {
        Self { items, own: vec![[0; 2]; items], pairs: Vec::new() }
    }

    /// Adds the costs of an item.
    pub(super) fn add(&mut self, item: usize, straight: usize, turned: usize) {
        self.own[item][0] += straight;
        self.own[item][1] += turned;
    }

    /// Adds the costs of two items: both straight, only `b` turned, only `a` turned, both turned. Where being alike
    /// costs more than differing, the sum is approximate.
    pub(super) fn add_pair(&mut self, a: usize, b: usize, [neither, second, first, both]: [usize; 4]) {
        if a == b {
            return self.add(a, neither, both);
        }
        self.add(a, neither, first);
        // What turning `b` adds while `a` is turned.
        self.add(b, first.saturating_sub(both), both.saturating_sub(first));
        self.pairs.push((a, b, (second + first).saturating_sub(neither + both)));
    }

    /// The sides of least cost, and of those the ones with fewest turned; `None` if all lie straight.
    pub(super) fn solve(&self) -> Option<Vec<Side>> {
        let (source, sink) = (self.items, self.items + 1);
        let mut edges: Vec<Edge> = Vec::new();
        let mut from: Vec<Vec<usize>> = vec![Vec::new(); self.items + 2];
        let mut connect = |a: usize, b: usize, room: usize| {
            if room > 0 {
                from[a].push(edges.len());
                edges.push(Edge { to: b, room });
                from[b].push(edges.len());
                edges.push(Edge { to: a, room: 0 });
            }
        };
        for (item, &[straight, turned]) in self.own.iter().enumerate() {
            let common = straight.min(turned);
            connect(source, item, turned - common);
            connect(item, sink, straight - common);
        }
        self.pairs.iter().for_each(|&(a, b, cost)| connect(a, b, cost));
        while let Some(path) = shortest(&edges, &from, source, sink) {
            let room = path.iter().map(|&e| edges[e].room).min().unwrap_or(0);
            for e in path {
                edges[e].room -= room;
                edges[e ^ 1].room += room;
            }
        }
        let turned = reaching(&edges, &from, sink);
        let sides: Vec<Side> =
            turned[..self.items].iter().map(|&t| if t { Side::Turned } else { Side::Straight }).collect();
        sides.contains(&Side::Turned).then_some(sides)
    }
}

/// Edges of a shortest way with room.
fn shortest(edges: &[Edge], from: &[Vec<usize>], source: usize, sink: usize) -> Option<Vec<usize>> {
    let mut through: Vec<Option<usize>> = vec![None; from.len()];
    let mut waiting = VecDeque::from([source]);
    while let Some(a) = waiting.pop_front() {
        for &e in &from[a] {
            let b = edges[e].to;
            if edges[e].room > 0 && b != source && through[b].is_none() {
                through[b] = Some(e);
                waiting.push_back(b);
            }
        }
    }
    let mut path = Vec::new();
    let mut at = sink;
    while at != source {
        let e = through[at]?;
        path.push(e);
        at = edges[e ^ 1].to;
    }
    Some(path)
}

/// What the sink can still be reached from.
fn reaching(edges: &[Edge], from: &[Vec<usize>], sink: usize) -> Vec<bool> {
    let mut seen = vec![false; from.len()];
    seen[sink] = true;
    let mut waiting = vec![sink];
    while let Some(b) = waiting.pop() {
        for &e in &from[b] {
            let a = edges[e].to;
            // Edge e leads from b to a; its twin leads from a to b.
            if edges[e ^ 1].room > 0 && !seen[a] {
                seen[a] = true;
                waiting.push(a);
            }
        }
    }
    seen
}
