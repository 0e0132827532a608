//! Functions of one byte.

use coulter_plan::DType;
use coulter_plan::ops::unary;

use super::bytes::{self, Bytes, Quantized};
use super::residuals::epilogue;
use crate::graph::{Op, TensorId, Value};
use crate::rules::cone::{self, Cone};
use crate::rules::math;
use crate::rules::patch::{self, Patch};
use crate::rules::view::View;

/// Most channels with a table each.
const MAX_CHANNELS: usize = 512;

fn every_byte() -> impl Iterator<Item = u8> {
    0..=u8::MAX
}

/// quantize(dequantize x) → x, or what a table makes of it.
pub(super) fn requantize(view: &View<'_>, i: usize) -> Option<Patch> {
    let quantized = Quantized::by(view, i)?;
    let mut patch = Patch::removing(view, &[i]).because("without effect");
    let x = bytes::behind(view, &mut patch, quantized.x)?;
    let entries: Vec<u8> = every_byte().map(|byte| quantized.byte(x.real(byte))).collect();
    let is_known = x.id.0 < view.graph().tensors.len();
    if entries.iter().copied().ne(every_byte()) {
        return Some(looked_up(view, i, patch, x.id, &[256], entries));
    }
    if is_known {
        return patch::forward(view, i, x.id, "without effect");
    }
    patch.alias(quantized.y, x.id);
    Some(patch)
}

/// Node `i` becomes a table's look-up of `x`.
fn looked_up(view: &View<'_>, i: usize, mut patch: Patch, x: TensorId, shape: &[usize], entries: Vec<u8>) -> Patch {
    let node = view.node(i);
    let table = patch.constant(format!("{}.table", node.name), DType::U8, shape, Value(entries.into()));
    patch.node(&node.name, Op::Table, vec![Some(x), Some(table)], node.outputs.clone());
    patch
}

/// quantize(f(dequantize x)) → what a table makes of x, where f is arithmetic with constants of one element.
pub(super) fn function(view: &View<'_>, i: usize) -> Option<Patch> {
    arithmetic(view, i, true)
}

/// As [`function`], with constants that have an element for each channel.
pub(super) fn function_of_channels(view: &View<'_>, i: usize) -> Option<Patch> {
    arithmetic(view, i, false)
}

fn arithmetic(view: &View<'_>, i: usize, uniform: bool) -> Option<Patch> {
    let quantized = Quantized::by(view, i)?;
    let root = view.maker(quantized.x)?;
    let shape = view.shape(quantized.y);
    for cone in cone::ending_at(view, root, |node| is_pointwise(view, node)) {
        let mut patch = Patch::removing(view, &[i]);
        let Some(x) = bytes::behind(view, &mut patch, cone.leaf).filter(|_| view.shape(cone.leaf) == shape) else {
            continue;
        };
        if is_uniform(view, &cone) != uniform {
            continue;
        }
        let channels = if uniform { 1 } else { *shape.last()? };
        if let Some(entries) = entries(view, &cone, x, &quantized, channels) {
            let shape = if channels == 1 { vec![256] } else { vec![channels, 256] };
            return Some(looked_up(view, i, patch, x.id, &shape, entries));
        }
    }
    None
}

fn is_pointwise(view: &View<'_>, i: usize) -> bool {
    match &view.node(i).op {
        Op::Unary(unary::Params { function }) => math::knows(function.kind),
        Op::Binary(_) | Op::Select => true,
        _ => false,
    }
}

/// Whether all constants have one element.
fn is_uniform(view: &View<'_>, cone: &Cone) -> bool {
    let inputs = cone.nodes.iter().flat_map(|&i| view.node(i).inputs.iter().flatten());
    inputs.into_iter().all(|&id| !view.is_constant(id) || view.len(id) == 1)
}

/// What becomes of every byte, one channel after the other.
fn entries(view: &View<'_>, cone: &Cone, x: Bytes, quantized: &Quantized, channels: usize) -> Option<Vec<u8>> {
    if channels == 1 {
        let reals: Vec<f64> = every_byte().map(|byte| x.real(byte).into()).collect();
        return Some(cone.evaluate(view, &reals)?.into_iter().map(|y| quantized.byte(y as f32)).collect());
    }
    if channels > MAX_CHANNELS {
        return None;
    }
    let mut entries = vec![0; channels * 256];
    for byte in every_byte() {
        let row = cone.evaluate(view, &vec![f64::from(x.real(byte)); channels])?;
        let places = entries.iter_mut().skip(byte.into()).step_by(256);
        row.into_iter().zip(places).for_each(|(y, entry)| *entry = quantized.byte(y as f32));
    }
    Some(entries)
}

/// quantize(depthwise convolution of single elements of dequantize x), which is a factor and a term for each channel →
/// what tables of channels make of x.
pub(super) fn factors(view: &View<'_>, i: usize) -> Option<Patch> {
    let quantized = Quantized::by(view, i)?;
    let maker = view.maker(quantized.x)?;
    let Op::DepthwiseConv2d(p) = &view.node(maker).op else { return None };
    let channels = *view.shape(quantized.y).last()?;
    let single = (p.kernel, p.stride, p.pad) == ([1; 2], [1; 2], [0; 4]);
    if !single || view.input(maker, 3).is_some() || channels > MAX_CHANNELS || !math::knows(p.activation.kind) {
        return None;
    }
    let factors = view.floats(view.input(maker, 1)?)?;
    let terms = match view.input(maker, 2) {
        Some(id) => view.floats(id)?,
        None => vec![0.0; channels],
    };
    let mut patch = Patch::removing(view, &[i]);
    let x = bytes::behind(view, &mut patch, view.input(maker, 0)?)?;
    let entry = |channel: usize, byte: u8| {
        let line = f64::from(factors[channel]) * f64::from(x.real(byte)) + f64::from(terms[channel]);
        quantized.byte(math::activation(p.activation, line) as f32)
    };
    let entries = (0..channels).flat_map(|channel| every_byte().map(move |byte| (channel, byte)));
    let entries = entries.map(|(channel, byte)| entry(channel, byte)).collect();
    Some(looked_up(view, i, patch, x.id, &[channels, 256], entries))
}

/// Two tables one after the other → one, or none where the second undoes the first.
pub(super) fn compose(view: &View<'_>, i: usize) -> Option<Patch> {
    let (second, between) = table(view, i)?;
    let maker = view.maker(between)?;
    let (first, x) = table(view, maker)?;
    let channels = first.len().max(second.len()) / 256;
    let at = |entries: &[u8], channel: usize, byte: u8| entries[channel * 256 % entries.len() + usize::from(byte)];
    let of = |channel| every_byte().map(move |byte| at(second, channel, at(first, channel, byte)));
    let entries: Vec<u8> = (0..channels).flat_map(of).collect();
    let identical = entries.iter().copied().eq((0..channels).flat_map(|_| every_byte()));
    if identical && view.dtype(x) == view.dtype(view.output(i)?) {
        return patch::forward(view, i, x, "without effect");
    }
    let shape = if channels == 1 { vec![256] } else { vec![channels, 256] };
    Some(looked_up(view, i, Patch::removing(view, &[i]), x, &shape, entries))
}

/// Entries of a table, and what is looked up in it.
fn table<'g>(view: &View<'g>, i: usize) -> Option<(&'g [u8], TensorId)> {
    let entries = view.graph().tensor(view.input(i, 1)?).value.as_ref();
    matches!(view.node(i).op, Op::Table).then_some((&entries?.0, view.input(i, 0)?))
}

/// One table of unsigned bytes, what is looked up in it, and the node that makes that for it alone.
fn after_maker<'g>(view: &View<'g>, i: usize) -> Option<(&'g [u8], usize)> {
    let (entries, x) = table(view, i)?;
    let plain = entries.len() == 256 && view.dtype(x) == DType::U8 && view.dtype(view.output(i)?) == DType::U8;
    view.private_maker(x).filter(|_| plain).map(|maker| (entries, maker))
}

/// A table that does nothing but set bounds → bounds of the operator before it.
pub(super) fn into_bounds(view: &View<'_>, i: usize) -> Option<Patch> {
    let (entries, maker) = after_maker(view, i)?;
    let node = view.node(maker);
    let mut op = node.op.clone();
    if view.input(maker, 5).is_some() {
        return None;
    }
    let [low, high] = bounds(&mut op)?;
    let [least, most] = [*low, *high].map(|bound| entries.get(bound as usize).copied());
    let (least, most) = (least?, most?);
    if least > most || (*low..=*high).any(|byte| entries[byte as usize] != (byte as u8).clamp(least, most)) {
        return None;
    }
    (*low, *high) = (least.into(), most.into());
    let mut patch = Patch::removing(view, &[maker, i]);
    patch.node(&node.name, op, node.inputs.clone(), view.node(i).outputs.clone());
    Some(patch)
}

fn bounds(op: &mut Op) -> Option<[&mut u32; 2]> {
    match op {
        Op::QBinary(p) => Some([&mut p.low, &mut p.high]),
        Op::QPool2d(p) => Some([&mut p.low, &mut p.high]),
        _ => epilogue(op).map(|(requantize, _)| [&mut requantize.low, &mut requantize.high]),
    }
}

/// A table after a product → the product's own.
pub(super) fn into_product(view: &View<'_>, i: usize) -> Option<Patch> {
    let (entries, maker) = after_maker(view, i)?;
    let node = view.node(maker);
    epilogue(&mut node.op.clone())?;
    let entries: Vec<u8> = match view.input(maker, 5) {
        None => entries.to_vec(),
        Some(id) => {
            let first = view.graph().tensor(id).value.as_ref()?;
            first.0.iter().map(|&byte| entries[usize::from(byte)]).collect()
        }
    };
    let mut patch = Patch::removing(view, &[maker, i]);
    let mut inputs = node.inputs.clone();
    inputs.resize(6, None);
    let table = patch.constant(format!("{}.table", node.name), DType::U8, &[256], Value(entries.into()));
    inputs[5] = Some(table);
    patch.node(&node.name, node.op.clone(), inputs, view.node(i).outputs.clone());
    Some(patch)
}
