//! Gathering at even distances.

use coulter_plan::DType;

use super::patch::Patch;
use super::view::View;
use crate::graph::Op;

/// gather(x, constant indices of one step) → slice, which can be a view.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let node = view.node(i);
    let Op::Gather(p) = &node.op else { return None };
    let (x, indices, result) = (view.input(i, 0)?, view.input(i, 1)?, view.output(i)?);
    let (axis, shape) = (p.axis as usize, view.shape(x));
    let value = view.graph().tensor(indices).value.as_ref()?;
    let places: Vec<i64> = match view.dtype(indices) {
        DType::I64 => value.to_i64(),
        DType::I32 => {
            let words = value.0.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            words.map(i64::from).collect()
        }
        _ => return None,
    };
    let length = i64::try_from(shape[axis]).ok()?;
    let places: Vec<i64> = places.into_iter().map(|k| if k < 0 { k + length } else { k }).collect();
    let first = *places.first()?;
    let step = places.get(1).map_or(1, |second| second - first);
    let even = places.windows(2).all(|pair| pair[1] - pair[0] == step);
    if !even || step == 0 || places.iter().any(|k| !(0..length).contains(k)) {
        return None;
    }
    let mut start = vec![0; shape.len()];
    let mut steps = vec![1; shape.len()];
    start[axis] = usize::try_from(first).ok()?;
    steps[axis] = isize::try_from(step).ok()?;
    let mut taken = shape.to_vec();
    taken[axis] = places.len();
    let mut patch = Patch::removing(view, &[i]);
    let tensor = view.graph().tensor(result);
    let sliced = patch.tensor(format!("{}.sliced", tensor.name), tensor.dtype, &taken);
    patch.node(&node.name, Op::Slice { start, step: steps }, vec![Some(x)], vec![Some(sliced)]);
    patch.helper(&node.name, Op::Reshape, vec![Some(sliced)], result, &node.onnx_nodes);
    Some(patch)
}
