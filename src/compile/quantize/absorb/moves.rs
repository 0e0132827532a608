//! Moving elements commutes with quantizing them.

use coulter_plan::ops::{pad, pool2d};
use coulter_plan::{ActivationKind, DType};

use super::bytes::Quantized;
use crate::graph::{Op, TensorId};
use crate::quantize::greatest_byte;
use crate::rules::patch::Patch;
use crate::rules::view::View;

/// quantize(concatenation), quantize(padding), quantize(max pool) → the same of what is quantized before.
pub(super) fn before(view: &View<'_>, i: usize) -> Option<Patch> {
    let quantized = Quantized::by(view, i)?;
    let maker = view.private_maker(quantized.x)?;
    let node = view.node(maker);
    let (op, moved) = match &node.op {
        Op::Concat(axis) => (Op::Concat(*axis), node.inputs.len()),
        Op::Pad(p) => {
            let byte = quantized.byte(f32::from_bits(p.value[0]));
            let value = if p.mode == pad::Mode::Constant { [byte.into(), 0] } else { [0; 2] };
            (Op::Pad(pad::Params { value, ..*p }), 1)
        }
        Op::Pool2d(p) if p.kind == pool2d::Kind::Max && p.activation.kind == ActivationKind::Identity => {
            (Op::QPool2d(greatest_byte(p)), 1)
        }
        _ => return None,
    };
    let mut patch = Patch::removing(view, &[maker, i]);
    let mut inputs = node.inputs.clone();
    for id in inputs.iter_mut().take(moved) {
        let tensor = view.graph().tensor((*id)?);
        let bytes = patch.tensor(format!("{}.bytes", tensor.name), DType::U8, &tensor.shape);
        patch.set_quantization(bytes, view.graph().tensor(quantized.y).quantization.clone());
        patch.helper(&node.name, Op::Quantize(quantized.params), vec![*id], bytes, &view.node(i).onnx_nodes);
        *id = Some(bytes);
    }
    patch.node(&node.name, op, inputs, view.node(i).outputs.clone());
    Some(patch)
}

/// Concatenation of what one table gives, slice, broadcast or choice of it → the same, then the table.
pub(super) fn table_after(view: &View<'_>, i: usize) -> Option<Patch> {
    let node = view.node(i);
    let moved = match node.op {
        Op::Concat(_) => node.inputs.len(),
        Op::Slice { .. } | Op::Broadcast | Op::Gather(_) => 1,
        _ => return None,
    };
    let result = view.graph().tensor(view.output(i)?);
    let mut inputs = node.inputs.clone();
    let mut table: Option<TensorId> = None;
    for id in inputs.iter_mut().take(moved) {
        let maker = view.maker((*id)?).filter(|&maker| matches!(view.node(maker).op, Op::Table))?;
        let (x, own) = (view.input(maker, 0)?, view.input(maker, 1)?);
        let value = |id: TensorId| view.graph().tensor(id).value.as_ref();
        let same = table.is_none_or(|table| value(table) == value(own));
        let first = view.input(view.maker(node.inputs[0]?)?, 0)?;
        if view.shape(own).len() != 1 || !same || view.dtype(x) != view.dtype(first) {
            return None;
        }
        (*id, table) = (Some(x), Some(own));
    }
    let dtype = view.dtype(inputs[0]?);
    let mut patch = Patch::removing(view, &[i]);
    let together = patch.tensor(format!("{}.raw", result.name), dtype, &result.shape);
    patch.node(&node.name, node.op.clone(), inputs, vec![Some(together)]);
    patch.helper(&node.name, Op::Table, vec![Some(together), table], view.output(i)?, &node.onnx_nodes);
    Some(patch)
}
