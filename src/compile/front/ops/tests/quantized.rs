use coulter_plan::DType;
use coulter_testkit::rng::Rng;

use super::OneNode;

/// How a tensor is quantized.
#[derive(Clone, Copy)]
struct Kind {
    dtype: DType,
    scale: f32,
    zero: i32,
}

const X: Kind = Kind { dtype: DType::U8, scale: 0.02, zero: 120 };
const SIGNED: Kind = Kind { dtype: DType::I8, scale: 0.03, zero: -7 };

impl Kind {
    fn byte(self, real: f64) -> u8 {
        let (low, high) = if self.dtype == DType::U8 { (0.0, 255.0) } else { (-128.0, 127.0) };
        let q = (real / f64::from(self.scale)).round_ties_even() + f64::from(self.zero);
        q.clamp(low, high) as i64 as u8
    }

    fn real(self, byte: u8) -> f64 {
        let q = if self.dtype == DType::U8 { i32::from(byte) } else { i32::from(byte as i8) };
        f64::from(q - self.zero) * f64::from(self.scale)
    }

    fn reals(self, bytes: &[u8]) -> Vec<f64> {
        bytes.iter().map(|&byte| self.real(byte)).collect()
    }

    /// The next two operands are scale and zero point.
    fn told(self, node: OneNode) -> OneNode {
        node.constant(&[], &[self.scale]).constant_of(self.dtype, &[], vec![self.zero as u8])
    }

    /// The next three operands are a graph input with scale and zero point.
    fn given(self, node: OneNode, dims: &[usize], bytes: &[u8]) -> OneNode {
        self.told(node.computed_of(self.dtype, dims, bytes.to_vec()))
    }

    /// The next three operands are a constant with scale and zero point.
    fn constant(self, node: OneNode, dims: &[usize], bytes: &[u8]) -> OneNode {
        self.told(node.constant_of(self.dtype, dims, bytes.to_vec()))
    }

    /// Fails unless the node gives these real numbers, within a byte.
    #[track_caller]
    fn check(self, node: &OneNode, expected: impl IntoIterator<Item = f64>) {
        let expected: Vec<u8> = expected.into_iter().map(|real| self.byte(real)).collect();
        let given = node.run_bytes(&["y"]).remove(0);
        let number = |byte: u8| if self.dtype == DType::U8 { i32::from(byte) } else { i32::from(byte as i8) };
        assert_eq!(given.len(), expected.len());
        assert!(expected.iter().any(|&byte| byte != expected[0]), "the case says nothing");
        for (i, (&g, &e)) in given.iter().zip(&expected).enumerate() {
            assert!((number(g) - number(e)).abs() <= 1, "{} instead of {} at {i}", number(g), number(e));
        }
    }
}

fn random(rng: &mut Rng, count: usize) -> Vec<u8> {
    (0..count).map(|_| rng.next_u64() as u8).collect()
}

fn words(values: &[i32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn convolutions_have_scales_for_each_channel() {
    let mut rng = Rng::new(1);
    let (x, w) = (random(&mut rng, 3 * 16), random(&mut rng, 4 * 3));
    let scales = [0.01_f32, 0.02, 0.005, 0.03];
    let bias = [100, -2000, 0, 700];
    let y = Kind { scale: 0.06, ..SIGNED };
    let node = X.given(OneNode::new("QLinearConv", 13), &[1, 3, 4, 4], &x);
    let node = node.constant_of(DType::I8, &[4, 3, 1, 1], w.clone());
    let node = y.told(node.constant(&[4], &scales).constant_of(DType::I8, &[4], vec![0; 4]));
    let node = node.constant_of(DType::I32, &[4], words(&bias));
    let x = X.reals(&x);
    let sum = |o: usize, i: usize| {
        let weight = |c: usize| f64::from(w[o * 3 + c] as i8) * f64::from(scales[o]);
        let products: f64 = (0..3).map(|c| x[c * 16 + i] * weight(c)).sum();
        products + f64::from(bias[o]) * f64::from(X.scale * scales[o])
    };
    y.check(&node, (0..4).flat_map(|o| (0..16).map(move |i| (o, i))).map(|(o, i)| sum(o, i)));
}

#[test]
fn matrices_are_multiplied() {
    let mut rng = Rng::new(2);
    let (a, b) = (random(&mut rng, 3 * 5), random(&mut rng, 5 * 4));
    let y = Kind { scale: 0.2, ..X };
    let product = |factor: f64, i: usize| {
        let of = |k: usize| X.real(a[i / 4 * 5 + k]) * SIGNED.real(b[k * 4 + i % 4]);
        factor * (0..5).map(of).sum::<f64>()
    };
    let node = SIGNED.constant(X.given(OneNode::new("QLinearMatMul", 13), &[3, 5], &a), &[5, 4], &b);
    y.check(&y.told(node), (0..12).map(|i| product(1.0, i)));
    let bias = [50, -100, 30, 800];
    let step = f64::from(0.5 * X.scale * SIGNED.scale);
    let node = OneNode::of_microsoft("QGemm").float("alpha", 0.5);
    let node = SIGNED.constant(X.given(node, &[3, 5], &a), &[5, 4], &b).constant_of(DType::I32, &[4], words(&bias));
    y.check(&y.told(node), (0..12).map(|i| product(0.5, i) + f64::from(bias[i % 4]) * step));
}

#[test]
fn sums_and_products_are_broadcast() {
    let mut rng = Rng::new(3);
    let (a, b) = (random(&mut rng, 24), random(&mut rng, 4));
    type Function = fn(f64, f64) -> f64;
    for (op, of) in [("QLinearAdd", (|a, b| a + b) as Function), ("QLinearMul", |a, b| a * b)] {
        let y = Kind { scale: 0.04, ..SIGNED };
        let node = SIGNED.given(X.given(OneNode::of_microsoft(op), &[2, 3, 4], &a), &[4], &b);
        y.check(&y.told(node), (0..24).map(|i| of(X.real(a[i]), SIGNED.real(b[i % 4]))));
    }
}

#[test]
fn functions_are_of_bytes() {
    let x: Vec<u8> = (0..=255).collect();
    let y = Kind { dtype: DType::U8, scale: 1.0 / 256.0, zero: 0 };
    let node = y.told(SIGNED.given(OneNode::of_microsoft("QLinearSigmoid"), &[256], &x));
    y.check(&node, SIGNED.reals(&x).into_iter().map(|x| 1.0 / (1.0 + (-x).exp())));
    let node = OneNode::of_microsoft("QLinearLeakyRelu").float("alpha", 0.25);
    let node = SIGNED.told(X.given(node, &[256], &x));
    SIGNED.check(&node, X.reals(&x).into_iter().map(|x| if x < 0.0 { f64::from(0.25_f32) * x } else { x }));
}

#[test]
fn pools_are_of_bytes() {
    let mut rng = Rng::new(4);
    let bytes = random(&mut rng, 2 * 36);
    let x = X.reals(&bytes);
    let y = Kind { scale: 0.015, ..X };
    let node = OneNode::of_microsoft("QLinearGlobalAveragePool").int("channels_last", 0);
    let node = y.told(X.given(node, &[1, 2, 6, 6], &bytes));
    y.check(&node, (0..2).map(|c| x[c * 36..][..36].iter().sum::<f64>() / 36.0));
    let node = OneNode::of_microsoft("QLinearGlobalAveragePool").int("channels_last", 1);
    let node = y.told(X.given(node, &[1, 6, 6, 2], &bytes));
    y.check(&node, (0..2).map(|c| (0..36).map(|i| x[i * 2 + c]).sum::<f64>() / 36.0));
    let greatest = |i: usize| {
        let at = |k: usize| bytes[i / 9 * 36 + (i / 3 % 3 * 2 + k / 2) * 6 + i % 3 * 2 + k % 2] as i8;
        f64::from((0..4).map(at).max().expect("four"))
    };
    let ints = |name: &str, values: &[i64]| crate::front::tests::draft::ints(name, values);
    let node = OneNode::new("MaxPool", 12).attribute(ints("kernel_shape", &[2, 2])).attribute(ints("strides", &[2, 2]));
    let node = node.computed_of(DType::I8, &[1, 2, 6, 6], bytes.clone());
    Kind { dtype: DType::I8, scale: 1.0, zero: 0 }.check(&node, (0..18).map(greatest));
}

#[test]
fn parts_have_scales_of_their_own() {
    let mut rng = Rng::new(5);
    let (a, b) = (random(&mut rng, 6), random(&mut rng, 9));
    let y = Kind { scale: 0.04, ..SIGNED };
    let node = y.told(OneNode::of_microsoft("QLinearConcat").int("axis", 1));
    let node = SIGNED.given(X.given(node, &[3, 2], &a), &[3, 3], &b);
    let row = |i: usize| [X.reals(&a[i * 2..][..2]), SIGNED.reals(&b[i * 3..][..3])].concat();
    y.check(&node, (0..3).flat_map(row));
}

#[test]
fn softmax_is_of_bytes() {
    let bytes = random(&mut Rng::new(6), 20);
    let y = Kind { dtype: DType::U8, scale: 1.0 / 256.0, zero: 0 };
    let node = OneNode::of_microsoft("QLinearSoftmax").int("axis", -1).int("opset", 13);
    let node = y.told(X.given(node, &[2, 10], &bytes));
    let row = |row: &[u8]| {
        let powers: Vec<f64> = X.reals(row).into_iter().map(f64::exp).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| power / sum).collect::<Vec<_>>()
    };
    y.check(&node, bytes.chunks(10).flat_map(row));
}

#[test]
fn numbers_become_bytes_and_bytes_numbers() {
    let values: Vec<f32> = (-60..60).map(|i| i as f32 * 0.11).collect();
    for kind in [X, SIGNED] {
        let node = kind.told(OneNode::new("QuantizeLinear", 13).computed(&[120], &values));
        kind.check(&node, values.iter().map(|&v| f64::from(v)));
        let bytes: Vec<u8> = (0..=255).collect();
        let node = kind.given(OneNode::new("DequantizeLinear", 13), &[256], &bytes);
        let reals: Vec<f64> = node.run(&["y"])[0].iter().map(|&v| f64::from(v)).collect();
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6;
        assert!(reals.iter().zip(&kind.reals(&bytes)).all(near), "{reals:?}");
    }
}
