//! Chains of elementwise operators that are one function of one tensor.
//!
//! GELU, SiLU, hard-swish and the like arrive in pieces and in many spellings, and so do a·x + b and clamps. The rule
//! samples what the pieces compute and compares it with every function that a step can apply.

use coulter_plan::ops::{binary, unary};
use coulter_plan::{Activation, ActivationKind as K};

use super::cone::{self, Cone};
use super::math;
use super::patch::{self, Patch};
use super::view::View;
use crate::graph::Op;

/// Pieces of a function of x → that function of x.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let single = is_ready(view, i);
    // Truth values are no function that a step applies.
    if !is_elementwise(view, i) || !view.is_plain_f32(view.output(i)?) {
        return None;
    }
    let points = points();
    for cone in cone::ending_at(view, i, |node| is_elementwise(view, node)) {
        if cone.nodes.len() == 1 && !single || view.shape(cone.leaf) != view.shape(view.output(i)?) {
            continue;
        }
        if !view.is_plain_f32(cone.leaf) {
            continue;
        }
        if let Some(function) = named(view, &cone, &points) {
            if function == Activation::IDENTITY {
                return patch::forward(view, i, cone.leaf, "without effect");
            }
            let op = Op::Unary(unary::Params { function });
            if matches!(&view.node(i).op, Op::Unary(p) if cone.nodes.len() == 1 && p.function == function) {
                return None;
            }
            return Some(patch::replace(view, i, op, vec![Some(cone.leaf)]));
        }
    }
    None
}

/// Elementwise, of f32 or truth values, and constants, if any, are single numbers.
fn is_elementwise(view: &View<'_>, i: usize) -> bool {
    let node = view.node(i);
    let (Op::Unary(_) | Op::Binary(_) | Op::Select) = node.op else { return false };
    node.inputs.iter().flatten().all(|&id| !view.is_constant(id) || view.scalar(id).is_some())
}

/// Whether a lone node may be renamed: an operator of two operands where that rounds no differently.
fn is_ready(view: &View<'_>, i: usize) -> bool {
    let power_of_two = |v: f32| v.is_normal() && v.to_bits() << 9 == 0;
    let constant = |k: usize| view.input(i, k).and_then(|id| view.scalar(id));
    match &view.node(i).op {
        Op::Binary(p) if p.kind == binary::Kind::Div => {
            constant(0) == Some(1.0) || constant(1).is_some_and(power_of_two)
        }
        Op::Binary(_) => true,
        Op::Unary(p) => p.function.kind == K::PowConst,
        _ => false,
    }
}

/// Arguments at which functions are compared: dense where they bend, knots included, far out, and no numbers at all,
/// which models look for and replace.
fn points() -> Vec<f64> {
    let near = (-320..=320).map(|i| f64::from(i) / 16.0);
    let between = (-200..200).map(|i| f64::from(i) * 0.0313 + 0.0071);
    let far = [1e-4, 1e-3, 30.0, 50.0, 87.0, 1e3, 1e4, 1e30].into_iter().flat_map(|x| [x, -x]);
    let special = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    near.chain(between).chain(far).chain(special).collect()
}

/// The function that a cone computes.
fn named(view: &View<'_>, cone: &Cone, points: &[f64]) -> Option<Activation> {
    let values = cone.evaluate(view, points)?;
    let sample = |x: f64| cone.evaluate(view, &[x]).and_then(|y| y.first().copied()).unwrap_or(f64::NAN);
    candidates(&sample).into_iter().find(|&f| {
        points.iter().zip(&values).all(|(&x, &y)| {
            let wanted = math::activation(f, x);
            let close = wanted.is_finite() && (y - wanted).abs() <= tolerance(f, x, wanted);
            // Pieces may overflow where the function itself does not.
            let overflown = !y.is_finite() && wanted.is_finite() && x.abs() > 80.0;
            // What goes through the pieces as no number may go through the function as it likes.
            let lost = y.is_nan() && (x.is_nan() || wanted.is_nan());
            close || y == wanted || lost || overflown
        })
    })
}

/// How far two spellings of one function may lie apart for their constants' rounding alone.
fn tolerance(f: Activation, x: f64, y: f64) -> f64 {
    match f.kind {
        K::Identity | K::Clamp | K::ThresholdedRelu | K::Abs | K::Neg => 0.0,
        K::Affine => 4e-7 * ((f64::from(f.a) * x).abs() + f64::from(f.b).abs()),
        K::GeluErf | K::GeluTanh | K::Silu | K::HardSwish | K::Mish => 1e-6 * y.abs().max(x.abs() / 8.0),
        K::Sigmoid | K::Tanh | K::HardSigmoid | K::Softsign | K::Erf => 4e-7 * y.abs().max(1.0 / 8.0),
        K::Softplus | K::Elu | K::Selu | K::Celu => 1e-6 * y.abs().max(1.0 / 8.0),
        _ => 1e-6 * y.abs(),
    }
}

/// Every known function with the constants that it must have, if it is the one that `sample` computes.
fn candidates(sample: &dyn Fn(f64) -> f64) -> Vec<Activation> {
    let with = |kind, a: f64, b: f64| Activation { kind, a: a as f32, b: b as f32 };
    let zero = sample(0.0);
    let low = sample(-60.0);
    let bound = |far: f64| if sample(far) == far { far * f64::INFINITY } else { sample(far) };
    let slope = sample(0.5) - sample(-0.5);
    let exponent = libm::log2(sample(2.0));
    let mut found = vec![
        Activation::IDENTITY,
        with(K::Clamp, bound(-1e30), bound(1e30)),
        with(K::Affine, sample(1.0) - zero, zero),
        with(K::LeakyRelu, -sample(-1.0), 0.0),
        with(K::HardSigmoid, slope, zero),
        with(K::Elu, -low, 0.0),
        with(K::Celu, -low, 0.0),
        with(K::Selu, -low / sample(1.0), sample(1.0)),
        with(K::ThresholdedRelu, 0.0, 0.0),
    ];
    let plain = [
        K::Neg,
        K::Abs,
        K::Square,
        K::Recip,
        K::Sqrt,
        K::Rsqrt,
        K::Sigmoid,
        K::Tanh,
        K::Silu,
        K::HardSwish,
        K::GeluErf,
        K::GeluTanh,
        K::Softplus,
        K::Softsign,
        K::Mish,
        K::Exp,
        K::Ln,
        K::Erf,
    ];
    found.extend(plain.map(Activation::new));
    let whole = exponent.round();
    found.push(with(K::PowConst, if (exponent - whole).abs() < 1e-9 { whole } else { exponent }, 0.0));
    found.retain(|f| f.a.is_finite() && f.b.is_finite() || f.kind == K::Clamp && !f.a.is_nan() && !f.b.is_nan());
    found
}
