//! Products of numbers that are quantized as they come: every operation on f32 as onnxruntime does it, to the bit.

use coulter_exec::{AlignedBytes, Session, SessionOptions};
use coulter_kernels::IsaSet;
use coulter_plan::{DType, Plan};
use coulter_testkit::rng::Rng;
use prost::Message;
use tract_onnx::pb::{NodeProto, OperatorSetIdProto};

use super::bytes;
use crate::front::tensors;
use crate::front::tests::draft::{self, Draft};
use crate::graph::Value;
use crate::{CompileOptions, Report};

/// The step that all becomes.
const STEP: &str = "dynamic_fully_connected";

fn ops(report: &Report) -> Vec<&str> {
    report.steps.iter().map(|step| step.op.as_str()).collect()
}

/// x as bytes, their scale, their zero point.
fn quantized(x: &[f32]) -> (Vec<i32>, f32, i32) {
    let (least, greatest) = x.iter().fold((0.0_f32, 0.0_f32), |(a, b), &v| (a.min(v), b.max(v)));
    let scale = (greatest - least) / 255.0;
    let scale = if scale == 0.0 { 1.0 } else { scale };
    let zero = (0.0 - least / scale).clamp(0.0, 255.0).round_ties_even();
    let byte = |v: &f32| ((v / scale).round_ties_even() + zero).clamp(0.0, 255.0) as i32;
    (x.iter().map(byte).collect(), scale, zero as i32)
}

/// Constant weights `[K, N]`.
struct Weights {
    dtype: DType,
    shape: [usize; 2],
    bytes: Vec<u8>,
    scales: Vec<f32>,
    zeros: Vec<u8>,
}

impl Weights {
    fn new(rng: &mut Rng, dtype: DType, [k, n]: [usize; 2], channels: bool) -> Self {
        let count = if channels { n } else { 1 };
        let zeros = (0..count).map(|i| if dtype == DType::U8 { 119 + i as u8 } else { 0 }).collect();
        // Far enough from the ends that a difference of two needs no ninth bit.
        let bytes = (0..k * n).map(|_| rng.next_u64() as u8).map(|b| if channels { b / 2 + 60 } else { b }).collect();
        Self { dtype, shape: [k, n], bytes, scales: (0..count).map(|i| 0.01 + 0.002 * i as f32).collect(), zeros }
    }

    /// As `[N, K]`.
    fn turned(&self) -> Self {
        let ([k, n], Self { dtype, bytes, scales, zeros, .. }) = (self.shape, self);
        let bytes = (0..k * n).map(|i| bytes[i % k * n + i / k]).collect();
        Self { dtype: *dtype, shape: [n, k], bytes, scales: scales.clone(), zeros: zeros.clone() }
    }

    fn number(&self, byte: u8) -> i32 {
        if self.dtype == DType::U8 { byte.into() } else { (byte as i8).into() }
    }

    /// x · weights
    fn product(&self, x: &[f32]) -> Vec<f32> {
        let [k, n] = self.shape;
        let (q, scale, zero) = quantized(x);
        let of = |i: usize| {
            let (row, c) = (&q[i / n * k..][..k], i % n);
            let w_zero = self.number(self.zeros[c % self.zeros.len()]);
            let sum: i32 = (0..k).map(|j| (row[j] - zero) * (self.number(self.bytes[j * n + c]) - w_zero)).sum();
            sum as f32 * (scale * self.scales[c % self.scales.len()])
        };
        (0..x.len() / k * n).map(of).collect()
    }
}

/// A model in the making.
struct Model {
    draft: Draft,
    rng: Rng,
    x: Vec<f32>,
}

impl Model {
    /// Of one input x.
    fn new(shape: &[usize]) -> Self {
        let mut rng = Rng::new(3);
        let x = rng.f32s(shape.iter().product()).iter().map(|v| v * 3.0 + 0.7).collect();
        let dims: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
        let mut draft = Draft::new(13).input("x", DType::F32, &dims);
        draft.0.opset_import.push(OperatorSetIdProto { domain: "com.microsoft".into(), version: 1 });
        Self { draft, rng, x }
    }

    fn node(&mut self, op: &str, inputs: &[&str], outputs: &[&str]) {
        let name = format!("{op} {}", outputs[0]);
        self.draft = self.draft.clone().add(NodeProto { name, ..draft::node(op, inputs, outputs, &[]) });
    }

    fn microsoft(&mut self, op: &str, inputs: &[&str], output: &str) {
        let domain = "com.microsoft".into();
        self.draft = self.draft.clone().add(NodeProto { domain, ..draft::node(op, inputs, &[output], &[]) });
    }

    fn constant(&mut self, name: &str, dtype: DType, shape: &[usize], bytes: Vec<u8>) {
        self.draft = self.draft.clone().constant(tensors::write(name, dtype, shape, &Value(bytes.into())));
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        self.constant(name, DType::F32, shape, bytes(values));
    }

    fn quantize(&mut self) {
        self.quantize_as(["q", "s", "z"]);
    }

    /// Quantizes x to these names.
    fn quantize_as(&mut self, names: [&str; 3]) {
        self.node("DynamicQuantizeLinear", &["x"], &names);
    }

    /// The constants of a product, with its name in front of theirs.
    fn weights(&mut self, name: &str, weights: &Weights, shape: &[usize]) {
        let of = if weights.scales.len() == 1 { vec![] } else { vec![weights.scales.len()] };
        self.constant(&format!("{name}w"), weights.dtype, shape, weights.bytes.clone());
        self.constant(&format!("{name}z"), weights.dtype, &of, weights.zeros.clone());
        self.floats(&format!("{name}s"), &of, &weights.scales);
    }

    /// A product of q, with its scales.
    fn product(&mut self, op: &str, name: &str) {
        let [w, z, s] = ["w", "z", "s"].map(|of| format!("{name}{of}"));
        let [sums, real, scales] = ["i", "f", "m"].map(|of| format!("{name}{of}"));
        self.node("Mul", &["s", &s], &[&scales]);
        self.node(op, &["q", &w, "z", &z], &[&sums]);
        self.draft = {
            let cast = draft::node("Cast", &[&sums], &[&real], &[draft::int("to", 1)]);
            self.draft.clone().add(NodeProto { name: format!("Cast {name}"), ..cast })
        };
        self.node("Mul", &[&real, &scales], &[name]);
    }

    /// Compiles, runs, and gives the report and the outputs. All ONNX nodes are accounted for.
    fn run(&self, outputs: &[&str]) -> (Report, Vec<Vec<f32>>) {
        let model = outputs.iter().fold(self.draft.clone(), |model, name| model.output(name));
        let folder = tempfile::tempdir().expect("a folder for the model");
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, model.0.encode_to_vec()).expect("the model can be written");
        let options = CompileOptions { forbid_fallback: true, ..CompileOptions::default() };
        let compiled = crate::compile(&path, &options, &mut |_, _| ()).expect("the model compiles");
        let accounted: Vec<&String> = compiled.report.steps.iter().flat_map(|step| &step.onnx_nodes).collect();
        for node in model.0.graph.iter().flat_map(|graph| &graph.node).filter(|node| !node.name.is_empty()) {
            assert!(accounted.contains(&&node.name), "{} is not accounted for: {accounted:?}", node.name);
        }
        let file = AlignedBytes::copy_of(&compiled.plan);
        let plan = Plan::parse(&file).expect("a sound plan");
        let options = SessionOptions { isas: IsaSet::detect(), ..SessionOptions::default() };
        let mut session = Session::new(plan, options).expect("the plan binds");
        session.input_mut(0).copy_from_slice(&bytes(&self.x));
        session.run().expect("the plan runs");
        let output = |i: usize| Value(session.output(i).into()).to_f32();
        (compiled.report, (0..plan.output_count()).map(output).collect())
    }
}

#[test]
fn a_product_is_one_step() {
    for (dtype, channels) in [(DType::U8, false), (DType::I8, false), (DType::I8, true), (DType::U8, true)] {
        // More than 258 products, which f32 does not add up exactly.
        for shape in [vec![1, 300], vec![2, 3, 300]] {
            let mut m = Model::new(&shape);
            let weights = Weights::new(&mut m.rng, dtype, [300, 18], channels);
            m.quantize();
            m.weights("y", &weights, &[300, 18]);
            m.product("MatMulInteger", "y");
            let (report, y) = m.run(&["y"]);
            assert_eq!(ops(&report), [STEP]);
            assert_eq!(y[0], weights.product(&m.x), "{dtype} {channels} {shape:?}");
        }
    }
}

#[test]
fn a_product_takes_in_bias_and_function() {
    let mut m = Model::new(&[4, 9]);
    let weights = Weights::new(&mut m.rng, DType::U8, [9, 5], false);
    let bias = [0.5, -1.0, 0.0, 2.0, -0.25];
    m.floats("b", &[5], &bias);
    m.quantize();
    m.weights("p", &weights, &[9, 5]);
    m.product("MatMulInteger", "p");
    m.node("Add", &["b", "p"], &["sum"]);
    m.node("Relu", &["sum"], &["y"]);
    let (report, y) = m.run(&["y"]);
    assert_eq!(ops(&report), [STEP]);
    let expected = weights.product(&m.x).into_iter().enumerate().map(|(i, p)| (p + bias[i % 5]).max(0.0));
    assert_eq!(y[0], expected.collect::<Vec<_>>());
}

#[test]
fn products_of_the_same_bytes_are_steps_of_their_own() {
    let mut m = Model::new(&[1, 6, 16]);
    let all = ["q1", "k1", "v1"].map(|_| Weights::new(&mut m.rng, DType::I8, [16, 16], true));
    m.quantize();
    for (name, weights) in ["q1", "k1", "v1"].iter().zip(&all) {
        m.weights(name, weights, &[16, 16]);
        m.product("MatMulInteger", name);
    }
    let (report, y) = m.run(&["q1", "k1", "v1"]);
    assert_eq!(ops(&report), [STEP; 3]);
    for (y, weights) in y.iter().zip(&all) {
        assert_eq!(*y, weights.product(&m.x));
    }
}

#[test]
fn what_is_read_elsewhere_stays() {
    let mut m = Model::new(&[2, 9]);
    let weights = Weights::new(&mut m.rng, DType::U8, [9, 5], false);
    m.quantize();
    m.weights("y", &weights, &[9, 5]);
    m.product("MatMulInteger", "y");
    let (report, y) = m.run(&["y", "yf"]);
    assert!(ops(&report).contains(&STEP) && report.steps.len() > 1);
    let (_, scale, _) = quantized(&m.x);
    assert_eq!(y[0], weights.product(&m.x));
    assert_eq!(y[0], y[1].iter().map(|sum| sum * (scale * weights.scales[0])).collect::<Vec<_>>());
}

#[test]
fn scales_of_other_bytes_are_not_taken() {
    let mut m = Model::new(&[2, 9]);
    let weights = Weights::new(&mut m.rng, DType::U8, [9, 5], false);
    m.node("Abs", &["x"], &["other"]);
    m.node("DynamicQuantizeLinear", &["other"], &["q", "s_of_q", "z"]);
    m.quantize_as(["q2", "s", "z2"]);
    m.weights("y", &weights, &[9, 5]);
    m.product("MatMulInteger", "y");
    let (report, y) = m.run(&["y"]);
    assert!(!ops(&report).contains(&STEP));
    let product = report.steps.iter().find(|step| step.op == "fully_connected").expect("it is exact in f32");
    assert!(product.why.contains("DynamicQuantizeLinear"), "{product:?}");
    let positive: Vec<f32> = m.x.iter().map(|v| v.abs()).collect();
    let (own, other) = (quantized(&positive).1, quantized(&m.x).1);
    for (y, p) in y[0].iter().zip(weights.product(&positive)) {
        assert!((y - p / own * other).abs() <= 1e-5 * p.abs().max(1.0), "{y} {p}");
    }
}

#[test]
fn operators_of_onnxruntime_are_the_same_product() {
    let mut m = Model::new(&[3, 9]);
    let weights = Weights::new(&mut m.rng, DType::I8, [9, 5], true);
    let bias = [0.5, -1.0, 0.0, 2.0, -0.25];
    m.floats("b", &[5], &bias);
    m.quantize();
    m.weights("w", &weights, &[9, 5]);
    m.microsoft("MatMulIntegerToFloat", &["q", "ww", "s", "ws", "z", "wz", "b"], "y");
    m.microsoft("DynamicQuantizeMatMul", &["x", "ww", "ws", "wz"], "plain");
    let (report, y) = m.run(&["y", "plain"]);
    assert_eq!(ops(&report), [STEP; 2]);
    let expected = weights.product(&m.x);
    assert_eq!(y[1], expected);
    assert_eq!(y[0], expected.iter().enumerate().map(|(i, p)| p + bias[i % 5]).collect::<Vec<_>>());
}

#[test]
fn a_convolution_of_single_pixels_is_such_a_product() {
    let mut m = Model::new(&[1, 7, 3, 4]);
    let weights = Weights::new(&mut m.rng, DType::U8, [7, 6], false);
    let turned = weights.turned();
    m.quantize();
    m.weights("y", &turned, &[6, 7, 1, 1]);
    m.product("ConvInteger", "y");
    let (report, y) = m.run(&["y"]);
    assert!(ops(&report).contains(&STEP), "{report:?}");
    let pixels: Vec<f32> = (0..84).map(|i| m.x[i % 7 * 12 + i / 7]).collect();
    let product = weights.product(&pixels);
    assert_eq!(y[0], (0..72).map(|i| product[i % 12 * 6 + i / 12]).collect::<Vec<_>>());
}

#[test]
fn other_convolutions_are_exact_in_f32() {
    let mut m = Model::new(&[1, 40, 3, 3]);
    let weights = Weights::new(&mut m.rng, DType::I8, [360, 2], false);
    let turned = weights.turned();
    m.quantize();
    m.weights("y", &turned, &[2, 40, 3, 3]);
    m.product("ConvInteger", "y");
    let (report, y) = m.run(&["y"]);
    let sums: Vec<_> = report.steps.iter().filter(|step| step.op == "conv2d").collect();
    assert_eq!(sums.len(), 2, "40 channels of 9 weights are more than 258 products");
    assert!(sums.iter().all(|step| step.why.contains("single pixels")), "{sums:?}");
    assert_eq!(y[0], weights.product(&m.x));
}
