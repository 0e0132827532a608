//! Random graphs: chains that split and join.

use coulter_plan::ops::*;
use coulter_plan::{Activation, ActivationKind, Plan};

use super::draft::{self, Draft};
use crate::CompileOptions;
use crate::graph::{Op, TensorId};
use crate::lower;
use crate::memory;

const MOST_ELEMENTS: usize = 4000;

/// Adds nodes that read what is there.
struct Grower {
    draft: Draft,
    tensors: Vec<TensorId>,
}

impl Grower {
    fn new(seed: u64) -> Self {
        let mut draft = Draft::new(seed);
        let shape: Vec<usize> = (0..draft.rng.in_range(2..=4)).map(|_| draft.rng.in_range(1..=5)).collect();
        let tensors = vec![draft.input(&shape), draft.input(&[1, 4, 5, 3])];
        Self { draft, tensors }
    }

    fn pick(&mut self) -> TensorId {
        // What was made last is read most often.
        let recent = self.tensors.len().saturating_sub(4);
        let from = if self.draft.rng.coin() { recent } else { 0 };
        self.tensors[self.draft.rng.in_range(from..=self.tensors.len() - 1)]
    }

    fn shape(&self, id: TensorId) -> Vec<usize> {
        self.draft.graph.tensor(id).shape.clone()
    }

    fn add(&mut self, op: Op, inputs: &[TensorId], shape: &[usize]) {
        if shape.iter().product::<usize>() <= MOST_ELEMENTS {
            let id = self.draft.node(op, inputs, shape);
            self.tensors.push(id);
        }
    }

    fn grow(&mut self) {
        let x = self.pick();
        let shape = self.shape(x);
        match self.draft.rng.in_range(0..=16) {
            0 => {
                self.add(Op::Unary(unary::Params { function: Activation::new(ActivationKind::Sigmoid) }), &[x], &shape)
            }
            1 => self.binary(x, &shape),
            2 => self.transpose(x, &shape),
            3 => self.slice(x, &shape),
            4 => self.concat(x, &shape),
            5 => self.reshape(x, &shape),
            6 => self.convolve(x, &shape),
            7 => self.pool(x, &shape),
            8 => self.fully_connected(x, &shape),
            9 => self.softmax(x, &shape),
            10 => self.broadcast(x, &shape),
            11 => self.matmul(x, &shape),
            12 => self.normalize(x, &shape),
            13 => self.pad(x, &shape),
            14 => self.gather(x, &shape),
            15 => self.resize(x, &shape),
            _ => self.reduce(x, &shape),
        }
    }

    fn binary(&mut self, x: TensorId, shape: &[usize]) {
        let alike: Vec<TensorId> = self.tensors.iter().copied().filter(|&id| self.shape(id) == shape).collect();
        let other = self.draft.rng.pick(&alike);
        let kind = self.draft.rng.pick(&[binary::Kind::Add, binary::Kind::Mul, binary::Kind::Max, binary::Kind::Sub]);
        // Values stay small.
        let activation = Activation { kind: ActivationKind::Clamp, a: -2.0, b: 2.0 };
        self.add(Op::Binary(binary::Params { kind, activation }), &[x, other], shape);
    }

    fn transpose(&mut self, x: TensorId, shape: &[usize]) {
        let mut permutation: Vec<usize> = (0..shape.len()).collect();
        for i in (1..shape.len()).rev() {
            permutation.swap(i, self.draft.rng.in_range(0..=i));
        }
        let to: Vec<usize> = permutation.iter().map(|&p| shape[p]).collect();
        self.add(Op::Transpose(permutation), &[x], &to);
    }

    fn slice(&mut self, x: TensorId, shape: &[usize]) {
        let (mut start, mut step, mut to) = (Vec::new(), Vec::new(), Vec::new());
        for &dim in shape {
            let stride = self.draft.rng.in_range(1..=2);
            let len = self.draft.rng.in_range(1..=dim.div_ceil(stride));
            let room = dim - (len - 1) * stride - 1;
            let first = self.draft.rng.in_range(0..=room);
            let backwards = self.draft.rng.in_range(0..=3) == 0;
            start.push(if backwards { first + (len - 1) * stride } else { first });
            step.push(if backwards { -(stride as isize) } else { stride as isize });
            to.push(len);
        }
        self.add(Op::Slice { start, step }, &[x], &to);
    }

    fn concat(&mut self, x: TensorId, shape: &[usize]) {
        let Some(last) = shape.len().checked_sub(1) else { return };
        let axis = self.draft.rng.in_range(0..=last);
        let fits =
            |other: &[usize]| other.len() == shape.len() && (0..shape.len()).all(|i| i == axis || other[i] == shape[i]);
        let alike: Vec<TensorId> = self.tensors.iter().copied().filter(|&id| fits(&self.shape(id))).collect();
        let mut parts = vec![x];
        for _ in 0..self.draft.rng.in_range(1..=2) {
            parts.push(self.draft.rng.pick(&alike));
        }
        let mut to = shape.to_vec();
        to[axis] = parts.iter().map(|&id| self.shape(id)[axis]).sum();
        self.add(Op::Concat(axis), &parts, &to);
    }

    fn reshape(&mut self, x: TensorId, shape: &[usize]) {
        let mut rest: usize = shape.iter().product();
        let mut to = Vec::new();
        while rest > 1 && to.len() < 4 {
            let divisors: Vec<usize> = (1..=rest).filter(|d| rest.is_multiple_of(*d)).collect();
            let dim = self.draft.rng.pick(&divisors);
            to.push(dim);
            rest /= dim;
        }
        to.push(rest);
        self.add(Op::Reshape, &[x], &to);
    }

    fn convolve(&mut self, x: TensorId, shape: &[usize]) {
        let &[n, h, w, c] = shape else { return };
        let outputs = self.draft.rng.in_range(1..=18);
        let weights = self.draft.weights(&[outputs, 3, 1, c]);
        let activation = Activation { kind: ActivationKind::Clamp, a: -2.0, b: 2.0 };
        let (kernel, stride, pad) = ([3, 1], [1, 2], [1, 0, 1, 0]);
        let params = conv2d::Params { kernel, stride, dilation: [1, 1], pad, groups: 1, activation };
        self.add(Op::Conv2d(params), &[x, weights], &[n, h, w.div_ceil(2), outputs]);
    }

    fn pool(&mut self, x: TensorId, shape: &[usize]) {
        let &[n, h, w, c] = shape else { return };
        if h < 2 || w < 2 {
            return;
        }
        let (kernel, stride, dilation, pad) = ([2, 2], [1, 1], [1, 1], [0; 4]);
        let kind = self.draft.rng.pick(&[pool2d::Kind::Max, pool2d::Kind::Average]);
        let activation = Activation::IDENTITY;
        let params = pool2d::Params { kind, kernel, stride, dilation, pad, ceil: false, activation };
        self.add(Op::Pool2d(params), &[x], &[n, h - 1, w - 1, c]);
    }

    fn fully_connected(&mut self, x: TensorId, shape: &[usize]) {
        let Some((&depth, outer)) = shape.split_last() else { return };
        let columns = self.draft.rng.in_range(1..=17);
        let weights = self.draft.weights(&[depth, columns]);
        let activation = Activation { kind: ActivationKind::Clamp, a: -2.0, b: 2.0 };
        let to = [outer, &[columns]].concat();
        self.add(Op::FullyConnected(fully_connected::Params { activation }), &[x, weights], &to);
    }

    fn softmax(&mut self, x: TensorId, shape: &[usize]) {
        if !shape.is_empty() {
            self.add(Op::Softmax(softmax::Params { log: false }), &[x], shape);
        }
    }

    fn broadcast(&mut self, x: TensorId, shape: &[usize]) {
        let to: Vec<usize> =
            shape.iter().map(|&dim| if dim == 1 { self.draft.rng.in_range(1..=3) } else { dim }).collect();
        self.add(Op::Broadcast, &[x], &to);
    }

    fn matmul(&mut self, x: TensorId, shape: &[usize]) {
        let &[ref batch @ .., m, k] = shape else { return };
        let mut permutation: Vec<usize> = (0..shape.len()).collect();
        permutation.swap(shape.len() - 2, shape.len() - 1);
        let turned = self.draft.node(Op::Transpose(permutation), &[x], &[batch, &[k, m]].concat());
        let activation = Activation { kind: ActivationKind::Clamp, a: -2.0, b: 2.0 };
        let params = matmul::Params { alpha: 0.25, activation };
        self.add(Op::MatMul(params), &[x, turned], &[batch, &[m, m]].concat());
    }

    fn normalize(&mut self, x: TensorId, shape: &[usize]) {
        let Some(&channels) = shape.last() else { return };
        let scale = self.draft.weights(&[channels]);
        let activation = Activation { kind: ActivationKind::Clamp, a: -2.0, b: 2.0 };
        let params = normalize::Params { kind: normalize::Kind::Layer, epsilon: 1.0, activation };
        self.add(Op::Normalize(params), &[x, scale], shape);
    }

    fn pad(&mut self, x: TensorId, shape: &[usize]) {
        let (mut before, mut to) = ([0; 8], shape.to_vec());
        for (i, dim) in to.iter_mut().enumerate() {
            before[i] = self.draft.rng.in_range(0..=1) as u32;
            *dim += before[i] as usize + self.draft.rng.in_range(0..=1);
        }
        self.add(Op::Pad(pad::Params { mode: pad::Mode::Edge, value: [0; 2], before }), &[x], &to);
    }

    fn gather(&mut self, x: TensorId, shape: &[usize]) {
        let Some(last) = shape.len().checked_sub(1) else { return };
        let axis = self.draft.rng.in_range(0..=last);
        let chosen: Vec<i64> = (0..3).map(|_| self.draft.rng.in_range(0..=shape[axis] - 1) as i64).collect();
        let indices = self.draft.integers(&[3], &chosen);
        let mut to = shape.to_vec();
        to[axis] = 3;
        self.add(Op::Gather(gather::Params { axis: axis as u32 }), &[x, indices], &to);
    }

    fn resize(&mut self, x: TensorId, shape: &[usize]) {
        let &[n, h, w, c] = shape else { return };
        let (mode, coordinates) = (resize::Mode::Linear, resize::Coordinates::Asymmetric);
        let nearest = resize::Nearest::Floor;
        let params = resize::Params { mode, coordinates, nearest, scales: [2.0, 1.0], cubic_a: -0.75 };
        self.add(Op::Resize(params), &[x], &[n, 2 * h, w, c]);
    }

    fn reduce(&mut self, x: TensorId, shape: &[usize]) {
        let axes = self.draft.rng.in_range(0..=(1 << shape.len()) - 1) as u32;
        let to: Vec<usize> =
            shape.iter().enumerate().map(|(i, &dim)| if axes >> i & 1 == 1 { 1 } else { dim }).collect();
        let params = reduce::Params { kind: reduce::Kind::Mean, axes, activation: Activation::IDENTITY };
        self.add(Op::Reduce(params), &[x], &to);
    }
}

fn graph(seed: u64) -> Draft {
    let mut grower = Grower::new(seed);
    for _ in 0..grower.draft.rng.in_range(1..=24) {
        grower.grow();
    }
    for _ in 0..grower.draft.rng.in_range(1..=3) {
        let id = grower.pick();
        grower.draft.output(id);
    }
    grower.draft
}

#[test]
fn plans_compute_what_graphs_say() {
    for seed in 0..400 {
        graph(seed).check();
    }
}

#[test]
fn the_same_graph_gives_the_same_bytes() {
    for seed in 0..20 {
        let draft = graph(seed);
        assert!(draft::compile(&draft.graph).plan == draft::compile(&draft.graph).plan, "graph {seed}");
    }
}

#[test]
fn buffers_alive_together_lie_apart() {
    for (seed, small) in (0..200).flat_map(|seed| [(seed, false), (seed, true)]) {
        let mut program = lower::lower(&graph(seed).graph, lower::Choices::ALL).expect("the graph lowers");
        memory::merge(&mut program);
        let (layout, blocks) = (memory::layout(&program, small), memory::blocks(&program));
        let all: Vec<usize> = (0..blocks.len()).collect();
        let pairs = if small { memory::pairs(&program, &all) } else { Vec::new() };
        let slides = |(x, x_at): (usize, u64), (y, y_at): (usize, u64)| {
            let pair = pairs.iter().find(|pair| (pair.x, pair.y) == (x, y));
            pair.is_some_and(|pair| x_at >= y_at + pair.forward || y_at >= x_at + pair.backward)
        };
        let placed = || all.iter().filter_map(|&i| Some((i, blocks[i]?, layout.offsets[i])));
        for (count, (i, a, a_at)) in placed().enumerate() {
            assert!(a_at + a.bytes <= layout.arena_bytes && a_at % 64 == 0);
            for (k, b, b_at) in placed().skip(count + 1).filter(|(_, b, _)| a.meets(b)) {
                let lie_apart = a_at + a.bytes <= b_at || b_at + b.bytes <= a_at;
                assert!(lie_apart || slides((i, a_at), (k, b_at)) || slides((k, b_at), (i, a_at)), "graph {seed}");
            }
        }
        assert!(layout.arena_bytes >= layout.lower_bound, "graph {seed}");
    }
}

#[test]
fn small_arenas_hold_the_same_outputs() {
    let mut smaller = 0;
    for seed in 0..200 {
        let mut draft = graph(seed);
        let inputs = draft.arrays();
        let [plain, small] = [false, true].map(|small_arena| {
            draft::compile_with(&draft.graph, &CompileOptions { small_arena, ..CompileOptions::default() })
        });
        assert!(small.report.arena_bytes <= plain.report.arena_bytes, "graph {seed}");
        assert!(small.report.arena_bytes >= small.report.arena_lower_bound_bytes, "graph {seed}");
        let most = small.report.steps.iter().map(|step| step.arena_bytes).max();
        assert!(most <= Some(small.report.arena_bytes), "graph {seed}");
        smaller += usize::from(small.report.arena_bytes < plain.report.arena_bytes);
        let [plain, small] = [plain, small].map(|compiled| draft::run(&compiled.plan, &inputs));
        assert!(plain.iter().zip(&small).all(|(a, b)| a.to_bytes() == b.to_bytes()), "graph {seed}");
    }
    assert!(smaller > 0, "{smaller} arenas are smaller");
}

#[test]
fn every_node_is_accounted_for() {
    for seed in 0..50 {
        let draft = graph(seed);
        let compiled = draft::compile(&draft.graph);
        let bytes = coulter_exec::AlignedBytes::copy_of(&compiled.plan);
        let plan = Plan::parse(&bytes).expect("the plan is valid");
        assert_eq!(compiled.report.plan_bytes, compiled.plan.len() as u64);
        assert_eq!(compiled.report.steps.len(), plan.step_count());
        let report = &compiled.report;
        for node in &draft.graph.nodes {
            let in_step = report.steps.iter().any(|step| step.onnx_nodes.contains(&node.name));
            let folded = report.folded.iter().any(|entry| entry.onnx_node == node.name);
            assert!(in_step != folded, "node {} of graph {seed}", node.name);
        }
    }
}
