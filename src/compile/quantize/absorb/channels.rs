//! Images of few channels.

use coulter_plan::DType;
use coulter_plan::ops::{qconv2d, quantize};

use super::bytes::Quantized;
use crate::graph::{Op, TensorId, Value};
use crate::rules::patch::Patch;
use crate::rules::shapes;
use crate::rules::view::View;

/// Channels that are multiplied at once.
const QUAD: usize = 4;

/// convolution(quantize x) of channels that are no multiple of 4 → the same with channels added that hold zero and have
/// no weight; likewise of what another convolution gives, and of an image of at most 4 channels that is transposed
/// after it was quantized.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let Op::QConv2d(p) = &view.node(i).op else { return None };
    let x = view.input(i, 0)?;
    let &[n, h, w, c] = view.shape(x) else { return None };
    let wide = [n, h, w, c.next_multiple_of(QUAD)];
    if p.groups != 1 || wide[3] == c {
        return None;
    }
    let maker = view.private_maker(x)?;
    let mut patch = Patch::removing(view, &[i]);
    let wider = patch.tensor(format!("{}.wide", view.graph().tensor(x).name), DType::U8, &wide);
    patch.set_quantization(wider, view.graph().tensor(x).quantization.clone());
    match &view.node(maker).op {
        Op::Quantize(params) => {
            let source = Quantized::by(view, maker)?.x;
            quantize(view, &mut patch, maker, *params, source, wider);
        }
        Op::Transpose(perm) if c < QUAD => {
            let quantizer = view.private_maker(view.input(maker, 0)?)?;
            let quantized = Quantized::by(view, quantizer)?;
            let tensor = view.graph().tensor(quantized.x);
            let turned = patch.tensor(format!("{}.turned", tensor.name), DType::F32, view.shape(x));
            patch.set_origin(turned, shapes::moved_origin(tensor.origin.as_ref(), perm));
            let names = &view.node(maker).onnx_nodes;
            patch.helper(&view.node(maker).name, Op::Transpose(perm.clone()), vec![Some(quantized.x)], turned, names);
            quantize(view, &mut patch, quantizer, quantized.params, turned, wider);
        }
        Op::QConv2d(q) if q.groups == 1 => convolve(view, &mut patch, maker, q, wider)?,
        _ => return None,
    }
    let node = view.node(i);
    let mut inputs = node.inputs.clone();
    let weights = padded(view, view.input(i, 1)?, [3, QUAD], p.w_zero as i8 as u8)?;
    let [o, kh, kw, _] = view.shape(view.input(i, 1)?)[..] else { return None };
    let name = &view.graph().tensor(view.input(i, 1)?).name;
    inputs[0] = Some(wider);
    inputs[1] = Some(patch.constant(name, DType::I8, &[o, kh, kw, wide[3]], Value(weights.into())));
    patch.node(&node.name, node.op.clone(), inputs, node.outputs.clone());
    Some(patch)
}

fn quantize(
    view: &View<'_>,
    patch: &mut Patch,
    quantizer: usize,
    params: quantize::Params,
    x: TensorId,
    wider: TensorId,
) {
    let node = view.node(quantizer);
    patch.helper(&node.name, Op::Quantize(params), vec![Some(x)], wider, &node.onnx_nodes);
}

/// A convolution with more outputs, whose weights are nothing.
fn convolve(view: &View<'_>, patch: &mut Patch, maker: usize, p: &qconv2d::Params, wider: TensorId) -> Option<()> {
    if view.input(maker, 4).is_some() {
        return None;
    }
    let node = view.node(maker);
    let mut inputs = node.inputs.clone();
    for (k, filler) in [(1, p.w_zero as i8 as u8), (2, 0), (3, 0)] {
        let id = view.input(maker, k)?;
        let tensor = view.graph().tensor(id);
        let mut shape = tensor.shape.clone();
        *shape.first_mut()? = shape.first()?.next_multiple_of(QUAD);
        let value = padded(view, id, [0, QUAD], filler)?;
        inputs[k] = Some(patch.constant(&tensor.name, tensor.dtype, &shape, Value(value.into())));
    }
    patch.helper(&node.name, node.op.clone(), inputs, wider, &node.onnx_nodes);
    Some(())
}

/// The bytes of a constant whose dimension `axis` is made a multiple of `step` by adding `filler`.
fn padded(view: &View<'_>, id: TensorId, [axis, step]: [usize; 2], filler: u8) -> Option<Vec<u8>> {
    let tensor = view.graph().tensor(id);
    let value = tensor.value.as_ref()?;
    let inner: usize = tensor.shape[axis + 1..].iter().product::<usize>() * tensor.dtype.size();
    let (from, to) = (tensor.shape[axis], tensor.shape[axis].next_multiple_of(step));
    let mut padded = Vec::with_capacity(value.0.len() / from.max(1) * to);
    for rows in value.0.chunks_exact((from * inner).max(1)) {
        padded.extend_from_slice(rows);
        padded.resize(padded.len() + (to - from) * inner, filler);
    }
    Some(padded)
}
