//! Chains of operators over the last dimension that are a layer or RMS normalization, or a softmax.
//!
//! As with functions of one value, the rule asks what the pieces compute, not how they are spelled.

use coulter_plan::ops::{normalize, softmax};
use coulter_plan::{Activation, ActivationKind};

use super::cone::{self, Cone, normalize_row, softmax_row};
use super::patch::{self, Patch};
use super::view::View;
use crate::graph::Op;

/// Pieces of a normalization or softmax of x → that operator on x.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    if !matches!(view.node(i).op, Op::Unary(_) | Op::Binary(_)) {
        return None;
    }
    for cone in cone::ending_at(view, i, |node| is_of_rows(view, node)) {
        let over_rows = |&node: &usize| matches!(view.node(node).op, Op::Reduce(_) | Op::Normalize(_));
        if cone.nodes.iter().any(over_rows)
            && view.shape(cone.leaf) == view.shape(view.output(i)?)
            && let Some(patch) = softmax_of(view, &cone).or_else(|| normalization_of(view, &cone))
        {
            return Some(patch);
        }
    }
    None
}

/// Computes rows from rows of the same last dimension, or single numbers.
fn is_of_rows(view: &View<'_>, i: usize) -> bool {
    let node = view.node(i);
    let plain = node.inputs.iter().chain(&node.outputs).flatten().all(|&id| view.is_plain_f32(id));
    let of_rows = match &node.op {
        Op::Reduce(p) => view.input(i, 0).is_some_and(|x| p.axes == 1 << (view.shape(x).len().max(1) - 1)),
        Op::Unary(_) | Op::Binary(_) | Op::Normalize(_) => true,
        _ => false,
    };
    let constants = node.inputs.iter().flatten().filter(|&&id| view.is_constant(id));
    of_rows && plain && constants.into_iter().all(|&id| view.shape(id).iter().rev().skip(1).all(|&dim| dim == 1))
}

/// Rows to compare on; the same ones each time.
fn rows(length: usize) -> [Vec<f64>; 5] {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut row = |size: f64, offset: f64| {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        (0..length).map(|_| next() * size + offset).collect()
    };
    [row(1.0, 0.25), row(1.5, -0.5), row(1e-3, 2e-4), row(1e-6, 2e-7), row(8.0, 3.0)]
}

fn close(a: &[f64], b: &[f64]) -> bool {
    let size = b.iter().fold(0f64, |m, v| m.max(v.abs()));
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs() + 2e-7 * size)
}

fn softmax_of(view: &View<'_>, cone: &Cone) -> Option<Patch> {
    let length = *view.shape(cone.leaf).last()?;
    let rows = rows(length.max(1));
    let computed: Vec<Vec<f64>> = rows.iter().map(|row| cone.evaluate(view, row)).collect::<Option<_>>()?;
    let log = [false, true]
        .into_iter()
        .find(|&log| rows.iter().zip(&computed).all(|(row, y)| length > 1 && close(y, &softmax_row(row, log))))?;
    Some(patch::replace(view, cone.root(), Op::Softmax(softmax::Params { log }), vec![Some(cone.leaf)]))
}

/// A normalization with whatever scale, shift and epsilon make it agree.
fn normalization_of(view: &View<'_>, cone: &Cone) -> Option<Patch> {
    let length = *view.shape(cone.leaf).last()?;
    if length < 2 {
        return None;
    }
    let rows = rows(length);
    let computed: Vec<Vec<f64>> = rows.iter().map(|row| cone.evaluate(view, row)).collect::<Option<_>>()?;
    let kinds = [normalize::Kind::Layer, normalize::Kind::Rms];
    for (kind, epsilon) in kinds.into_iter().flat_map(|kind| epsilons(view, cone).into_iter().map(move |e| (kind, e))) {
        let params = normalize::Params { kind, epsilon, activation: Activation::IDENTITY };
        let bare: Vec<Vec<f64>> = rows.iter().map(|row| normalize_row(&params, row, None, None)).collect();
        let Some((scale, shift)) = fitted(&computed, &bare) else { continue };
        let agrees = rows
            .iter()
            .zip(&computed)
            .all(|(row, y)| close(y, &normalize_row(&params, row, Some(&scale), Some(&shift))));
        if agrees && agrees_at_zeros(view, cone, &params, &scale, &shift) {
            return Some(normalized(view, cone, params, &scale, &shift));
        }
    }
    None
}

/// Whether both give the same of a row of zeros: a norm that is kept from 0 otherwise than by an epsilon does not.
fn agrees_at_zeros(view: &View<'_>, cone: &Cone, params: &normalize::Params, scale: &[f64], shift: &[f64]) -> bool {
    let zeros = vec![0.0; scale.len()];
    let Some(computed) = cone.evaluate(view, &zeros) else { return false };
    let size = scale.iter().chain(shift).fold(0f64, |m, v| m.max(v.abs()));
    let named = normalize_row(params, &zeros, Some(scale), Some(shift));
    computed.iter().zip(&named).all(|(a, b)| (a - b).abs() <= 2e-7 * size)
}

/// Numbers in a cone that may be its epsilon.
fn epsilons(view: &View<'_>, cone: &Cone) -> Vec<f32> {
    let mut found = Vec::new();
    for &i in &cone.nodes {
        let node = view.node(i);
        found.extend(node.inputs.iter().flatten().filter_map(|&id| view.scalar(id)));
        match &node.op {
            Op::Normalize(p) => found.push(p.epsilon),
            Op::Unary(p) if p.function.kind == ActivationKind::Affine => found.push(p.function.b),
            _ => {}
        }
        let last = node.op.activation().filter(|f| f.kind == ActivationKind::Affine);
        found.extend(last.map(|f| f.b));
    }
    found.push(0.0);
    found.retain(|e| (0.0..1.0).contains(e));
    found
}

/// The scale and shift of each channel that make `bare` the computed rows.
fn fitted(computed: &[Vec<f64>], bare: &[Vec<f64>]) -> Option<(Vec<f64>, Vec<f64>)> {
    let mut found = (Vec::new(), Vec::new());
    for i in 0..bare[0].len() {
        // The two rows that lie furthest apart tell a line best.
        let (mut least, mut most) = (0, 0);
        for k in 1..bare.len() {
            least = if bare[k][i] < bare[least][i] { k } else { least };
            most = if bare[k][i] > bare[most][i] { k } else { most };
        }
        let scale = (computed[most][i] - computed[least][i]) / (bare[most][i] - bare[least][i]);
        let shift = computed[least][i] - scale * bare[least][i];
        if !scale.is_finite() || !shift.is_finite() {
            return None;
        }
        found.0.push(scale);
        found.1.push(shift);
    }
    Some(found)
}

fn normalized(view: &View<'_>, cone: &Cone, params: normalize::Params, scale: &[f64], shift: &[f64]) -> Patch {
    let root = view.node(cone.root());
    let mut patch = Patch::removing(view, &[cone.root()]);
    let size = scale.iter().chain(shift).fold(0f64, |m, v| m.max(v.abs()));
    let constants: Vec<f32> = cone
        .nodes
        .iter()
        .flat_map(|&i| view.node(i).inputs.iter().flatten().filter_map(|&id| view.row(id)))
        .flatten()
        .collect();
    // Fitting leaves noise of 1e-14 or so: what is a constant of the model, or nothing, is that exactly.
    let snap = |v: f64| {
        if v.abs() <= 1e-11 * size {
            return 0.0;
        }
        let rounded = v as f32;
        let near = |c: &&f32| (f64::from(**c) - v).abs() <= 1e-9 * v.abs();
        constants.iter().find(near).copied().unwrap_or(rounded)
    };
    let mut operand = |name: &str, values: &[f64], neutral: f32| {
        let values: Vec<f32> = values.iter().map(|&v| snap(v)).collect();
        let matters = values.iter().any(|&v| (v - neutral).abs() > 1e-9);
        matters.then(|| patch.floats(format!("{}.{name}", root.name), &[values.len()], &values))
    };
    let scale = operand("scale", scale, 1.0);
    let shift = operand("shift", shift, 0.0);
    let mut inputs = vec![Some(cone.leaf), scale, shift];
    while inputs.last().is_some_and(Option::is_none) {
        inputs.pop();
    }
    patch.node(&root.name, Op::Normalize(params), inputs, root.outputs.clone());
    patch
}
