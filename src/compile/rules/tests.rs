//! Rules on small graphs: what becomes of them, and that they compute the same as before.

mod attention;
mod channels;
mod functions;
mod fusions;
mod layout;
mod moves;
mod patches;
mod quantized;
mod random;
mod rows;

use std::collections::HashSet;

use coulter_plan::ops::{self, binary, conv2d, depthwise_conv2d, fully_connected, matmul, pool2d, reduce, unary};
use coulter_plan::{Activation, ActivationKind, DType};
use coulter_testkit::rng::Rng;

use crate::graph::{Graph, Node, Op, TensorId, Value};
use crate::tests::interpreter::{self, Array};

/// A graph in the making, with random constants.
struct Sketch {
    graph: Graph,
    rng: Rng,
}

impl Sketch {
    fn new() -> Self {
        Self { graph: Graph::default(), rng: Rng::new(7) }
    }

    fn input(&mut self, shape: &[usize]) -> TensorId {
        self.input_of(DType::F32, shape)
    }

    fn input_of(&mut self, dtype: DType, shape: &[usize]) -> TensorId {
        let name = format!("in{}", self.graph.inputs.len());
        let id = self.graph.add(&name, dtype, shape);
        self.graph.inputs.push((name, id));
        id
    }

    fn weights(&mut self, shape: &[usize]) -> TensorId {
        let values = self.rng.f32s(shape.iter().product());
        self.constant(shape, &values)
    }

    fn constant(&mut self, shape: &[usize], values: &[f32]) -> TensorId {
        let name = format!("c{}", self.graph.tensors.len());
        self.graph.constant(name, DType::F32, shape, Value::from_f32(values))
    }

    fn scalar(&mut self, rank: usize, value: f32) -> TensorId {
        self.constant(&vec![1; rank], &[value])
    }

    fn node(&mut self, op: Op, inputs: &[TensorId], shape: &[usize]) -> TensorId {
        self.node_of(op, inputs, DType::F32, shape)
    }

    fn node_of(&mut self, op: Op, inputs: &[TensorId], dtype: DType, shape: &[usize]) -> TensorId {
        let name = format!("n{}", self.graph.nodes.len());
        let id = self.graph.add(format!("t{}", self.graph.tensors.len()), dtype, shape);
        let inputs = inputs.iter().map(|&id| Some(id)).collect();
        self.graph.nodes.push(Node { onnx_nodes: vec![name.clone()], name, op, inputs, outputs: vec![Some(id)] });
        id
    }

    fn shape(&self, id: TensorId) -> Vec<usize> {
        self.graph.tensor(id).shape.clone()
    }

    fn transpose(&mut self, x: TensorId, perm: &[usize]) -> TensorId {
        let from = self.shape(x);
        let shape: Vec<usize> = perm.iter().map(|&p| from[p]).collect();
        self.node(Op::Transpose(perm.to_vec()), &[x], &shape)
    }

    fn reshape(&mut self, x: TensorId, shape: &[usize]) -> TensorId {
        self.node(Op::Reshape, &[x], shape)
    }

    fn function(&mut self, x: TensorId, function: Activation) -> TensorId {
        let shape = self.shape(x);
        self.node(Op::Unary(unary::Params { function }), &[x], &shape)
    }

    fn relu(&mut self, x: TensorId) -> TensorId {
        self.function(x, Activation::RELU)
    }

    fn unary(&mut self, kind: ActivationKind, x: TensorId) -> TensorId {
        self.function(x, Activation::new(kind))
    }

    fn binary(&mut self, kind: binary::Kind, a: TensorId, b: TensorId) -> TensorId {
        let shape = super::shapes::broadcast([&self.shape(a)[..], &self.shape(b)[..]]).expect("shapes broadcast");
        self.node(Op::Binary(binary::Params { kind, activation: Activation::IDENTITY }), &[a, b], &shape)
    }

    /// x ∘ number
    fn with(&mut self, kind: binary::Kind, x: TensorId, value: f32) -> TensorId {
        let rank = self.shape(x).len();
        let scalar = self.scalar(rank, value);
        self.binary(kind, x, scalar)
    }

    fn reduce(&mut self, kind: reduce::Kind, x: TensorId, axes: u32) -> TensorId {
        let reduced = |(d, &dim): (usize, &usize)| if axes >> d & 1 == 1 { 1 } else { dim };
        let shape: Vec<usize> = self.shape(x).iter().enumerate().map(reduced).collect();
        self.node(Op::Reduce(reduce::Params { kind, axes, activation: Activation::IDENTITY }), &[x], &shape)
    }

    /// Convolution of an NHWC tensor to `o` channels, with bias.
    fn conv(&mut self, x: TensorId, o: usize, kernel: usize, pad: usize) -> TensorId {
        let [n, h, w, c] = self.shape(x)[..] else { panic!("rank 4") };
        let (weights, bias) = (self.weights(&[o, kernel, kernel, c]), self.weights(&[o]));
        let op = Op::Conv2d(conv_params(kernel as u32, pad as u32));
        let size = |d: usize| d + 2 * pad + 1 - kernel;
        self.node(op, &[x, weights, bias], &[n, size(h), size(w), o])
    }

    fn depthwise(&mut self, x: TensorId, kernel: usize, pad: usize) -> TensorId {
        let [n, h, w, c] = self.shape(x)[..] else { panic!("rank 4") };
        let weights = self.weights(&[kernel, kernel, c]);
        let Op::Conv2d(p) = Op::Conv2d(conv_params(kernel as u32, pad as u32)) else { unreachable!() };
        let conv2d::Params { kernel: k, stride, dilation, pad: around, activation, .. } = p;
        let op = Op::DepthwiseConv2d(depthwise_conv2d::Params { kernel: k, stride, dilation, pad: around, activation });
        let size = |d: usize| d + 2 * pad + 1 - kernel;
        self.node(op, &[x, weights], &[n, size(h), size(w), c])
    }

    /// As the front end gives a convolution of an NCHW tensor.
    fn conv_nchw(&mut self, x: TensorId, o: usize, kernel: usize, pad: usize) -> TensorId {
        let x = self.transpose(x, &[0, 2, 3, 1]);
        let y = self.conv(x, o, kernel, pad);
        self.transpose(y, &[0, 3, 1, 2])
    }

    fn pool(&mut self, kind: pool2d::Kind, x: TensorId, kernel: usize, stride: usize, pad: usize) -> TensorId {
        let [n, h, w, c] = self.shape(x)[..] else { panic!("rank 4") };
        let op = Op::Pool2d(pool2d::Params {
            kind,
            kernel: [kernel as u32; 2],
            stride: [stride as u32; 2],
            dilation: [1; 2],
            pad: [pad as u32; 4],
            ceil: false,
            activation: Activation::IDENTITY,
        });
        let size = |d: usize| (d + 2 * pad - kernel) / stride + 1;
        self.node(op, &[x], &[n, size(h), size(w), c])
    }

    /// Zeros, or another value, around height and width of an NHWC tensor.
    fn pad_image(&mut self, x: TensorId, amount: usize, value: f32) -> TensorId {
        let [n, h, w, c] = self.shape(x)[..] else { panic!("rank 4") };
        let mut before = [0; 8];
        before[1] = amount as u32;
        before[2] = amount as u32;
        let value = [value.to_bits(), 0];
        let op = Op::Pad(ops::pad::Params { mode: ops::pad::Mode::Constant, value, before });
        self.node(op, &[x], &[n, h + 2 * amount, w + 2 * amount, c])
    }

    fn layer(&mut self, x: TensorId, n: usize) -> TensorId {
        let mut shape = self.shape(x);
        let k = shape.pop().expect("a last dimension");
        shape.push(n);
        let (weights, bias) = (self.weights(&[k, n]), self.weights(&[n]));
        let op = Op::FullyConnected(fully_connected::Params { activation: Activation::IDENTITY });
        self.node(op, &[x, weights, bias], &shape)
    }

    fn matmul(&mut self, a: TensorId, b: TensorId) -> TensorId {
        let (a_shape, b_shape) = (self.shape(a), self.shape(b));
        let rank = a_shape.len();
        let batch = super::shapes::broadcast([&a_shape[..rank - 2], &b_shape[..rank - 2]]).expect("batches broadcast");
        let shape = [&batch[..], &[a_shape[rank - 2], b_shape[rank - 1]]].concat();
        let op = Op::MatMul(matmul::Params { alpha: 1.0, activation: Activation::IDENTITY });
        self.node(op, &[a, b], &shape)
    }

    fn softmax(&mut self, x: TensorId) -> TensorId {
        let shape = self.shape(x);
        self.node(Op::Softmax(ops::softmax::Params { log: false }), &[x], &shape)
    }

    fn output(&mut self, id: TensorId) {
        self.graph.outputs.push((format!("out{}", self.graph.outputs.len()), id));
    }

    /// Applies all rules; the outputs stay the same within 1e-5, no ONNX node is lost, nodes stay in order.
    fn settled(mut self) -> Graph {
        let inputs: Vec<Array> = self.graph.inputs.clone().iter().map(|(_, id)| self.array(*id)).collect();
        let before = interpreter::run(&self.graph, &inputs);
        let mut graph = self.graph.clone();
        super::apply(&mut graph);
        check_structure(&self.graph, &graph);
        let after = interpreter::run(&graph, &inputs);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((before.dtype, &before.shape), (after.dtype, &after.shape));
            let largest = before.values.iter().filter(|v| v.is_finite()).fold(1f64, |m, v| m.max(v.abs()));
            for (i, (a, b)) in before.values.iter().zip(&after.values).enumerate() {
                let same = a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-5 * largest;
                assert!(same, "element {i} was {a} and is {b}: {:#?}", graph.nodes);
            }
        }
        let mut again = graph.clone();
        super::apply(&mut again);
        assert_eq!(ops_of(&again), ops_of(&graph), "a second time changes nothing");
        graph
    }

    /// Outputs only, one of them: the names of the operators that remain, in order.
    fn ops(mut self, result: TensorId) -> Vec<&'static str> {
        self.output(result);
        ops_of(&self.settled())
    }

    fn array(&mut self, id: TensorId) -> Array {
        let (dtype, shape) = (self.graph.tensor(id).dtype, self.shape(id));
        let count = shape.iter().product();
        let value = |rng: &mut Rng| match dtype {
            DType::F32 => f64::from(rng.f32()) * 2.0,
            DType::Bool => f64::from(u8::from(rng.coin())),
            DType::U8 => rng.in_range(0..=255) as f64,
            _ => rng.in_range(0..=3) as f64,
        };
        let values = (0..count).map(|_| value(&mut self.rng)).collect();
        Array::new(dtype, &shape, values)
    }
}

fn conv_params(kernel: u32, pad: u32) -> conv2d::Params {
    conv2d::Params {
        kernel: [kernel; 2],
        stride: [1; 2],
        dilation: [1; 2],
        pad: [pad; 4],
        groups: 1,
        activation: Activation::IDENTITY,
    }
}

fn ops_of(graph: &Graph) -> Vec<&'static str> {
    graph.nodes.iter().map(|node| node.op.name()).collect()
}

/// The node with this operator.
fn find<'g>(graph: &'g Graph, op: &str) -> &'g Node {
    graph.nodes.iter().find(|node| node.op.name() == op).unwrap_or_else(|| panic!("no {op} in {:?}", ops_of(graph)))
}

fn check_structure(before: &Graph, after: &Graph) {
    let mut known: HashSet<TensorId> = after.inputs.iter().map(|(_, id)| *id).collect();
    known.extend((0..after.tensors.len()).map(TensorId).filter(|&id| after.tensor(id).value.is_some()));
    for node in &after.nodes {
        assert!(node.inputs.iter().flatten().all(|id| known.contains(id)), "{} comes too early", node.name);
        known.extend(node.outputs.iter().flatten());
    }
    assert!(after.outputs.iter().all(|(_, id)| known.contains(id)));
    let mut names: HashSet<&str> = after.folded.iter().map(|(name, _)| name.as_str()).collect();
    names.extend(after.nodes.iter().flat_map(|node| node.onnx_nodes.iter().map(String::as_str)));
    for name in before.nodes.iter().flat_map(|node| &node.onnx_nodes) {
        assert!(names.contains(name.as_str()), "{name} is lost");
    }
}
