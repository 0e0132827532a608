//! Flattening next to a fully connected layer: its constant weights are put in order instead of the data.

use coulter_plan::DType;

use super::constants;
use super::patch::Patch;
use super::shapes;
use super::view::View;
use crate::graph::{Op, Quantization, TensorId, Value};

/// fully connected(reshape(transpose x)) → fully connected(reshape x) with the rows of the weights permuted, where the
/// transposition permutes what the reshape makes into the last dimension.
pub(super) fn before(view: &View<'_>, i: usize) -> Option<Patch> {
    let node = view.node(i);
    let Op::FullyConnected(_) = node.op else { return None };
    let flat = view.input(i, 0)?;
    let reshape = view.maker(flat).filter(|&maker| matches!(view.node(maker).op, Op::Reshape))?;
    let moved = view.input(reshape, 0)?;
    let transpose = view.maker(moved)?;
    let Op::Transpose(perm) = &view.node(transpose).op else { return None };
    let x = view.input(transpose, 0)?;
    let weights = view.input(i, 1)?;
    let [k, n] = view.shape(weights) else { return None };
    let first = tail(view.shape(moved), *k, perm)?;
    let inner: Vec<usize> = perm[first..].iter().map(|p| p - first).collect();
    let mut patch = Patch::removing(view, &[i]);
    let value = view.graph().tensor(weights).value.clone()?;
    let rows = [&view.shape(moved)[first..], &[*n]].concat();
    let back = [shapes::inverse(&inner), vec![inner.len()]].concat();
    let mut inputs = node.inputs.clone();
    let moved = constant(view, &mut patch, weights, constants::transposed(&value, view.dtype(weights), &rows, &back));
    let quantization = view.graph().tensor(weights).quantization.clone();
    patch.set_quantization(moved, quantization.filter(|q| q.axis != Some(0)));
    inputs[1] = Some(moved);
    let tensor = view.graph().tensor(flat);
    let unmoved = patch.tensor(format!("{}.unmoved", tensor.name), tensor.dtype, &tensor.shape);
    patch.helper(&view.node(reshape).name, Op::Reshape, vec![Some(x)], unmoved, &[]);
    inputs[0] = Some(unmoved);
    patch.node(&node.name, node.op.clone(), inputs, node.outputs.clone());
    Some(patch)
}

/// transpose(reshape(fully connected(x))) → reshape(fully connected(x)) with the columns of the weights permuted.
pub(super) fn after(view: &View<'_>, i: usize) -> Option<Patch> {
    let Op::Transpose(perm) = &view.node(i).op else { return None };
    let unmoved = view.input(i, 0)?;
    let reshape = view.private_maker(unmoved).filter(|&maker| matches!(view.node(maker).op, Op::Reshape))?;
    let flat = view.input(reshape, 0)?;
    let layer = view.private_maker(flat)?;
    let node = view.node(layer);
    let Op::FullyConnected(_) = node.op else { return None };
    let weights = view.input(layer, 1)?;
    let [k, n] = view.shape(weights) else { return None };
    let first = tail(view.shape(unmoved), *n, perm)?;
    if view.input(layer, 3).is_some() {
        return None;
    }
    let inner: Vec<usize> = perm[first..].iter().map(|p| p - first).collect();
    let mut patch = Patch::removing(view, &[layer, reshape, i]);
    let mut inputs = node.inputs.clone();
    let columns = &view.shape(unmoved)[first..];
    for (id, outer) in [(view.input(layer, 1), vec![*k]), (view.input(layer, 2), vec![])] {
        let Some(id) = id else { continue };
        let value = view.graph().tensor(id).value.clone()?;
        let shape = [&outer[..], columns].concat();
        let perm: Vec<usize> = (0..outer.len()).chain(inner.iter().map(|p| p + outer.len())).collect();
        let value = constants::transposed(&value, view.dtype(id), &shape, &perm);
        let moved = constant(view, &mut patch, id, value);
        if !outer.is_empty() {
            patch.set_quantization(moved, with_columns(view, id, columns, &inner));
        }
        inputs[if outer.is_empty() { 2 } else { 1 }] = Some(moved);
    }
    let tensor = view.graph().tensor(flat);
    let computed = patch.tensor(format!("{}.moved", tensor.name), tensor.dtype, &tensor.shape);
    patch.node(&node.name, node.op.clone(), inputs, vec![Some(computed)]);
    patch.helper(&node.name, Op::Reshape, vec![Some(computed)], view.output(i)?, &view.node(i).onnx_nodes);
    Some(patch)
}

/// The quantization of a matrix after its columns, an index of so many dimensions, were permuted.
fn with_columns(view: &View<'_>, id: TensorId, columns: &[usize], perm: &[usize]) -> Option<Quantization> {
    let mut quantization = view.graph().tensor(id).quantization.clone()?;
    if quantization.axis.is_none() {
        return Some(quantization);
    }
    let places: Vec<f32> = (0..columns.iter().product::<usize>()).map(|c| c as f32).collect();
    let places = constants::transposed(&Value::from_f32(&places), DType::F32, columns, perm).to_f32();
    let order: Vec<usize> = places.into_iter().map(|c| c as usize).collect();
    if quantization.axis != Some(1) || quantization.scales.len() != order.len() {
        return None;
    }
    quantization.scales = shapes::permuted(&quantization.scales, &order);
    if quantization.zero_points.len() == order.len() {
        quantization.zero_points = shapes::permuted(&quantization.zero_points, &order);
    }
    Some(quantization)
}

/// Another constant in place of `id`.
fn constant(view: &View<'_>, patch: &mut Patch, id: TensorId, value: Value) -> TensorId {
    let old = view.graph().tensor(id);
    patch.constant(&old.name, old.dtype, &old.shape, value)
}

/// The first of the last dimensions that hold `length` elements together, if the permutation stays within them.
fn tail(shape: &[usize], length: usize, perm: &[usize]) -> Option<usize> {
    let mut first = shape.len();
    let mut size = 1;
    while size < length && first > 0 {
        first -= 1;
        size *= shape[first];
    }
    // Dimensions of 1 may stand before.
    while first > 0 && shape[first - 1] == 1 && !shapes::is_identity(&perm[..first]) {
        first -= 1;
    }
    let stays = perm.len() == shape.len() && shapes::is_identity(&perm[..first]);
    (size == length && stays).then_some(first)
}
