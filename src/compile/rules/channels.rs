//! Constant factors and terms of channels: batch normalization, biases, scaling of inputs.

use coulter_plan::ops::{binary, depthwise_conv2d, unary};
use coulter_plan::{Activation, ActivationKind, DType};

use super::patch::Patch;
use super::view::View;
use crate::graph::{Op, TensorId};

/// y[.., c] = x[.., c] · factor[c] + term[c], of one element each where all channels have the same.
#[derive(Clone)]
struct Line {
    x: TensorId,
    factor: Vec<f64>,
    term: Vec<f64>,
}

/// What a node does to channels, if it is no more than that.
fn line(view: &View<'_>, i: usize) -> Option<Line> {
    let result = view.output(i)?;
    let (x, factor, term) = match &view.node(i).op {
        Op::Unary(p) if p.function.kind == ActivationKind::Affine => {
            (view.input(i, 0)?, vec![f64::from(p.function.a)], vec![f64::from(p.function.b)])
        }
        Op::Unary(p) if p.function.kind == ActivationKind::Neg => (view.input(i, 0)?, vec![-1.0], vec![0.0]),
        Op::Binary(p) if p.activation.kind == ActivationKind::Identity => operands(view, i, p.kind)?,
        _ => return None,
    };
    let plain = view.is_plain_f32(x) && view.is_plain_f32(result) && view.shape(x) == view.shape(result);
    let finite = factor.iter().chain(&term).all(|v| v.is_finite());
    (plain && finite).then_some(Line { x, factor, term })
}

fn operands(view: &View<'_>, i: usize, kind: binary::Kind) -> Option<(TensorId, Vec<f64>, Vec<f64>)> {
    let (a, b) = (view.input(i, 0)?, view.input(i, 1)?);
    let (x, row, swapped) = match (view.row(a), view.row(b)) {
        (None, Some(row)) => (a, row, false),
        (Some(row), None) => (b, row, true),
        _ => return None,
    };
    let row: Vec<f64> = row.into_iter().map(f64::from).collect();
    let negative = row.iter().map(|v| -v).collect();
    Some(match (kind, swapped) {
        (binary::Kind::Mul, _) => (x, row, vec![0.0]),
        (binary::Kind::Add, _) => (x, vec![1.0], row),
        (binary::Kind::Sub, false) => (x, vec![1.0], negative),
        (binary::Kind::Sub, true) => (x, vec![-1.0], row),
        (binary::Kind::Div, false) => (x, row.iter().map(|v| 1.0 / v).collect(), vec![0.0]),
        _ => return None,
    })
}

fn at(row: &[f64], i: usize) -> f64 {
    if row.len() == 1 { row[0] } else { row[i] }
}

impl Line {
    /// This line after another.
    fn after(&self, first: &Line) -> Line {
        let channels = [&self.factor, &self.term, &first.factor, &first.term].map(|row| row.len());
        let count = channels.into_iter().max().unwrap_or(1);
        let factor = (0..count).map(|c| at(&first.factor, c) * at(&self.factor, c));
        let term = (0..count).map(|c| at(&first.term, c) * at(&self.factor, c) + at(&self.term, c));
        Line { x: first.x, factor: factor.collect(), term: term.collect() }
    }

    fn scales(&self) -> bool {
        self.factor.iter().any(|&v| v != 1.0)
    }

    fn shifts(&self) -> bool {
        self.term.iter().any(|&v| v != 0.0)
    }
}

/// Weights of an operator as a matrix of its channels.
struct Weights {
    values: Vec<f32>,
    /// Output channel of the weight at this place.
    output: Box<dyn Fn(usize) -> usize>,
    /// Input channel of the weight at this place.
    input: Box<dyn Fn(usize) -> usize>,
    outputs: usize,
}

fn weights(view: &View<'_>, i: usize) -> Option<Weights> {
    let id = view.input(i, 1)?;
    let (shape, values) = (view.shape(id), view.floats(id)?);
    let outputs = *view.shape(view.output(i)?).last()?;
    match (&view.node(i).op, shape) {
        (Op::Conv2d(p), &[o, kh, kw, c]) => {
            let (size, per_group) = (kh * kw * c, o / p.groups.max(1) as usize);
            let input = move |k: usize| k / size / per_group * c + k % c;
            Some(Weights { values, output: Box::new(move |k| k / size), input: Box::new(input), outputs })
        }
        (Op::DepthwiseConv2d(_), &[_, _, c]) => {
            Some(Weights { values, output: Box::new(move |k| k % c), input: Box::new(move |k| k % c), outputs })
        }
        (Op::ConvTranspose2d(_), &[_, kh, kw, o, c]) => {
            let output = move |k: usize| k / (kh * kw * o * c) * o + k / c % o;
            let input = move |k: usize| k / (kh * kw * o * c) * c + k % c;
            Some(Weights { values, output: Box::new(output), input: Box::new(input), outputs })
        }
        (Op::FullyConnected(_), &[_, n]) => {
            Some(Weights { values, output: Box::new(move |k| k % n), input: Box::new(move |k| k / n), outputs })
        }
        _ => None,
    }
}

fn bias(view: &View<'_>, i: usize, outputs: usize) -> Option<Vec<f64>> {
    match view.input(i, 2) {
        Some(id) => Some(view.floats(id)?.into_iter().map(f64::from).collect()),
        None => Some(vec![0.0; outputs]),
    }
}

/// A node with other weights and, unless all are 0, biases; `factor` is that of the output channels, as far as weights
/// differ by it alone.
fn with_weights(
    view: &View<'_>,
    i: usize,
    patch: &mut Patch,
    weights: &[f64],
    bias: &[f64],
    factor: &[f64],
) -> Option<Vec<Option<TensorId>>> {
    let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
    let mut inputs = view.node(i).inputs.clone();
    inputs.resize(inputs.len().max(3), None);
    let old = view.graph().tensor(inputs[1]?);
    let changed = patch.floats(&old.name, &old.shape, &single(weights));
    let axis = match view.node(i).op {
        Op::Conv2d(_) => Some(0),
        Op::DepthwiseConv2d(_) => Some(2),
        Op::FullyConnected(_) => Some(1),
        _ => None,
    };
    patch.set_quantization(changed, old.quantization.as_ref().and_then(|q| q.scaled(factor, axis)));
    inputs[1] = Some(changed);
    let name = inputs[2].map_or(format!("{}.bias", old.name), |id| view.graph().tensor(id).name.clone());
    let needed = inputs[2].is_some() || bias.iter().any(|&v| v != 0.0);
    inputs[2] = needed.then(|| patch.floats(name, &[bias.len()], &single(bias)));
    while inputs.last().is_some_and(Option::is_none) {
        inputs.pop();
    }
    Some(inputs)
}

fn has_residual(view: &View<'_>, i: usize) -> bool {
    view.input(i, 3).is_some()
}

fn is_bare(op: &Op) -> bool {
    op.activation().is_some_and(|f| f == Activation::IDENTITY)
}

/// conv(x) · factor + term → conv with other weights and biases; likewise after a fully connected layer.
pub(super) fn into_producer(view: &View<'_>, i: usize) -> Option<Patch> {
    let line = line(view, i)?;
    let producer = view.private_maker(line.x)?;
    let node = view.node(producer);
    let Weights { values, output, outputs, .. } = weights(view, producer)?;
    if !is_bare(&node.op) || has_residual(view, producer) {
        return None;
    }
    let bias: Vec<f64> = bias(view, producer, outputs)?;
    let bias: Vec<f64> = bias.iter().enumerate().map(|(o, b)| b * at(&line.factor, o) + at(&line.term, o)).collect();
    let values: Vec<f64> =
        values.iter().enumerate().map(|(k, &w)| f64::from(w) * at(&line.factor, output(k))).collect();
    let mut patch = Patch::removing(view, &[producer, i]);
    let inputs = with_weights(view, producer, &mut patch, &values, &bias, &line.factor)?;
    patch.node(&node.name, node.op.clone(), inputs, view.node(i).outputs.clone());
    Some(patch)
}

/// conv(x · factor + term) → conv with other weights and biases, where every weight meets x and not padding; likewise
/// before a fully connected layer. All who read the sum must be such.
pub(super) fn into_consumer(view: &View<'_>, i: usize) -> Option<Patch> {
    let scaled = view.input(i, 0)?;
    let maker = view.maker(scaled)?;
    let line = line(view, maker)?;
    if view.is_output(scaled) || !view.readers(scaled).iter().all(|&reader| takes(view, reader, scaled, &line)) {
        return None;
    }
    let Weights { values, output, input, outputs } = weights(view, i)?;
    let mut bias = bias(view, i, outputs)?;
    let mut changed = Vec::with_capacity(values.len());
    for (k, &w) in values.iter().enumerate() {
        bias[output(k)] += f64::from(w) * at(&line.term, input(k));
        changed.push(f64::from(w) * at(&line.factor, input(k)));
    }
    let node = view.node(i);
    let mut patch = Patch::removing(view, &[i]);
    // A factor of input channels leaves no quantization, unless these are the output channels.
    let unequal = line.factor.len() > 1 && !matches!(node.op, Op::DepthwiseConv2d(_));
    let factor = if unequal { &[f64::NAN][..] } else { &line.factor[..] };
    let mut inputs = with_weights(view, i, &mut patch, &changed, &bias, factor)?;
    inputs[0] = Some(line.x);
    patch.node(&node.name, node.op.clone(), inputs, node.outputs.clone());
    Some(patch)
}

/// Whether a node's weights can do to `scaled` what a line does.
fn takes(view: &View<'_>, i: usize, scaled: TensorId, line: &Line) -> bool {
    let padded = match &view.node(i).op {
        Op::Conv2d(p) => p.pad != [0; 4],
        Op::DepthwiseConv2d(p) => p.pad != [0; 4],
        // At its edges, fewer weights meet the term.
        Op::ConvTranspose2d(_) => true,
        Op::FullyConnected(_) => false,
        _ => return false,
    };
    let as_data_only = view.node(i).inputs.iter().skip(1).all(|&id| id != Some(scaled));
    as_data_only && !(padded && line.shifts()) && weights(view, i).is_some()
}

/// A chain of factors and terms → at most one of each, or of images one depthwise convolution of single elements.
pub(super) fn merge(view: &View<'_>, i: usize) -> Option<Patch> {
    let mut whole = line(view, i)?;
    let mut chain = vec![i];
    while let Some(maker) = view.private_maker(whole.x)
        && let Some(first) = line(view, maker)
    {
        whole = whole.after(&first);
        chain.push(maker);
    }
    let uniform = |row: &[f64]| row.iter().all(|&v| v == row[0]);
    let as_unary = uniform(&whole.factor) && uniform(&whole.term);
    let as_depthwise = whole.scales() && whole.shifts() && view.shape(whole.x).len() == 4 && view.len(whole.x) > 0;
    let as_one = as_unary || as_depthwise;
    let needed = if as_one { 1 } else { usize::from(whole.scales()) + usize::from(whole.shifts()) };
    if chain.len() <= needed.max(1) {
        return None;
    }
    let node = view.node(i);
    let mut patch = Patch::removing(view, &chain);
    if as_unary {
        let function = Activation { kind: ActivationKind::Affine, a: whole.factor[0] as f32, b: whole.term[0] as f32 };
        patch.node(&node.name, Op::Unary(unary::Params { function }), vec![Some(whole.x)], node.outputs.clone());
        return Some(patch);
    }
    let result = view.graph().tensor(view.output(i)?);
    if as_depthwise {
        let channels = result.shape[3];
        let row = |row: &[f64]| (0..channels).map(|c| at(row, c) as f32).collect::<Vec<_>>();
        let weights = patch.floats(format!("{}.factor", node.name), &[1, 1, channels], &row(&whole.factor));
        let bias = patch.floats(format!("{}.term", node.name), &[channels], &row(&whole.term));
        let op = Op::DepthwiseConv2d(depthwise_conv2d::Params {
            kernel: [1; 2],
            stride: [1; 2],
            dilation: [1; 2],
            pad: [0; 4],
            activation: Activation::IDENTITY,
        });
        patch.node(&node.name, op, vec![Some(whole.x), Some(weights), Some(bias)], node.outputs.clone());
        return Some(patch);
    }
    let mut operand = |what: &str, row: &[f64]| {
        let mut shape = vec![1; result.shape.len()];
        shape[result.shape.len() - 1] = row.len();
        let values: Vec<f32> = row.iter().map(|&v| v as f32).collect();
        Some(patch.floats(format!("{}.{what}", node.name), &shape, &values))
    };
    let (factor, term) = (operand("factor", &whole.factor), operand("term", &whole.term));
    let of = |kind| Op::Binary(binary::Params { kind, activation: Activation::IDENTITY });
    let x = Some(whole.x);
    match (whole.scales(), whole.shifts()) {
        (true, false) => patch.node(&node.name, of(binary::Kind::Mul), vec![x, factor], node.outputs.clone()),
        (false, _) => patch.node(&node.name, of(binary::Kind::Add), vec![x, term], node.outputs.clone()),
        (true, true) => {
            let scaled = patch.tensor(format!("{}.scaled", result.name), DType::F32, &result.shape);
            patch.helper(&node.name, of(binary::Kind::Mul), vec![x, factor], scaled, &node.onnx_nodes);
            patch.node(&node.name, of(binary::Kind::Add), vec![Some(scaled), term], node.outputs.clone());
        }
    }
    Some(patch)
}
