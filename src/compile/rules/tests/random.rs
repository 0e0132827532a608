//! Random graphs compute the same before and after.

use super::*;

const MOST_ELEMENTS: usize = 600;

struct Grower {
    s: Sketch,
    made: Vec<TensorId>,
}

impl Grower {
    fn up_to(&mut self, most: usize) -> usize {
        self.s.rng.in_range(0..=most)
    }

    fn pick(&mut self) -> TensorId {
        let first = if self.s.rng.coin() { self.made.len().saturating_sub(3) } else { 0 };
        let last = self.made.len() - 1;
        self.made[self.s.rng.in_range(first..=last)]
    }

    fn permutation(&mut self, rank: usize) -> Vec<usize> {
        let common: &[&[usize]] = match rank {
            4 => &[&[0, 3, 1, 2], &[0, 2, 3, 1], &[0, 2, 1, 3]],
            3 => &[&[0, 2, 1]],
            _ => &[],
        };
        if !common.is_empty() && self.up_to(3) > 0 {
            return self.s.rng.pick(common).to_vec();
        }
        let mut perm: Vec<usize> = (0..rank).collect();
        for i in (1..rank).rev() {
            let j = self.up_to(i);
            perm.swap(i, j);
        }
        perm
    }

    /// A tensor of the same kind of numbers as `x`, made by one more operator.
    fn grow(&mut self) -> Option<TensorId> {
        let x = self.pick();
        let shape = self.s.shape(x);
        let (rank, last) = (shape.len(), *shape.last()?);
        Some(match self.up_to(17) {
            0 => self.s.relu(x),
            1 => {
                let kinds = [ActivationKind::Tanh, ActivationKind::Sigmoid, ActivationKind::Neg, ActivationKind::Abs];
                let kind = self.s.rng.pick(&kinds);
                self.s.unary(kind, x)
            }
            2 | 3 => {
                let kinds = [binary::Kind::Add, binary::Kind::Mul, binary::Kind::Sub, binary::Kind::Div];
                let kind = self.s.rng.pick(&kinds);
                let value = self.s.rng.pick(&[0.5, 2.0, 3.0, -1.0]);
                self.s.with(kind, x, value)
            }
            4 => {
                let mut of = vec![1; rank];
                let d = self.up_to(rank - 1);
                of[d] = shape[d];
                let row = self.s.weights(&of);
                let kind = self.s.rng.pick(&[binary::Kind::Add, binary::Kind::Mul]);
                self.s.binary(kind, x, row)
            }
            5 | 6 => {
                let fits =
                    |s: &Sketch, id: TensorId| super::super::shapes::broadcast([&s.shape(id)[..], &shape]).is_some();
                let others: Vec<TensorId> = self.made.iter().copied().filter(|&id| fits(&self.s, id)).collect();
                let other = self.s.rng.pick(&others);
                let kind = self.s.rng.pick(&[binary::Kind::Add, binary::Kind::Max, binary::Kind::Sub]);
                self.s.binary(kind, x, other)
            }
            7 | 8 => {
                let perm = self.permutation(rank);
                self.s.transpose(x, &perm)
            }
            9 => self.reshape(x, &shape),
            10 => {
                let d = self.up_to(rank - 1);
                let start = self.up_to(shape[d] - 1);
                let mut to = shape.clone();
                to[d] = shape[d] - start;
                let mut starts = vec![0; rank];
                starts[d] = start;
                self.s.node(Op::Slice { start: starts, step: vec![1; rank] }, &[x], &to)
            }
            11 => {
                let d = self.up_to(rank - 1);
                let mut to = shape.clone();
                to[d] *= 2;
                let other = self.s.relu(x);
                self.s.node(Op::Concat(d), &[x, other], &to)
            }
            12 if rank == 4 => self.s.conv(x, 3, 1, 0),
            13 if rank == 4 && shape[1] > 1 && shape[2] > 1 => self.s.pool(pool2d::Kind::Max, x, 2, 1, 0),
            14 => self.s.layer(x, 4),
            15 => self.s.softmax(x),
            16 => {
                let kind = self.s.rng.pick(&[reduce::Kind::Mean, reduce::Kind::Max, reduce::Kind::Sum]);
                let axes = self.s.rng.in_range(1..=(1 << rank) - 1) as u32;
                self.s.reduce(kind, x, axes)
            }
            _ if last > 1 && rank > 1 => {
                let weights = self.s.weights(&[&vec![1; rank - 2][..], &[last, 5]].concat());
                self.s.matmul(x, weights)
            }
            _ => self.s.relu(x),
        })
    }

    fn reshape(&mut self, x: TensorId, shape: &[usize]) -> TensorId {
        let mut to = shape.to_vec();
        match self.up_to(3) {
            0 => to.insert(self.up_to(shape.len()).min(3), 1),
            1 => to.retain(|&dim| dim != 1),
            2 if to.len() > 1 => {
                let d = self.up_to(to.len() - 2);
                let next = to.remove(d + 1);
                to[d] *= next;
            }
            _ => {
                if let Some(d) = to.iter().position(|dim| dim.is_multiple_of(2)) {
                    to[d] /= 2;
                    to.insert(d, 2);
                }
            }
        }
        if to.is_empty() || to.len() > 5 { x } else { self.s.reshape(x, &to) }
    }
}

#[test]
fn random_graphs_compute_the_same() {
    for seed in 0..400 {
        let mut s = Sketch::new();
        s.rng = Rng::new(seed);
        let made = vec![s.input(&[1, 4, 3, 5]), s.input(&[2, 6, 4])];
        let mut g = Grower { s, made };
        for _ in 0..seed % 14 + 2 {
            let nodes = g.s.graph.nodes.len();
            if let Some(id) = g.grow() {
                if g.s.graph.tensor(id).len() <= MOST_ELEMENTS {
                    g.made.push(id);
                } else {
                    g.s.graph.nodes.truncate(nodes);
                }
            }
        }
        let read: Vec<TensorId> = g.s.graph.nodes.iter().flat_map(|n| n.inputs.iter().flatten().copied()).collect();
        let ends: Vec<TensorId> = g.made.iter().copied().filter(|id| !read.contains(id)).collect();
        ends.into_iter().for_each(|id| g.s.output(id));
        let extra = g.pick();
        g.s.output(extra);
        g.s.settled();
    }
}
