use super::*;
use ActivationKind as K;
use binary::Kind as B;
use ops::normalize;

const EPSILON: f32 = 1e-5;

fn start() -> (Sketch, TensorId, TensorId, TensorId) {
    let mut s = Sketch::new();
    let x = s.input(&[2, 5, 24]);
    let (scale, shift) = (s.weights(&[1, 1, 24]), s.weights(&[1, 1, 24]));
    (s, x, scale, shift)
}

fn only_normalize(mut s: Sketch, result: TensorId) -> (normalize::Params, usize) {
    s.output(result);
    let graph = s.settled();
    match &graph.nodes[..] {
        [Node { op: Op::Normalize(p), inputs, .. }] => (*p, inputs.len()),
        _ => panic!("left are {:?}", ops_of(&graph)),
    }
}

#[test]
fn layer_normalization_as_pytorch_spells_it() {
    let (mut s, x, scale, shift) = start();
    let mean = s.reduce(reduce::Kind::Mean, x, 0b100);
    let centred = s.binary(B::Sub, x, mean);
    let square = s.with(B::Pow, centred, 2.0);
    let variance = s.reduce(reduce::Kind::Mean, square, 0b100);
    let variance = s.with(B::Add, variance, EPSILON);
    let deviation = s.unary(K::Sqrt, variance);
    let y = s.binary(B::Div, centred, deviation);
    let y = s.binary(B::Mul, y, scale);
    let y = s.binary(B::Add, y, shift);
    let (p, inputs) = only_normalize(s, y);
    assert_eq!((p.kind, p.epsilon, inputs), (normalize::Kind::Layer, EPSILON, 3));
}

#[test]
fn layer_normalization_as_tensorflow_spells_it() {
    let (mut s, x, scale, shift) = start();
    let mean = s.reduce(reduce::Kind::Mean, x, 0b100);
    let difference = s.binary(B::SquaredDifference, x, mean);
    let variance = s.reduce(reduce::Kind::Mean, difference, 0b100);
    let sum = s.with(B::Add, variance, EPSILON);
    let deviation = s.unary(K::Sqrt, sum);
    let factor = s.unary(K::Recip, deviation);
    let factor = s.binary(B::Mul, factor, scale);
    let term = s.binary(B::Mul, mean, factor);
    let term = s.binary(B::Sub, shift, term);
    let y = s.binary(B::Mul, x, factor);
    let y = s.binary(B::Add, y, term);
    let (p, inputs) = only_normalize(s, y);
    assert_eq!((p.kind, p.epsilon, inputs), (normalize::Kind::Layer, EPSILON, 3));
}

#[test]
fn rms_normalization_and_a_tiny_epsilon() {
    let (mut s, x, scale, _) = start();
    let square = s.binary(B::Mul, x, x);
    let mean = s.reduce(reduce::Kind::Mean, square, 0b100);
    let sum = s.with(B::Add, mean, 1e-12);
    let root = s.with(B::Pow, sum, 0.5);
    let y = s.binary(B::Div, x, root);
    let y = s.binary(B::Mul, scale, y);
    let (p, inputs) = only_normalize(s, y);
    assert_eq!((p.kind, p.epsilon, inputs), (normalize::Kind::Rms, 1e-12, 2));
}

#[test]
fn centred_rms_is_layer_normalization() {
    let (mut s, x, _, _) = start();
    let mean = s.reduce(reduce::Kind::Mean, x, 0b100);
    let centred = s.binary(B::Sub, x, mean);
    let shape = s.shape(x);
    let params = normalize::Params { kind: normalize::Kind::Rms, epsilon: EPSILON, activation: Activation::IDENTITY };
    let y = s.node(Op::Normalize(params), &[centred], &shape);
    let y = s.with(B::Mul, y, 3.0);
    let (p, inputs) = only_normalize(s, y);
    assert_eq!((p.kind, inputs), (normalize::Kind::Layer, 2));
}

#[test]
fn normalization_over_another_dimension_stays() {
    let (mut s, x, _, _) = start();
    let mean = s.reduce(reduce::Kind::Mean, x, 0b010);
    let y = s.binary(B::Sub, x, mean);
    assert_eq!(s.ops(y), ["reduce", "binary"]);
}

#[test]
fn softmax_from_exponentials() {
    for stable in [false, true] {
        let (mut s, x, _, _) = start();
        let top = s.reduce(reduce::Kind::Max, x, 0b100);
        let centred = if stable { s.binary(B::Sub, x, top) } else { x };
        let e = s.unary(K::Exp, centred);
        let sum = s.reduce(reduce::Kind::Sum, e, 0b100);
        let y = s.binary(B::Div, e, sum);
        assert_eq!(s.ops(y), ["softmax"]);
    }
}

#[test]
fn a_norm_that_is_kept_from_zero_stays() {
    let (mut s, x, _, _) = start();
    let norm = s.reduce(reduce::Kind::L2, x, 0b100);
    let norm = s.with(B::Max, norm, 1e-12);
    let y = s.binary(B::Div, x, norm);
    assert!(!s.ops(y).contains(&"normalize"));
}
