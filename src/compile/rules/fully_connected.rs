//! Matrix products with constants.

use coulter_plan::ops::fully_connected;

use super::constants;
use super::patch::Patch;
use super::view::View;
use crate::graph::{Op, TensorId};

/// x · constant → fully connected. constant · x likewise, transposed, where x or the result has one column.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let Op::MatMul(p) = &view.node(i).op else { return None };
    let (a, b, result) = (view.input(i, 0)?, view.input(i, 1)?, view.output(i)?);
    if !view.is_plain_f32(a) || !view.is_plain_f32(b) || view.shape(a).len() < 2 {
        return None;
    }
    let node = view.node(i);
    let op = Op::FullyConnected(fully_connected::Params { activation: p.activation });
    let mut patch = Patch::removing(view, &[i]);
    if let Some((values, [k, n])) = matrix(view, b) {
        if view.shape(a)[..view.shape(a).len() - 2] != view.shape(result)[..view.shape(a).len() - 2] {
            return None;
        }
        let values: Vec<f32> = values.iter().map(|v| v * p.alpha).collect();
        let old = view.graph().tensor(b);
        let weights = patch.floats(&old.name, &[k, n], &values);
        let moved = old.quantization.as_ref().and_then(|q| q.moved(&Op::Reshape, &old.shape, &[k, n]));
        patch.set_quantization(weights, moved.and_then(|q| q.scaled(&[f64::from(p.alpha)], None)));
        patch.node(&node.name, op, vec![Some(a), Some(weights)], node.outputs.clone());
        return Some(patch);
    }
    let (values, [m, k]) = matrix(view, a)?;
    let (shape, of_result) = (view.shape(b), view.shape(result));
    let rank = shape.len();
    if shape[rank - 1] != 1 || of_result[..rank - 2] != shape[..rank - 2] {
        return None;
    }
    let values: Vec<f32> = values.iter().map(|v| v * p.alpha).collect();
    let value =
        constants::transposed(&crate::graph::Value::from_f32(&values), coulter_plan::DType::F32, &[m, k], &[1, 0]);
    let weights = patch.constant(&view.graph().tensor(a).name, coulter_plan::DType::F32, &[k, m], value);
    let swapped = |shape: &[usize]| {
        let mut shape = shape.to_vec();
        shape.swap(rank - 2, rank - 1);
        shape
    };
    let name = &view.graph().tensor(result).name;
    let row = patch.tensor(format!("{name}.row"), coulter_plan::DType::F32, &swapped(shape));
    let product = patch.tensor(format!("{name}.product"), coulter_plan::DType::F32, &swapped(of_result));
    patch.helper(&node.name, Op::Reshape, vec![Some(b)], row, &node.onnx_nodes);
    patch.node(&node.name, op, vec![Some(row), Some(weights)], vec![Some(product)]);
    patch.helper(&node.name, Op::Reshape, vec![Some(product)], result, &node.onnx_nodes);
    Some(patch)
}

/// A constant that is the same matrix in every batch, and its size.
fn matrix(view: &View<'_>, id: TensorId) -> Option<(Vec<f32>, [usize; 2])> {
    let [batch @ .., rows, columns] = view.shape(id) else { return None };
    let single = batch.iter().all(|&dim| dim == 1);
    if single { Some((view.floats(id)?, [*rows, *columns])) } else { None }
}
