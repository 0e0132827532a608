//! Averages.

use coulter_plan::DType;
use coulter_plan::ops::pool2d::{self, Kind, MAX_WINDOW};
use coulter_plan::ops::{qpool2d, reduce};

use super::bytes::{self, Bytes, Quantized};
use crate::graph::Op;
use crate::rules::patch::Patch;
use crate::rules::view::View;

/// quantize(average of dequantize x) → average of bytes; likewise of sums and means over neighbouring dimensions.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    pooled(view, i, Sums::Exact)
}

/// As [`rule`], of bytes that keep their scale, whose means often lie halfway between two: the last bits of the sum that
/// a model's own operators have decide there, and no sum of integers tells them.
pub(super) fn as_written(view: &View<'_>, i: usize) -> Option<Patch> {
    pooled(view, i, Sums::AsWritten)
}

/// What is added.
#[derive(Clone, Copy, PartialEq)]
enum Sums {
    /// Bytes.
    Exact,
    /// The real numbers that they stand for, one after the other.
    AsWritten,
}

fn pooled(view: &View<'_>, i: usize, sums: Sums) -> Option<Patch> {
    let quantized = Quantized::by(view, i)?;
    let maker = view.private_maker(quantized.x)?;
    match &view.node(maker).op {
        Op::Pool2d(p) if p.kind != Kind::Max => {
            let mut patch = Patch::removing(view, &[maker, i]);
            let x = bytes::behind(view, &mut patch, view.input(maker, 0)?)?;
            let op = average(&quantized, p, x, 1.0, sums)?;
            patch.node(&view.node(maker).name, op, vec![Some(x.id)], view.node(i).outputs.clone());
            Some(patch)
        }
        Op::Reduce(p) => reduced(view, [maker, i], &quantized, p, sums),
        _ => None,
    }
}

/// The average of a window times `factor`.
fn average(quantized: &Quantized, p: &pool2d::Params, x: Bytes, factor: f64, sums: Sums) -> Option<Op> {
    let &pool2d::Params { kind, kernel, stride, dilation, pad, ceil, activation } = p;
    let [low, high] = quantized.bounds(activation)?;
    let ratio = (f64::from(x.scale) * factor / quantized.scale) as f32;
    let (scale, x_scale) = match sums {
        Sums::Exact => (ratio, 0.0),
        Sums::AsWritten if ratio == 1.0 && factor == 1.0 => (x.scale, x.scale),
        Sums::AsWritten => return None,
    };
    let (x_zero, y_zero) = (x.zero, quantized.params.zero_point);
    let params =
        qpool2d::Params { kind, kernel, stride, dilation, pad, ceil, scale, x_zero, y_zero, low, high, x_scale };
    // A window's mean is at most 255 steps from zero.
    (ratio.is_normal() && ratio < (1 << 20) as f32).then_some(Op::QPool2d(params))
}

fn reduced(
    view: &View<'_>,
    [maker, i]: [usize; 2],
    quantized: &Quantized,
    p: &reduce::Params,
    sums: Sums,
) -> Option<Patch> {
    let id = view.input(maker, 0)?;
    let [outer, count, inner] = around(view.shape(id), p.axes)?;
    let factor = match p.kind {
        reduce::Kind::Mean => 1.0,
        reduce::Kind::Sum => count as f64,
        _ => return None,
    };
    let window = u32::try_from(count).ok().filter(|&count| (1..=MAX_WINDOW).contains(&count))?;
    let node = view.node(maker);
    let mut patch = Patch::removing(view, &[maker, i]);
    let x = bytes::behind(view, &mut patch, id)?;
    let column = pool2d::Params {
        kind: Kind::Average,
        kernel: [window, 1],
        stride: [1; 2],
        dilation: [1; 2],
        pad: [0; 4],
        ceil: false,
        activation: p.activation,
    };
    let outputs = view.node(i).outputs.clone();
    if let (&[_, h, w, _], 0b110) = (view.shape(id), p.axes) {
        let op = average(quantized, &pool2d::Params { kernel: [h as u32, w as u32], ..column }, x, factor, sums)?;
        patch.node(&node.name, op, vec![Some(x.id)], outputs);
        return Some(patch);
    }
    let op = average(quantized, &column, x, factor, sums)?;
    let name = &view.graph().tensor(quantized.y).name;
    let columns = patch.tensor(format!("{name}.columns"), DType::U8, &[outer, count, 1, inner]);
    let means = patch.tensor(format!("{name}.means"), DType::U8, &[outer, 1, 1, inner]);
    patch.helper(&node.name, Op::Reshape, vec![Some(x.id)], columns, &[]);
    patch.node(&node.name, op, vec![Some(columns)], vec![Some(means)]);
    patch.helper(&node.name, Op::Reshape, vec![Some(means)], quantized.y, &[]);
    Some(patch)
}

/// Elements before, in and after the dimensions that are reduced, if these are neighbours and there are any.
fn around(shape: &[usize], axes: u32) -> Option<[usize; 3]> {
    let is_reduced = |d: usize| axes >> d & 1 == 1;
    let first = (0..shape.len()).find(|&d| is_reduced(d) && shape[d] != 1)?;
    let last = (0..shape.len()).rfind(|&d| is_reduced(d) && shape[d] != 1)?;
    let together = (first..=last).all(|d| is_reduced(d) || shape[d] == 1);
    let of = |dims: &[usize]| dims.iter().product::<usize>();
    let parts = [of(&shape[..first]), of(&shape[first..=last]), of(&shape[last + 1..])];
    (together && !parts.contains(&0)).then_some(parts)
}
