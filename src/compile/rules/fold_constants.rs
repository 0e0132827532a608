//! What depends on constants alone is computed now.

use super::constants;
use super::patch::Patch;
use super::view::View;
use crate::graph::Op;

/// Bytes up to which a result may be larger than what it is made of.
const SMALL: usize = 1 << 16;

/// op(constants) → constant, unless that would make the plan much larger.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let node = view.node(i);
    let result = view.output(i)?;
    if matches!(node.op, Op::Copy) {
        return None;
    }
    let inputs = node.inputs.iter().flatten();
    let bytes: usize = inputs.map(|&id| view.graph().tensor(id).bytes()).sum();
    if view.graph().tensor(result).bytes() > bytes.max(SMALL) {
        return None;
    }
    let value = constants::evaluate(view.graph(), node)?;
    let tensor = view.graph().tensor(result);
    if view.is_output(result) {
        let mut patch = Patch::removing(view, &[i]);
        let constant = patch.constant(&tensor.name, tensor.dtype, &tensor.shape, value);
        patch.node(&node.name, Op::Copy, vec![Some(constant)], node.outputs.clone());
        return Some(patch);
    }
    let mut patch = Patch::removing(view, &[i]).because("computed at compile time");
    let constant = patch.constant(&tensor.name, tensor.dtype, &tensor.shape, value);
    let first = view.graph().tensor(view.input(i, 0)?);
    let quantization = first.quantization.as_ref();
    patch.set_quantization(constant, quantization.and_then(|q| q.moved(&node.op, &first.shape, &tensor.shape)));
    patch.alias(result, constant);
    Some(patch)
}
