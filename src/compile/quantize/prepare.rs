//! Lays bare the edges that 8-bit steps need: functions that are no clamp, and residuals of sums that stay real, become
//! nodes of their own.

use coulter_plan::Activation;
use coulter_plan::ops::{binary, unary};

use super::kinds::{self, Kind};
use crate::graph::{Graph, Node, Op, TensorId};

/// Splits; the rules put together again what stays real.
pub(super) fn split(graph: &mut Graph) {
    let real_sums = real_sums(graph);
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for (mut node, real_sum) in std::mem::take(&mut graph.nodes).into_iter().zip(real_sums) {
        let quantizable = matches!(kinds::of_split(graph, &node), Kind::Product | Kind::Light);
        let [Some(result)] = node.outputs[..] else {
            nodes.push(node);
            continue;
        };
        let splits_function = quantizable && !kinds::keeps_function(&node.op);
        let mut later = Vec::new();
        if real_sum && let Some(residual) = node.inputs[3].take() {
            let activation = taken(&mut node.op);
            let sum = part(graph, result, "sum");
            let add = Op::Binary(binary::Params { kind: binary::Kind::Add, activation });
            later.push(after(&node, "add", add, vec![sum, residual], result));
            node.outputs = vec![Some(sum)];
        } else if splits_function {
            let function = taken(&mut node.op);
            let argument = part(graph, result, "argument");
            later.push(after(&node, "function", Op::Unary(unary::Params { function }), vec![argument], result));
            node.outputs = vec![Some(argument)];
        }
        nodes.push(node);
        nodes.append(&mut later);
    }
    graph.nodes = nodes;
}

/// For each node whether it adds a residual to a sum that only real numbers are made of afterwards.
fn real_sums(graph: &Graph) -> Vec<bool> {
    let consumers = graph.consumers();
    let of = |node: &Node| {
        let Some(Some(result)) = node.outputs.first() else { return false };
        let residual = node.inputs.get(3).copied().flatten();
        let product = matches!(node.op, Op::Conv2d(_) | Op::DepthwiseConv2d(_) | Op::FullyConnected(_));
        let readers = consumers.get(result).map_or(&[][..], Vec::as_slice);
        let stays_real = |&reader: &usize| {
            let reader = &graph.nodes[reader];
            let as_residual = reader.inputs.iter().position(|id| *id == Some(*result)) == Some(3);
            as_residual || matches!(kinds::of_split(graph, reader), Kind::Real(_))
        };
        product && residual.is_some() && readers.iter().all(stays_real)
    };
    graph.nodes.iter().map(of).collect()
}

/// The operator's function, of which none is left.
fn taken(op: &mut Op) -> Activation {
    op.activation_mut().map_or(Activation::IDENTITY, std::mem::take)
}

/// A tensor like `result` in front of it.
fn part(graph: &mut Graph, result: TensorId, what: &str) -> TensorId {
    let tensor = graph.tensor(result);
    let (name, dtype, shape) = (format!("{}/{what}", tensor.name), tensor.dtype, tensor.shape.clone());
    graph.add(name, dtype, &shape)
}

/// The node that does the second part.
fn after(node: &Node, what: &str, op: Op, inputs: Vec<TensorId>, result: TensorId) -> Node {
    Node {
        name: format!("{}/{what}", node.name),
        op,
        inputs: inputs.into_iter().map(Some).collect(),
        outputs: vec![Some(result)],
        onnx_nodes: node.onnx_nodes.clone(),
    }
}
