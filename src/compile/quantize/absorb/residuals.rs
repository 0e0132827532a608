//! Sums at the end of quantized products.

use coulter_plan::ops::qbinary;
use coulter_plan::requantize::{Requantize, Residual, ResidualKind};

use crate::graph::{Op, TensorId};
use crate::rules::patch::Patch;
use crate::rules::view::View;

/// product + r → product with the residual r, the later one if both operands are such.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let Op::QBinary(p) = view.node(i).op else { return None };
    if p.kind != qbinary::Kind::Add {
        return None;
    }
    let (a, b) = (view.input(i, 0)?, view.input(i, 1)?);
    let shape = view.shape(view.output(i)?);
    if view.shape(a) != shape || view.shape(b) != shape {
        return None;
    }
    let swapped = qbinary::Params { a_scale: p.b_scale, b_scale: p.a_scale, a_zero: p.b_zero, b_zero: p.a_zero, ..p };
    let choices = [(a, b, p), (b, a, swapped)];
    let found = choices.into_iter().filter_map(|(sum, r, p)| Some((adder(view, sum, p.a_zero)?, r, p)));
    let (product, r, p) = found.max_by_key(|(product, ..)| *product)?;
    let node = view.node(product);
    let mut op = node.op.clone();
    let (requantize, residual) = epilogue(&mut op)?;
    *residual = Residual {
        kind: ResidualKind::Rounded,
        scale: p.b_scale,
        zero: p.b_zero,
        inner_scale: p.a_scale,
        inner: *requantize,
    };
    *requantize = Requantize { zero: p.y_zero, low: p.low, high: p.high };
    let mut inputs = node.inputs.clone();
    inputs.resize(5, None);
    inputs[4] = Some(r);
    let mut patch = Patch::removing(view, &[product, i]);
    patch.node(&node.name, op, inputs, view.node(i).outputs.clone());
    Some(patch)
}

/// The product that makes a tensor of this zero point and can add a residual to it.
fn adder(view: &View<'_>, id: TensorId, zero: u32) -> Option<usize> {
    let maker = view.private_maker(id)?;
    let mut op = view.node(maker).op.clone();
    let (requantize, _) = epilogue(&mut op)?;
    let free = view.input(maker, 4).is_none() && view.input(maker, 5).is_none();
    (free && requantize.zero == zero).then_some(maker)
}

/// What follows the sums of a quantized product.
pub(super) fn epilogue(op: &mut Op) -> Option<(&mut Requantize, &mut Residual)> {
    match op {
        Op::QConv2d(p) => Some((&mut p.requantize, &mut p.residual)),
        Op::QDepthwiseConv2d(p) => Some((&mut p.requantize, &mut p.residual)),
        Op::QFullyConnected(p) => Some((&mut p.requantize, &mut p.residual)),
        _ => None,
    }
}
