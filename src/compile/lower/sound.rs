//! What lowering relies on: refused with words rather than met with a panic, should a reader or a rule go wrong.

use super::{Refusal, input_tensor, output_tensor};
use crate::graph::{Graph, Node, Op, Tensor};

/// Constants fill their shapes.
pub(super) fn constant(tensor: &Tensor) -> Result<(), Refusal> {
    let bytes = tensor.shape.iter().try_fold(tensor.dtype.size(), |bytes, &dim| bytes.checked_mul(dim));
    match &tensor.value {
        Some(value) if bytes != Some(value.0.len()) => {
            let Tensor { name, shape, .. } = tensor;
            Err(Refusal(format!("constant {name} has {} bytes, its shape is {shape:?}", value.0.len())))
        }
        _ => Ok(()),
    }
}

/// Operators that become views name dimensions and indices that are there, and their outputs have the shapes that
/// follow; weights have as many inputs as what they are multiplied with, channels as many constants as there are.
pub(super) fn node(graph: &Graph, node: &Node) -> Result<(), Refusal> {
    node.inputs.iter().flatten().try_for_each(|id| constant(graph.tensor(*id)))?;
    let shapes =
        || Ok::<_, Refusal>((&input_tensor(graph, node, 0)?.shape[..], &output_tensor(graph, node, 0)?.shape[..]));
    let fits = match &node.op {
        Op::Reshape => {
            let (x, y) = shapes()?;
            x.iter().product::<usize>() == y.iter().product::<usize>()
        }
        Op::Transpose(permutation) => {
            let (x, y) = shapes()?;
            let mut seen = permutation.clone();
            seen.sort_unstable();
            seen.into_iter().eq(0..x.len()) && permutation.iter().map(|&p| x[p]).eq(y.iter().copied())
        }
        Op::Slice { start, step } => {
            let (x, y) = shapes()?;
            let ranks = [start.len(), step.len(), y.len()];
            ranks == [x.len(); 3] && (0..x.len()).all(|i| y[i] == 0 || inside(start[i], step[i], y[i], x[i]))
        }
        Op::Broadcast => {
            let (x, y) = shapes()?;
            x.len() == y.len() && x.iter().zip(y).all(|(&from, &to)| from == to || from == 1)
        }
        Op::Concat(axis) => {
            let whole = &output_tensor(graph, node, 0)?.shape;
            let parts: Vec<_> = node.inputs.iter().flatten().map(|id| &graph.tensor(*id).shape).collect();
            let alike = |part: &&Vec<usize>| {
                part.len() == whole.len() && (0..whole.len()).all(|i| i == *axis || part[i] == whole[i])
            };
            *axis < whole.len()
                && parts.iter().all(alike)
                && parts.iter().map(|part| part[*axis]).sum::<usize>() == whole[*axis]
        }
        Op::Recurrent(_) => {
            let [x, w, r] = [0, 1, 2].map(|i| input_tensor(graph, node, i).map(|tensor| &tensor.shape));
            let (x, w, r) = (x?, w?, r?);
            w.len() == 2 && r.len() == 2 && x.last() == w.first() && w[1] == r[1]
        }
        Op::QConv2d(_) | Op::QDepthwiseConv2d(_) | Op::QFullyConnected(_) => {
            let [x, w, bias, multiplier] = [0, 1, 2, 3].map(|i| input_tensor(graph, node, i).map(|t| &t.shape[..]));
            let (x, w, channels) = (x?, w?, output_tensor(graph, node, 0)?.shape.last());
            let each = |shape: &[usize]| shape.len() == 1 && shape.first() == channels;
            let matrix = !matches!(node.op, Op::QFullyConnected(_)) || w.len() == 2 && w.first() == x.last();
            each(bias?) && each(multiplier?) && matrix
        }
        Op::DynamicFullyConnected(_) => {
            let [x, w, scale] = [0, 1, 2].map(|i| input_tensor(graph, node, i).map(|t| &t.shape[..]));
            let (x, w, columns) = (x?, w?, output_tensor(graph, node, 0)?.shape.last());
            let bias = node.inputs.get(3).copied().flatten().map(|id| &graph.tensor(id).shape[..]);
            let each = |shape: &[usize]| shape.len() == 1 && shape.first() == columns;
            w.len() == 2 && w.first() == x.last() && each(scale?) && bias.is_none_or(each)
        }
        Op::Table => {
            let [x, table] = [0, 1].map(|i| input_tensor(graph, node, i).map(|t| &t.shape[..]));
            match table? {
                [256] => true,
                [channels, 256] => x?.last() == Some(channels),
                _ => false,
            }
        }
        _ => true,
    };
    if fits {
        return Ok(());
    }
    let shape = |id: &Option<crate::graph::TensorId>| id.map(|id| graph.tensor(id).shape.clone());
    let [from, to] = [&node.inputs, &node.outputs].map(|ids| ids.iter().filter_map(shape).collect::<Vec<_>>());
    Err(Refusal(format!("a {} does not lead from the shapes {from:?} to {to:?}", node.op.name())))
}

/// Whether `len` indices from `start` on lie below `dim`.
fn inside(start: usize, step: isize, len: usize, dim: usize) -> bool {
    let last = (len as isize - 1).checked_mul(step).and_then(|way| start.checked_add_signed(way));
    start < dim && last.is_some_and(|last| last < dim)
}
