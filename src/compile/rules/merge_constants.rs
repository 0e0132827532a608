//! Constants added or multiplied one after another.

use coulter_plan::ops::binary;
use coulter_plan::{Activation, ActivationKind};

use super::patch::Patch;
use super::shapes;
use super::view::View;
use crate::graph::{Op, TensorId};

/// x + constant, or x · constant, the constant of any shape.
struct Step {
    x: TensorId,
    kind: binary::Kind,
    shape: Vec<usize>,
    values: Vec<f64>,
}

/// (x + a) + b → x + (a + b), (x · a) · b → x · (a · b), unless the new constant would be larger than both.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let outer = step(view, i)?;
    let maker = view.private_maker(outer.x)?;
    let inner = step(view, maker)?;
    let shape = shapes::broadcast([&inner.shape[..], &outer.shape[..]])?;
    let count: usize = shape.iter().product();
    if inner.kind != outer.kind || count > inner.values.len().max(outer.values.len()) {
        return None;
    }
    let (a, b) = (spread(&inner, &shape), spread(&outer, &shape));
    let values: Vec<f32> = a.zip(b).map(|(a, b)| super::math::binary(outer.kind, a, b) as f32).collect();
    let node = view.node(i);
    let mut patch = Patch::removing(view, &[maker, i]);
    let constant = patch.floats(format!("{}.constant", node.name), &shape, &values);
    let op = Op::Binary(binary::Params { kind: outer.kind, activation: Activation::IDENTITY });
    patch.node(&node.name, op, vec![Some(inner.x), Some(constant)], node.outputs.clone());
    Some(patch)
}

fn step(view: &View<'_>, i: usize) -> Option<Step> {
    let node = view.node(i);
    let x = view.input(i, 0)?;
    if !view.is_plain_f32(view.output(i)?) {
        return None;
    }
    let single = |kind, value: f32| {
        let shape = vec![1; view.shape(x).len()];
        Some(Step { x, kind, shape, values: vec![f64::from(value)] })
    };
    match &node.op {
        Op::Unary(p) => match (p.function.kind, p.function.a, p.function.b) {
            (ActivationKind::Affine, a, 0.0) => single(binary::Kind::Mul, a),
            (ActivationKind::Affine, 1.0, b) => single(binary::Kind::Add, b),
            (ActivationKind::Neg, ..) => single(binary::Kind::Mul, -1.0),
            _ => None,
        },
        Op::Binary(p) if p.activation.kind == ActivationKind::Identity => {
            let other = view.input(i, 1)?;
            let (x, constant) = if view.is_constant(other) { (x, other) } else { (other, x) };
            let swapped = constant != other;
            let values = view.floats(constant)?.into_iter().map(f64::from);
            let (kind, values) = match p.kind {
                binary::Kind::Add | binary::Kind::Mul => (p.kind, values.collect()),
                binary::Kind::Sub if !swapped => (binary::Kind::Add, values.map(|v| -v).collect()),
                _ => return None,
            };
            Some(Step { x, kind, shape: view.shape(constant).to_vec(), values })
        }
        _ => None,
    }
}

/// The constant's elements in a tensor of `shape` that it broadcasts to.
fn spread<'a>(step: &'a Step, shape: &'a [usize]) -> impl Iterator<Item = f64> + 'a {
    let strides = shapes::strides(&step.shape);
    let whole = shapes::strides(shape);
    let count: usize = shape.iter().product();
    (0..count).map(move |k| {
        let index = (0..shape.len()).map(|d| k / whole[d] % shape[d] % step.shape[d] * strides[d]);
        step.values[index.sum::<usize>()]
    })
}
