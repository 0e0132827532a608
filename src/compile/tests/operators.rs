//! Each operator by itself, with weights to be packed, channels past the last panel, and all that may be left out.

use coulter_plan::ops::*;
use coulter_plan::{Activation, ActivationKind, DType};

use super::draft::Draft;
use crate::graph::{Op, TensorId, Value};
use crate::lower::Choices;

const RELU: Activation = Activation::RELU;
const NONE: Activation = Activation::IDENTITY;

fn conv(groups: u32, activation: Activation) -> Op {
    let pad = [1, 1, 1, 1];
    Op::Conv2d(conv2d::Params { kernel: [3, 3], stride: [2, 1], dilation: [1, 1], pad, groups, activation })
}

#[test]
fn conv2d() {
    for (seed, groups, channels, outputs) in [(1, 1, 3, 20), (2, 2, 4, 6), (3, 3, 9, 51)] {
        let mut draft = Draft::new(seed);
        let x = draft.input(&[1, 6, 5, channels]);
        let w = draft.weights(&[outputs, 3, 3, channels / groups]);
        let bias = draft.weights(&[outputs]);
        let residual = draft.input(&[1, 3, 5, outputs]);
        let y = draft.node(conv(groups as u32, RELU), &[x, w, bias, residual], &[1, 3, 5, outputs]);
        let z = draft.node(conv(groups as u32, NONE), &[x, w], &[1, 3, 5, outputs]);
        draft.output(y);
        draft.output(z);
        draft.check();
    }
}

#[test]
fn winograd_conv2d() {
    for (seed, pad, [lines, columns], residual) in
        [(41, [1, 1, 1, 1], [16, 16], true), (42, [0, 2, 1, 1], [13, 19], false), (43, [0; 4], [30, 11], true)]
    {
        let mut draft = Draft::new(seed);
        let [height, width] = [lines + 2 - pad[0] - pad[2], columns + 2 - pad[1] - pad[3]].map(|n| n as usize);
        let shape = [1, lines as usize, columns as usize, 32];
        let x = draft.input(&[1, height, width, 16]);
        let (w, bias) = (draft.weights(&[32, 3, 3, 16]), draft.weights(&[32]));
        let params =
            conv2d::Params { kernel: [3, 3], stride: [1, 1], dilation: [1, 1], pad, groups: 1, activation: RELU };
        let mut inputs = vec![x, w, bias];
        if residual {
            inputs.push(draft.input(&shape));
        }
        let y = draft.node(Op::Conv2d(params), &inputs, &shape);
        let w = draft.weights(&[32, 3, 3, 32]);
        let params = conv2d::Params { pad: [1; 4], activation: Activation::new(ActivationKind::Silu), ..params };
        let z = draft.node(Op::Conv2d(params), &[y, w], &shape);
        draft.output(z);
        let graph = draft.graph.clone();
        let steps = draft.check().report.steps;
        assert!(steps.iter().all(|step| step.op == "winograd_conv2d" && step.kernel == "winograd_f32"), "{steps:#?}");
        let direct = crate::lower::lower(&graph, Choices::NONE).expect("the graph lowers");
        assert!(direct.steps.iter().all(|step| step.params.code().name() == "conv2d"));
    }
}

#[test]
fn fully_connected_with_weights_of_16_bits() {
    for (rows, expected) in [(1, DType::F16), (4, DType::F16), (5, DType::F32)] {
        let mut draft = Draft::new(44);
        let x = draft.input(&[rows, 300]);
        let w = draft.weights(&[300, 40]);
        let y = draft.node(Op::FullyConnected(fully_connected::Params { activation: RELU }), &[x, w], &[rows, 40]);
        draft.output(y);
        let graph = draft.graph.clone();
        let stored = |choices: Choices| {
            let program = crate::lower::lower(&graph, choices).expect("the graph lowers");
            program.steps[0].inputs[1].expect("weights").window.tensor.dtype
        };
        assert_eq!(stored(Choices { f16_weights: true, ..Choices::NONE }), expected, "{rows} rows");
        assert_eq!(stored(Choices::NONE), DType::F32);
        draft.check();
    }
}

#[test]
fn depthwise_conv2d() {
    let mut draft = Draft::new(4);
    let x = draft.input(&[2, 6, 5, 19]);
    let (w, bias) = (draft.weights(&[3, 2, 19]), draft.weights(&[19]));
    let params = depthwise_conv2d::Params {
        kernel: [3, 2],
        stride: [1, 2],
        dilation: [2, 1],
        pad: [2, 0, 1, 1],
        activation: RELU,
    };
    let y = draft.node(Op::DepthwiseConv2d(params), &[x, w, bias], &[2, 5, 3, 19]);
    draft.output(y);
    draft.check();
}

#[test]
fn conv_transpose2d() {
    let mut draft = Draft::new(5);
    let x = draft.input(&[1, 3, 4, 6]);
    let (w, bias) = (draft.weights(&[2, 3, 3, 5, 3]), draft.weights(&[10]));
    let params = conv_transpose2d::Params {
        kernel: [3, 3],
        stride: [2, 2],
        dilation: [1, 1],
        pad: [1, 1, 1, 1],
        output_pad: [1, 0],
        groups: 2,
        activation: NONE,
    };
    let y = draft.node(Op::ConvTranspose2d(params), &[x, w, bias], &[1, 6, 7, 10]);
    draft.output(y);
    draft.check();
}

#[test]
fn fully_connected() {
    let mut draft = Draft::new(6);
    let x = draft.input(&[2, 3, 7]);
    let (w, bias) = (draft.weights(&[7, 18]), draft.weights(&[18]));
    let op = Op::FullyConnected(fully_connected::Params { activation: NONE });
    let y = draft.node(op.clone(), &[x, w, bias], &[2, 3, 18]);
    let square = draft.weights(&[18, 18]);
    let z = draft.node_of(op, &[Some(y), Some(square), None, Some(y)], DType::F32, &[2, 3, 18]);
    draft.output(z);
    draft.check();
}

#[test]
fn dynamic_fully_connected() {
    for (per_row, w_zero, activation) in [(true, 0, NONE), (false, -7, RELU)] {
        let mut draft = Draft::new(26);
        let x = draft.input(&[2, 3, 7]);
        let w: Vec<u8> = (0..7 * 18).map(|_| draft.rng.next_u64() as u8).collect();
        let w = draft.graph.constant("w", DType::I8, &[7, 18], Value(w.into()));
        let (scale, bias) = (draft.weights(&[18]), draft.weights(&[18]));
        let op = Op::DynamicFullyConnected(dynamic_fully_connected::Params { per_row, w_zero, activation });
        let y = draft.node(op.clone(), &[x, w, scale, bias], &[2, 3, 18]);
        let reversed = draft.node(Op::Slice { start: vec![1, 2, 6], step: vec![-1, -1, -1] }, &[y], &[2, 3, 7]);
        let z = draft.node(op, &[reversed, w, scale], &[2, 3, 18]);
        draft.output(z);
        draft.check();
    }
}

#[test]
fn matmul() {
    let mut draft = Draft::new(7);
    let (a, b) = (draft.input(&[2, 1, 3, 4]), draft.input(&[5, 4, 3]));
    let params = matmul::Params { alpha: 0.5, activation: RELU };
    let y = draft.node(Op::MatMul(params), &[a, b], &[2, 5, 3, 3]);
    let t = draft.node(Op::Transpose(vec![0, 1, 3, 2]), &[y], &[2, 5, 3, 3]);
    let z = draft.node(Op::MatMul(params), &[t, y], &[2, 5, 3, 3]);
    draft.output(z);
    draft.check();
}

/// Queries, keys and values split into heads, and put together again.
fn attention_block(draft: &mut Draft, x: TensorId, [batch, len, heads, depth]: [usize; 4]) -> TensorId {
    let width = heads * depth;
    let op = Op::FullyConnected(fully_connected::Params { activation: NONE });
    let [q, k, v] = [(); 3].map(|()| {
        let w = draft.weights(&[width, width]);
        let flat = draft.node(op.clone(), &[x, w], &[batch, len, width]);
        let split = draft.node(Op::Reshape, &[flat], &[batch, len, heads, depth]);
        draft.node(Op::Transpose(vec![0, 2, 1, 3]), &[split], &[batch, heads, len, depth])
    });
    let params = attention::Params { scale: 0.3, causal: false };
    let y = draft.node(Op::Attention(params), &[q, k, v], &[batch, heads, len, depth]);
    let joined = draft.node(Op::Transpose(vec![0, 2, 1, 3]), &[y], &[batch, len, heads, depth]);
    let flat = draft.node(Op::Reshape, &[joined], &[batch, len, width]);
    let w = draft.weights(&[width, width]);
    draft.node(op, &[flat, w], &[batch, len, width])
}

#[test]
fn attention_needs_no_copies() {
    let mut draft = Draft::new(8);
    let x = draft.input(&[2, 5, 12]);
    let y = attention_block(&mut draft, x, [2, 5, 3, 4]);
    draft.output(y);
    let report = draft.check().report;
    assert!(report.steps.iter().all(|step| step.op != "copy"), "{:#?}", report.steps);
}

#[test]
fn attention_with_a_mask() {
    let mut draft = Draft::new(9);
    let (q, k, v) = (draft.input(&[1, 2, 3, 4]), draft.input(&[1, 2, 5, 4]), draft.input(&[1, 2, 5, 6]));
    let mask = draft.input(&[1, 1, 1, 5]);
    let params = attention::Params { scale: 1.0, causal: true };
    let y = draft.node(Op::Attention(params), &[q, k, v, mask], &[1, 2, 3, 6]);
    draft.output(y);
    draft.check();
}

#[test]
fn pool2d() {
    for kind in [pool2d::Kind::Max, pool2d::Kind::Average, pool2d::Kind::AverageWithPad] {
        let mut draft = Draft::new(10);
        let x = draft.input(&[1, 5, 5, 3]);
        let (kernel, stride, pad) = ([2, 3], [2, 2], [0, 1, 0, 1]);
        let params = pool2d::Params { kind, kernel, stride, dilation: [1, 1], pad, ceil: true, activation: NONE };
        let y = draft.node(Op::Pool2d(params), &[x], &[1, 3, 3, 3]);
        draft.output(y);
        draft.check();
    }
}

#[test]
fn reduce() {
    let mut draft = Draft::new(11);
    let x = draft.input(&[2, 3, 4]);
    let of = |kind| Op::Reduce(reduce::Params { kind, axes: 0b101, activation: NONE });
    for kind in [reduce::Kind::Mean, reduce::Kind::L2, reduce::Kind::Max, reduce::Kind::LogSumExp] {
        let y = draft.node(of(kind), &[x], &[1, 3, 1]);
        draft.output(y);
    }
    let of = Op::Reduce(reduce::Params { kind: reduce::Kind::ArgMax, axes: 0b10, activation: NONE });
    let y = draft.node_of(of, &[Some(x)], DType::I64, &[2, 1, 4]);
    draft.output(y);
    draft.check();
}

#[test]
fn unary_works_in_place() {
    let mut draft = Draft::new(12);
    let x = draft.input(&[2, 3]);
    let y = draft.node(Op::Unary(unary::Params { function: RELU }), &[x], &[2, 3]);
    draft.output(y);
    assert_eq!(draft.check().report.arena_bytes, 64);
}

#[test]
fn binary_and_select() {
    let mut draft = Draft::new(13);
    let (a, b) = (draft.input(&[2, 3, 4]), draft.input(&[1, 3, 1]));
    let scalar = draft.weights(&[1, 1, 1]);
    let of = |kind, activation| Op::Binary(binary::Params { kind, activation });
    let sum = draft.node(of(binary::Kind::Add, RELU), &[a, b], &[2, 3, 4]);
    let scaled = draft.node(of(binary::Kind::Mul, NONE), &[sum, scalar], &[2, 3, 4]);
    let less = draft.node_of(of(binary::Kind::Less, NONE), &[Some(scaled), Some(b)], DType::Bool, &[2, 3, 4]);
    let chosen = draft.node(Op::Select, &[less, a, b], &[2, 3, 4]);
    draft.output(chosen);
    draft.output(sum);
    draft.check();
}

#[test]
fn cast() {
    let mut draft = Draft::new(14);
    let x = draft.input_of(DType::I64, &[3, 2]);
    let y = draft.node(Op::Cast, &[x], &[3, 2]);
    draft.output(y);
    draft.check();
}

#[test]
fn softmax_of_a_transposed_input() {
    let mut draft = Draft::new(15);
    let x = draft.input(&[2, 3]);
    let t = draft.node(Op::Transpose(vec![1, 0]), &[x], &[3, 2]);
    let y = draft.node(Op::Softmax(softmax::Params { log: true }), &[t], &[3, 2]);
    let z = draft.node(Op::Transpose(vec![1, 0]), &[y], &[2, 3]);
    draft.output(z);
    draft.check();
}

#[test]
fn normalize() {
    for kind in [normalize::Kind::Layer, normalize::Kind::Rms] {
        let mut draft = Draft::new(16);
        let x = draft.input(&[4, 9]);
        let (scale, shift) = (draft.weights(&[9]), draft.weights(&[9]));
        let op = Op::Normalize(normalize::Params { kind, epsilon: 1e-3, activation: NONE });
        let y = draft.node(op.clone(), &[x, scale, shift], &[4, 9]);
        let z = draft.node(op, &[y], &[4, 9]);
        draft.output(z);
        draft.check();
    }
}

#[test]
fn pad() {
    for mode in [pad::Mode::Constant, pad::Mode::Reflect, pad::Mode::Edge, pad::Mode::Wrap] {
        let mut draft = Draft::new(17);
        let x = draft.input(&[3, 4]);
        let mut before = [0; 8];
        before[..2].copy_from_slice(&[1, 2]);
        let params = pad::Params { mode, value: [1.5f32.to_bits(), 0], before };
        let y = draft.node(Op::Pad(params), &[x], &[5, 8]);
        draft.output(y);
        draft.check();
    }
}

#[test]
fn gather() {
    let mut draft = Draft::new(18);
    let x = draft.input(&[3, 5, 2]);
    let fixed = draft.integers(&[2, 2], &[0, -1, 4, 2]);
    let given = draft.input_of(DType::I64, &[3]);
    let op = Op::Gather(gather::Params { axis: 1 });
    let y = draft.node(op.clone(), &[x, fixed], &[3, 2, 2, 2]);
    let z = draft.node(op, &[x, given], &[3, 3, 2]);
    draft.output(y);
    draft.output(z);
    draft.check();
}

#[test]
fn resize() {
    for mode in [resize::Mode::Nearest, resize::Mode::Linear, resize::Mode::Cubic] {
        let mut draft = Draft::new(19);
        let x = draft.input(&[1, 3, 4, 2]);
        let (coordinates, nearest) = (resize::Coordinates::HalfPixel, resize::Nearest::RoundPreferFloor);
        let params = resize::Params { mode, coordinates, nearest, scales: [2.0, 1.5], cubic_a: -0.75 };
        let y = draft.node(Op::Resize(params), &[x], &[1, 6, 6, 2]);
        draft.output(y);
        draft.check();
    }
}

#[test]
fn recurrent() {
    let tanh = Activation::new(ActivationKind::Tanh);
    let sigmoid = Activation::new(ActivationKind::Sigmoid);
    for (kind, gates, rows) in
        [(recurrent::Kind::Lstm, 4, 4), (recurrent::Kind::Gru, 3, 4), (recurrent::Kind::Rnn, 1, 1)]
    {
        let mut draft = Draft::new(20);
        let x = draft.input(&[4, 2, 3]);
        let (w, r) = (draft.weights(&[3, gates * 5]), draft.weights(&[5, gates * 5]));
        let (bias, h0) = (draft.weights(&[rows * 5]), draft.input(&[2, 5]));
        let activations = if gates == 1 { [tanh, NONE, NONE] } else { [sigmoid, tanh, tanh] };
        let params =
            recurrent::Params { kind, reverse: true, linear_before_reset: true, activations, clip: f32::INFINITY };
        let y = draft.graph.add("y", DType::F32, &[4, 2, 5]);
        let h = draft.graph.add("h", DType::F32, &[2, 5]);
        let inputs = [Some(x), Some(w), Some(r), Some(bias), Some(h0)];
        draft.push(Op::Recurrent(params), &inputs, &[Some(y), Some(h)]);
        draft.output(y);
        draft.output(h);
        draft.check();
    }
}
