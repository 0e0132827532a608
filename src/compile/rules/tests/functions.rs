use super::*;
use ActivationKind as K;
use binary::Kind as B;

/// The single function that remains.
fn only_function(mut s: Sketch, result: TensorId) -> Activation {
    s.output(result);
    let graph = s.settled();
    match &graph.nodes[..] {
        [Node { op: Op::Unary(p), onnx_nodes, .. }] => {
            assert!(!onnx_nodes.is_empty());
            p.function
        }
        _ => panic!("left are {:?}", ops_of(&graph)),
    }
}

fn start() -> (Sketch, TensorId) {
    let mut s = Sketch::new();
    let x = s.input(&[3, 50]);
    (s, x)
}

#[test]
fn gelu_with_erf_in_several_spellings() {
    for spelling in 0..4 {
        let (mut s, x) = start();
        let inner = match spelling {
            0 => s.with(B::Div, x, std::f32::consts::SQRT_2),
            _ => s.with(B::Mul, x, std::f32::consts::FRAC_1_SQRT_2),
        };
        let erf = s.unary(K::Erf, inner);
        let one = s.scalar(2, 1.0);
        let sum = if spelling == 1 { s.binary(B::Add, one, erf) } else { s.with(B::Add, erf, 1.0) };
        let y = match spelling {
            0 => {
                let y = s.binary(B::Mul, x, sum);
                s.with(B::Mul, y, 0.5)
            }
            1 => {
                let half = s.with(B::Mul, x, 0.5);
                s.binary(B::Mul, half, sum)
            }
            2 => {
                let half = s.with(B::Mul, sum, 0.5);
                s.binary(B::Mul, half, x)
            }
            _ => {
                let half = s.with(B::Div, x, 2.0);
                s.binary(B::Mul, sum, half)
            }
        };
        assert_eq!(only_function(s, y).kind, K::GeluErf, "spelling {spelling}");
    }
}

#[test]
fn gelu_with_tanh_and_a_cube() {
    for cube_by_pow in [false, true] {
        let (mut s, x) = start();
        let cube = if cube_by_pow {
            s.with(B::Pow, x, 3.0)
        } else {
            let square = s.binary(B::Mul, x, x);
            s.binary(B::Mul, square, x)
        };
        let cube = s.with(B::Mul, cube, 0.044715);
        let inner = s.binary(B::Add, x, cube);
        let inner = s.with(B::Mul, inner, 0.797_884_6);
        let tanh = s.unary(K::Tanh, inner);
        let sum = s.with(B::Add, tanh, 1.0);
        let half = s.with(B::Mul, x, 0.5);
        let y = s.binary(B::Mul, half, sum);
        assert_eq!(only_function(s, y).kind, K::GeluTanh);
    }
}

#[test]
fn functions_of_sigmoid_and_clamps() {
    let (mut s, x) = start();
    let e = s.unary(K::Neg, x);
    let e = s.unary(K::Exp, e);
    let e = s.with(B::Add, e, 1.0);
    let one = s.scalar(2, 1.0);
    let sigmoid = s.binary(B::Div, one, e);
    let y = s.binary(B::Mul, x, sigmoid);
    assert_eq!(only_function(s, y).kind, K::Silu);

    let (mut s, x) = start();
    let y = s.with(B::Add, x, 3.0);
    let y = s.function(y, Activation::RELU6);
    let y = s.binary(B::Mul, x, y);
    let y = s.with(B::Div, y, 6.0);
    assert_eq!(only_function(s, y).kind, K::HardSwish);

    let (mut s, x) = start();
    let y = s.with(B::Mul, x, 0.2);
    let y = s.with(B::Add, y, 0.5);
    let y = s.with(B::Max, y, 0.0);
    let y = s.with(B::Min, y, 1.0);
    let f = only_function(s, y);
    assert_eq!((f.kind, f.b), (K::HardSigmoid, 0.5));
    assert!((f.a - 0.2).abs() < 1e-7);

    let (mut s, x) = start();
    let y = s.unary(K::Exp, x);
    let y = s.with(B::Add, y, 1.0);
    let y = s.unary(K::Ln, y);
    let y = s.unary(K::Tanh, y);
    let y = s.binary(B::Mul, x, y);
    assert_eq!(only_function(s, y).kind, K::Mish);

    let (mut s, x) = start();
    let y = s.unary(K::Exp, x);
    let y = s.with(B::Add, y, 1.0);
    let y = s.unary(K::Ln, y);
    assert_eq!(only_function(s, y).kind, K::Softplus);

    let (mut s, x) = start();
    let y = s.with(B::Mul, x, 0.1);
    let y = s.binary(B::Max, x, y);
    assert_eq!(only_function(s, y), Activation { kind: K::LeakyRelu, a: 0.1, b: 0.0 });
}

#[test]
fn scalar_arithmetic_is_one_line() {
    let (mut s, x) = start();
    let y = s.with(B::Add, x, 3.0);
    let y = s.with(B::Mul, y, 2.0);
    let y = s.with(B::Sub, y, 1.0);
    let y = s.unary(K::Neg, y);
    assert_eq!(only_function(s, y), Activation { kind: K::Affine, a: -2.0, b: -5.0 });

    let (mut s, x) = start();
    let y = s.with(B::Max, x, -1.0);
    let y = s.with(B::Min, y, 5.0);
    let y = s.relu(y);
    assert_eq!(only_function(s, y), Activation { kind: K::Clamp, a: 0.0, b: 5.0 });

    let (mut s, x) = start();
    let y = s.binary(B::Mul, x, x);
    assert_eq!(only_function(s, y).kind, K::Square);

    let (mut s, x) = start();
    let y = s.with(B::Pow, x, 2.0);
    assert_eq!(only_function(s, y).kind, K::Square);

    let (mut s, x) = start();
    let y = s.with(B::Pow, x, -1.0);
    assert_eq!(only_function(s, y).kind, K::Recip);

    let (mut s, x) = start();
    let y = s.unary(K::Abs, x);
    let y = s.with(B::Add, y, 0.5);
    let y = s.with(B::Pow, y, 0.5);
    s.output(y);
    assert_eq!(ops_of(&s.settled()).len(), 3);
}

#[test]
fn division_is_left_alone_where_a_product_rounds_differently() {
    let (mut s, x) = start();
    let y = s.with(B::Div, x, 3.0);
    assert_eq!(s.ops(y), ["binary"]);
    let (mut s, x) = start();
    let y = s.with(B::Div, x, 4.0);
    assert_eq!(only_function(s, y), Activation { kind: K::Affine, a: 0.25, b: 0.0 });
}

#[test]
fn a_term_that_swallows_its_argument_is_left_alone() {
    let (mut s, x) = start();
    let y = s.with(B::Add, x, -1e20);
    assert_eq!(s.ops(y), ["binary"]);
}

#[test]
fn pieces_that_are_read_elsewhere_stay() {
    let (mut s, x) = start();
    let doubled = s.with(B::Mul, x, 2.0);
    let y = s.with(B::Add, doubled, 1.0);
    s.output(doubled);
    assert_eq!(s.ops(y).len(), 2);
}

#[test]
fn a_function_that_no_step_knows_stays() {
    let (mut s, x) = start();
    let y = s.with(B::Mul, x, 1.702);
    let y = s.unary(K::Sigmoid, y);
    let y = s.binary(B::Mul, x, y);
    assert_eq!(s.ops(y), ["unary", "unary", "binary"]);
}

#[test]
fn truth_values_are_no_function_of_floats() {
    let mut s = Sketch::new();
    let x = s.input(&[3, 50]);
    let params = binary::Params { kind: B::Equal, activation: Activation::IDENTITY };
    let y = s.node_of(Op::Binary(params), &[x, x], DType::Bool, &[3, 50]);
    assert_eq!(s.ops(y), ["binary"]);
}

/// x where it is not the value that is looked for, else 0.
fn replaced(s: &mut Sketch, x: TensorId, found: TensorId) -> TensorId {
    let (zero, shape) = (s.scalar(2, 0.0), s.shape(x));
    s.node(Op::Select, &[found, zero, x], &shape)
}

fn compared(s: &mut Sketch, kind: B, a: TensorId, b: TensorId) -> TensorId {
    let shape = s.shape(a);
    let params = binary::Params { kind, activation: Activation::IDENTITY };
    s.node_of(Op::Binary(params), &[a, b], DType::Bool, &shape)
}

#[test]
fn a_search_for_infinity_stays() {
    let (mut s, x) = start();
    let infinity = s.scalar(2, f32::INFINITY);
    let found = compared(&mut s, B::Equal, x, infinity);
    assert_eq!(s.ops(found), ["binary"]);
    let (mut s, x) = start();
    let infinity = s.scalar(2, f32::INFINITY);
    let found = compared(&mut s, B::Equal, x, infinity);
    let y = replaced(&mut s, x, found);
    assert_eq!(s.ops(y), ["binary", "select"]);
}

#[test]
fn a_replacement_of_what_is_no_number_stays() {
    let (mut s, x) = start();
    let number = compared(&mut s, B::Equal, x, x);
    let (zero, shape) = (s.scalar(2, 0.0), s.shape(x));
    let y = s.node(Op::Select, &[number, x, zero], &shape);
    assert_eq!(s.ops(y), ["binary", "select"]);
}
