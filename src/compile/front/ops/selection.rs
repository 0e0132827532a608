//! Operators that take a part of a tensor.

use coulter_plan::DType;
use coulter_plan::ops::gather;

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId};

/// Constant indices at equal distances are a slice.
pub(super) fn gather(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, mut indices) = (node.input(0)?, node.input(1)?);
    let shape = importer.shape(x);
    let axis = importer.axis(node.int_or("axis", 0)?, shape.len())?;
    let of = importer.shape(indices);
    if importer.is_constant(indices) {
        let given = importer.const_i64s(node, 1)?.unwrap_or_default();
        let count = shape[axis] as i64;
        if given.iter().any(|i| !(-count..count).contains(i)) {
            return Err(Decline::broken(format!("indices reach outside of dimension {axis} of {shape:?}")));
        }
        let places: Vec<usize> = given.iter().map(|&i| (if i < 0 { i + count } else { i }) as usize).collect();
        if let Some(step) = progression(&places)
            && of.len() <= 1
        {
            let taken = importer.slice(x, axis, places[0], places.len(), step)?;
            let mut kept = importer.shape(taken);
            if of.is_empty() {
                kept.remove(axis);
            }
            return one(importer.reshape(taken, &kept)?);
        }
    }
    if !matches!(importer.dtype(indices), DType::I32 | DType::I64) {
        indices = importer.cast(indices, DType::I64)?;
    }
    let taken: Vec<usize> = shape[..axis].iter().chain(&of).chain(&shape[axis + 1..]).copied().collect();
    let dtype = importer.dtype(x);
    one(importer.emit(Op::Gather(gather::Params { axis: axis as u32 }), &[x, indices], dtype, &taken)?)
}

/// The distance of places that are equally far from each other; `None` where there are none.
fn progression(places: &[usize]) -> Option<isize> {
    let step = match places {
        [] => return None,
        [_] => 1,
        [a, b, ..] => *b as isize - *a as isize,
    };
    (step != 0 && places.windows(2).all(|p| p[1] as isize - p[0] as isize == step)).then_some(step)
}

/// Attributes before version 10, then inputs.
pub(super) fn slice(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let part = |name, i| importer.ints_of(node, name, i);
    let (starts, ends) = (part("starts", 1)?, part("ends", 2)?);
    let (Some(starts), Some(ends)) = (starts, ends) else {
        return Err(Decline::broken("starts or ends are missing"));
    };
    let axes = part("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = importer.const_i64s(node, 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(Decline::broken("starts, ends, axes and steps are not equally long"));
    }
    importer.axes(&axes, importer.rank(x))?;
    let mut shape = importer.shape(x);
    let (mut first, mut stride) = (vec![0; shape.len()], vec![1; shape.len()]);
    for (i, &axis) in axes.iter().enumerate() {
        let axis = importer.axis(axis, shape.len())?;
        let (start, count) =
            extent(shape[axis] as i64, starts[i], ends[i], steps[i]).ok_or_else(|| Decline::broken("a step is 0"))?;
        (first[axis], shape[axis], stride[axis]) = (start, count, steps[i].clamp(-(1 << 40), 1 << 40) as isize);
        if count <= 1 {
            stride[axis] = 1;
        }
    }
    if shape == importer.shape(x) && stride.iter().all(|&s| s == 1) {
        return one(x);
    }
    let dtype = importer.dtype(x);
    one(importer.emit(Op::Slice { start: first, step: stride }, &[x], dtype, &shape)?)
}

/// First index and number of indices of a slice of a dimension; `None` for a step of 0.
fn extent(dim: i64, start: i64, end: i64, step: i64) -> Option<(usize, usize)> {
    // The greatest number stands for no end at all, backwards too.
    let unbounded = end == i64::MAX || end == i64::from(i32::MAX);
    let from_front = |i: i64| if i < 0 { i.saturating_add(dim) } else { i };
    let (start, end) = (from_front(start), from_front(end));
    let (start, span) = match step {
        0 => return None,
        1.. => {
            let start = start.clamp(0, dim);
            (start, end.clamp(0, dim) - start)
        }
        _ => {
            let start = start.min(dim - 1).max(0);
            let end = if unbounded { -1 } else { end.min(dim - 1).max(-1) };
            (start, start.min(dim - 1) - end)
        }
    };
    let count = if span <= 0 { 0 } else { (span - 1) / step.saturating_abs() + 1 };
    Some((if count == 0 { 0 } else { start as usize }, count as usize))
}

/// Split
pub(super) fn split(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let shape = importer.shape(x);
    let axis = importer.axis(node.int_or("axis", 0)?, shape.len())?;
    let sizes: Vec<usize> = match importer.ints_of(node, "split", 1)? {
        Some(sizes) => sizes.iter().map(|&s| usize::try_from(s).unwrap_or(usize::MAX)).collect(),
        None => {
            let count = node.int("num_outputs")?.and_then(|n| usize::try_from(n).ok());
            let count = count.unwrap_or(node.outputs()).max(1);
            let each = shape[axis].div_ceil(count);
            (0..count).map(|i| each.min(shape[axis].saturating_sub(i * each))).collect()
        }
    };
    let total = sizes.iter().try_fold(0_usize, |sum, &s| sum.checked_add(s));
    if total != Some(shape[axis]) || sizes.len() < node.outputs() {
        return Err(Decline::broken(format!("sizes {sizes:?} do not make up dimension {axis} of {shape:?}")));
    }
    let mut outputs = Vec::new();
    let mut start = 0;
    for (i, size) in sizes.into_iter().enumerate() {
        let part: Option<TensorId> = if node.wants(i) { Some(importer.slice(x, axis, start, size, 1)?) } else { None };
        outputs.push(part);
        start += size;
    }
    Ok(outputs)
}
