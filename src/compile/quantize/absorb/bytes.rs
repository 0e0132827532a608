//! Tensors of real numbers that are bytes at heart.

use coulter_plan::ops::{dequantize, pad, pool2d, quantize, resize};
use coulter_plan::{Activation, ActivationKind, DType};

use super::weights;
use crate::graph::{Op, Quantization, TensorId, Value};
use crate::quantize::greatest_byte;
use crate::rules::patch::Patch;
use crate::rules::view::View;

/// Bytes that stand for the real numbers scale · (byte − zero).
#[derive(Clone, Copy)]
pub(super) struct Bytes {
    pub(super) id: TensorId,
    pub(super) scale: f32,
    pub(super) zero: u32,
}

impl Bytes {
    /// The real number that a byte stands for, as a step gives it.
    pub(super) fn real(&self, byte: u8) -> f32 {
        (f32::from(byte) - self.zero as f32) * self.scale
    }
}

/// What a node quantizes, and how.
pub(super) struct Quantized {
    pub(super) x: TensorId,
    pub(super) y: TensorId,
    pub(super) params: quantize::Params,
    /// In real numbers.
    pub(super) scale: f64,
}

impl Quantized {
    /// Of a node that quantizes each element of a tensor and adds none.
    pub(super) fn by(view: &View<'_>, i: usize) -> Option<Self> {
        let Op::Quantize(params) = view.node(i).op else { return None };
        let (x, y) = (view.input(i, 0)?, view.output(i)?);
        let told = match &view.graph().tensor(y).quantization {
            Some(Quantization { scales, axis: None, .. }) => scales.first().copied(),
            _ => None,
        };
        let told = told.filter(|scale| 1.0 / scale == params.inverse_scale);
        let scale = told.map_or(1.0 / f64::from(params.inverse_scale), f64::from);
        (view.shape(x) == view.shape(y) && scale.is_finite() && scale > 0.0).then_some(Self { x, y, params, scale })
    }

    /// The byte of a real number, as the step gives it.
    pub(super) fn byte(&self, v: f32) -> u8 {
        let q = i64::from((v * self.params.inverse_scale).round_ties_even() as i32) + i64::from(self.params.zero_point);
        q.clamp(0, 255) as u8
    }

    /// The bytes of the bounds that a function sets, if it does no more than that.
    pub(super) fn bounds(&self, function: Activation) -> Option<[u32; 2]> {
        match function.kind {
            ActivationKind::Identity => Some([0, 255]),
            ActivationKind::Clamp if function.a <= function.b => {
                Some([function.a, function.b].map(|bound| self.byte(bound).into()))
            }
            _ => None,
        }
    }
}

/// Most moves that are made again of bytes at a time: no model comes near, but parts of parts can double at every step.
const MAX_MOVES: usize = 256;

/// The bytes behind a tensor of real numbers: what was dequantized to make it, moved as it was moved.
pub(super) fn behind(view: &View<'_>, patch: &mut Patch, id: TensorId) -> Option<Bytes> {
    if patch.size() > MAX_MOVES {
        return None;
    }
    if view.is_constant(id) {
        return told(view, patch, id);
    }
    let maker = view.maker(id)?;
    let node = view.node(maker);
    let x = view.input(maker, 0)?;
    let (op, inputs, like) = match &node.op {
        Op::Dequantize(dequantize::Params { scale, zero_point }) => {
            let positive = *scale > 0.0 && scale.is_finite();
            return positive.then_some(Bytes { id: x, scale: *scale, zero: *zero_point });
        }
        Op::Concat(_) => {
            let parts = node.inputs.iter().map(|part| behind(view, patch, (*part)?)).collect::<Option<Vec<_>>>()?;
            let first = *parts.first()?;
            let alike = |part: &Bytes| (part.scale, part.zero) == (first.scale, first.zero);
            if !parts.iter().all(alike) {
                return None;
            }
            (node.op.clone(), parts.iter().map(|part| Some(part.id)).collect(), first)
        }
        Op::Resize(p) => {
            let x = behind(view, patch, x)?;
            return repeated(view, patch, maker, p, x);
        }
        _ => {
            let op = match &node.op {
                Op::Reshape | Op::Transpose(_) | Op::Slice { .. } | Op::Broadcast | Op::Copy | Op::Gather(_) => None,
                Op::Pad(p) if p.mode != pad::Mode::Constant || f32::from_bits(p.value[0]) == 0.0 => Some(*p),
                Op::Pool2d(p) if p.kind == pool2d::Kind::Max && p.activation.kind == ActivationKind::Identity => None,
                _ => return None,
            };
            let like = behind(view, patch, x)?;
            let op = match (op, &node.op) {
                (Some(p), _) => Op::Pad(pad::Params { value: [like.zero, 0], ..p }),
                (_, Op::Pool2d(p)) => Op::QPool2d(greatest_byte(p)),
                _ => node.op.clone(),
            };
            let mut inputs = node.inputs.clone();
            inputs[0] = Some(like.id);
            (op, inputs, like)
        }
    };
    Some(made(view, patch, maker, op, inputs, like))
}

/// Node `maker` on bytes.
fn made(view: &View<'_>, patch: &mut Patch, maker: usize, op: Op, inputs: Vec<Option<TensorId>>, like: Bytes) -> Bytes {
    let node = view.node(maker);
    let result = node.outputs[0].map(|id| view.graph().tensor(id));
    let (name, shape) = result.map_or((&node.name, &[][..]), |tensor| (&tensor.name, &tensor.shape));
    let id = patch.tensor(format!("{name}.bytes"), DType::U8, shape);
    patch.set_quantization(id, Some(Quantization::whole(like.scale, like.zero as i32)));
    patch.helper(&node.name, op, inputs, id, &node.onnx_nodes);
    Bytes { id, ..like }
}

/// The bytes of a constant that tells the quantization of the whole.
fn told(view: &View<'_>, patch: &mut Patch, id: TensorId) -> Option<Bytes> {
    let tensor = view.graph().tensor(id);
    let recovered = weights::recover(tensor)?;
    let (&[scale], &[zero]) = (&recovered.scales[..], &recovered.zero_points[..]) else { return None };
    let least = recovered.steps.iter().copied().min()?;
    // Signed bytes have a zero point of at most 127 and mostly steps below it.
    let zero = if zero + least < 0 { zero + 128 } else { zero };
    let bytes = recovered.steps.iter().map(|step| u8::try_from(step + zero).ok()).collect::<Option<Vec<_>>>()?;
    let zero = u32::try_from(zero).ok().filter(|&zero| zero <= 255)?;
    let id = patch.constant(format!("{}.bytes", tensor.name), DType::U8, &tensor.shape, Value(bytes.into()));
    Some(Bytes { id, scale, zero })
}

/// An image whose elements are repeated in both directions, where that is what resampling does.
fn repeated(view: &View<'_>, patch: &mut Patch, maker: usize, p: &resize::Params, x: Bytes) -> Option<Bytes> {
    let (&[n, h, w, c], &[_, oh, ow, _]) = (view.shape(view.input(maker, 0)?), view.shape(view.output(maker)?)) else {
        return None;
    };
    let [down, across] = [(h, oh, p.scales[0]), (w, ow, p.scales[1])].map(|(from, to, scale)| {
        let times = to / from.max(1);
        (to == times * from && scale == times as f32 && repeats(p, times)).then_some(times)
    });
    let (down, across) = (down?, across?);
    let node = view.node(maker);
    let name = &view.graph().tensor(view.output(maker)?).name;
    let apart = patch.tensor(format!("{name}.apart"), DType::U8, &[n, h, 1, w, 1, c]);
    patch.helper(&node.name, Op::Reshape, vec![Some(x.id)], apart, &node.onnx_nodes);
    let more = patch.tensor(format!("{name}.repeated"), DType::U8, &[n, h, down, w, across, c]);
    patch.helper(&node.name, Op::Broadcast, vec![Some(apart)], more, &node.onnx_nodes);
    Some(made(view, patch, maker, Op::Reshape, vec![Some(more)], x))
}

/// Whether resampling to so many times the size repeats each element so many times.
fn repeats(p: &resize::Params, times: usize) -> bool {
    use resize::{Coordinates, Mode, Nearest};
    let exact = match (p.coordinates, p.nearest) {
        (Coordinates::Asymmetric, Nearest::Floor) => true,
        (Coordinates::HalfPixel, Nearest::RoundPreferFloor | Nearest::RoundPreferCeil) => true,
        _ => times == 1,
    };
    p.mode == Mode::Nearest && exact
}
