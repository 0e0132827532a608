//! Padding as part of the convolution or pool that it is for.

use coulter_plan::ops::{pad, pool2d};
use coulter_plan::{ActivationKind, DType};

use super::patch::{self, Patch};
use super::view::View;
use crate::graph::{Op, TensorId};

/// conv(pad x by zeros), max pool(pad x by −∞, or by zeros where x is not negative), average pool(pad x by zeros) →
/// the operator with more padding of its own.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let padded = view.input(i, 0)?;
    let maker = view.maker(padded)?;
    let Op::Pad(p) = &view.node(maker).op else { return None };
    let x = view.input(maker, 0)?;
    let amounts = around_image(view, p, x, padded)?;
    let value = f32::from_bits(p.value[0]);
    let mut op = view.node(i).op.clone();
    match &mut op {
        Op::Conv2d(c) if value == 0.0 => c.pad = sum(c.pad, amounts)?,
        Op::DepthwiseConv2d(c) if value == 0.0 => c.pad = sum(c.pad, amounts)?,
        Op::Pool2d(pool) => {
            let lowest = value <= f32::MIN;
            let harmless = lowest || value == 0.0 && is_not_negative(view, x);
            match pool.kind {
                pool2d::Kind::Max if harmless => {}
                pool2d::Kind::AverageWithPad if value == 0.0 => {}
                pool2d::Kind::Average if value == 0.0 && pool.pad == [0; 4] => {
                    pool.kind = pool2d::Kind::AverageWithPad;
                }
                _ => return None,
            }
            pool.pad = sum(pool.pad, amounts)?;
            let extent = [0, 1].map(|d| u64::from(pool.dilation[d]) * (u64::from(pool.kernel[d]).max(1) - 1) + 1);
            if (0..4).any(|side| u64::from(pool.pad[side]) >= extent[side % 2]) {
                return None;
            }
        }
        _ => return None,
    }
    let mut inputs = view.node(i).inputs.clone();
    inputs[0] = Some(x);
    Some(patch::replace(view, i, op, inputs))
}

/// Top, left, bottom and right amounts of a constant padding that adds to height and width alone.
fn around_image(view: &View<'_>, p: &pad::Params, x: TensorId, padded: TensorId) -> Option<[u32; 4]> {
    let (&[n, h, w, c], &[pn, ph, pw, pc]) = (view.shape(x), view.shape(padded)) else { return None };
    if p.mode != pad::Mode::Constant || view.dtype(x) != DType::F32 || (n, c) != (pn, pc) {
        return None;
    }
    let [top, left] = [p.before[1], p.before[2]];
    let bottom = u32::try_from(ph.checked_sub(h)?).ok()?.checked_sub(top)?;
    let right = u32::try_from(pw.checked_sub(w)?).ok()?.checked_sub(left)?;
    Some([top, left, bottom, right])
}

fn sum(a: [u32; 4], b: [u32; 4]) -> Option<[u32; 4]> {
    let mut sum = [0; 4];
    for (sum, (a, b)) in sum.iter_mut().zip(a.into_iter().zip(b)) {
        *sum = a.checked_add(b)?;
    }
    Some(sum)
}

/// Whether the operator that makes a tensor ends with a function that is never negative.
fn is_not_negative(view: &View<'_>, id: TensorId) -> bool {
    let Some(maker) = view.maker(id) else { return false };
    let last = match &view.node(maker).op {
        Op::Unary(p) => Some(p.function),
        op => op.activation(),
    };
    last.is_some_and(|f| match f.kind {
        ActivationKind::Clamp => f.a >= 0.0 && f.b >= 0.0,
        ActivationKind::Sigmoid | ActivationKind::HardSigmoid | ActivationKind::Softplus => true,
        ActivationKind::Exp | ActivationKind::Abs | ActivationKind::Square => true,
        _ => false,
    })
}
