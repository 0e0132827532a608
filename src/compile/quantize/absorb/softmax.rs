//! Softmax.

use coulter_plan::DType;
use coulter_plan::ops::qsoftmax;

use super::bytes::{self, Quantized};
use crate::graph::{Op, Value};
use crate::rules::patch::Patch;
use crate::rules::view::View;

/// quantize(softmax(dequantize x)) → softmax of bytes.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let quantized = Quantized::by(view, i)?;
    let maker = view.private_maker(quantized.x)?;
    let node = view.node(maker);
    let Op::Softmax(p) = &node.op else { return None };
    let mut patch = Patch::removing(view, &[maker, i]);
    let x = bytes::behind(view, &mut patch, view.input(maker, 0)?)?;
    if p.log || view.shape(quantized.y).last().is_none_or(|&columns| columns == 0) {
        return None;
    }
    // Of the difference from the greatest byte, 255 being none.
    let power = |i: i32| (libm::exp(f64::from(x.scale) * f64::from(i - 255)) * f64::from(1 << 30)).round() as u32;
    let powers = Value((0..256).flat_map(|i| power(i).to_le_bytes()).collect());
    let powers = patch.constant(format!("{}.exponentials", node.name), DType::U32, &[256], powers);
    let params = qsoftmax::Params { inverse_scale: quantized.params.inverse_scale, zero: quantized.params.zero_point };
    patch.node(&node.name, Op::QSoftmax(params), vec![Some(x.id), Some(powers)], view.node(i).outputs.clone());
    Some(patch)
}
