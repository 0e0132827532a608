//! Which nodes have an 8-bit form.

use coulter_plan::ops::{binary, pool2d, reduce};
use coulter_plan::{ActivationKind, DType};

use crate::graph::{Graph, Node, Op, TensorId};

/// What 8 bits do to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Products with constant weights: what quantization is for.
    Product,
    /// Cheap work that is done in 8 bits between 8-bit neighbours.
    Light,
    /// Moves elements: in and out have one quantization.
    Move,
    /// Has no 8-bit form, and why.
    Real(&'static str),
}

/// The kind of a node of which the functions that it cannot have in 8 bits have been split off.
pub(super) fn of(graph: &Graph, node: &Node) -> Kind {
    match of_split(graph, node) {
        Kind::Product | Kind::Light if !keeps_function(&node.op) => Kind::Real("its function is not split off"),
        kind => kind,
    }
}

/// Whether an operator's function is part of its 8-bit form.
pub(super) fn keeps_function(op: &Op) -> bool {
    let takes_greatest = matches!(op, Op::Pool2d(p) if p.kind == pool2d::Kind::Max);
    match op.activation().unwrap_or_default().kind {
        ActivationKind::Identity => true,
        ActivationKind::Clamp => !takes_greatest,
        _ => false,
    }
}

/// The kind that a node has, its function apart.
pub(super) fn of_split(graph: &Graph, node: &Node) -> Kind {
    let [Some(output)] = node.outputs[..] else { return Kind::Real("it has not just one output") };
    let real = |id: TensorId| graph.tensor(id).dtype == DType::F32 && graph.tensor(id).quantization.is_none();
    let constant = |id: TensorId| graph.tensor(id).value.is_some();
    let input = |i: usize| node.inputs.get(i).copied().flatten();
    let Some(x) = input(0) else { return Kind::Real("it has no input") };
    if !real(x) || !real(output) {
        return Kind::Real("it does not compute f32");
    }
    match &node.op {
        Op::Conv2d(_) | Op::DepthwiseConv2d(_) | Op::FullyConnected(_) => {
            let weights_are_known = input(1).is_some_and(|w| constant(w) && real(w));
            let bias_is_known = input(2).is_none_or(|b| constant(b) && real(b));
            match (constant(x), weights_are_known && bias_is_known) {
                (false, true) => Kind::Product,
                _ => Kind::Real("its weights are computed"),
            }
        }
        Op::Pool2d(_) => Kind::Light,
        // The mean of an image or of a sequence is a pool.
        Op::Reduce(p)
            if p.kind == reduce::Kind::Mean
                && matches!((graph.tensor(x).shape.len(), p.axes), (4, 0b110) | (3, 0b10)) =>
        {
            Kind::Light
        }
        Op::Unary(_) => Kind::Light,
        Op::Softmax(p) if !p.log => Kind::Light,
        Op::Binary(p) if matches!(p.kind, binary::Kind::Add | binary::Kind::Sub | binary::Kind::Mul) => {
            match input(1) {
                Some(b) if real(b) && !(constant(x) && constant(b)) => Kind::Light,
                _ => Kind::Real("it does not compute f32"),
            }
        }
        Op::Reshape | Op::Transpose(_) | Op::Slice { .. } | Op::Broadcast | Op::Copy if !constant(x) => Kind::Move,
        Op::Concat(_) if node.inputs.iter().flatten().all(|&id| !constant(id)) => Kind::Move,
        _ => Kind::Real("the operator has no 8-bit form"),
    }
}

/// The computed tensors that an 8-bit node takes as bytes.
pub(super) fn byte_inputs<'g>(graph: &'g Graph, node: &'g Node) -> impl Iterator<Item = TensorId> + 'g {
    node.inputs.iter().flatten().copied().filter(|id| graph.tensor(*id).value.is_none())
}

/// Dimension of a product's weights that its outputs lie along.
pub(super) fn output_axis(op: &Op) -> Option<usize> {
    match op {
        Op::Conv2d(_) => Some(0),
        Op::DepthwiseConv2d(_) => Some(2),
        Op::FullyConnected(_) => Some(1),
        _ => None,
    }
}
