//! GatherND and GatherElements, as a gather from the flat tensor by indices that are computed.

use coulter_plan::DType;
use coulter_plan::ops::binary::Kind;
use coulter_plan::ops::gather;

use crate::front::fold::strides;
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId};

/// What no tensor reaches: a gather with it is an error.
const OUTSIDE: f64 = -(1_i64 << 62) as f64;

/// An index made positive, and whether it lies in the dimension.
fn bounded(importer: &mut Importer<'_>, index: TensorId, dim: usize) -> Result<(TensorId, TensorId), Decline> {
    let below = importer.compare(Kind::Less, index, 0.0)?;
    let length = importer.scalar(dim as f64, DType::I64, importer.rank(index));
    let from_end = importer.add(index, length)?;
    let index = importer.select(below, from_end, index)?;
    let (first, last) =
        (importer.compare(Kind::GreaterEqual, index, 0.0)?, importer.compare(Kind::Less, index, dim as f64)?);
    Ok((index, importer.binary(Kind::And, first, last)?))
}

/// Rows of `x [rows, width]` by computed indices; those that are not `inside` are an error of the run.
fn rows(importer: &mut Importer<'_>, x: TensorId, indices: TensorId, inside: TensorId) -> Result<TensorId, Decline> {
    let inverse = importer.not(inside)?;
    let indices = importer.replaced(inverse, OUTSIDE, indices)?;
    let count: usize = importer.shape(indices).iter().product();
    let indices = importer.reshape(indices, &[count])?;
    let (dtype, width) = (importer.dtype(x), importer.shape(x)[1]);
    importer.emit(Op::Gather(gather::Params { axis: 0 }), &[x, indices], dtype, &[count, width])
}

/// GatherND: `x`, `indices [.., k]`, of which the last dimension names places in dimensions of x.
pub(super) fn gather_nd(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, indices) = (node.input(0)?, node.input(1)?);
    let (shape, of) = (importer.shape(x), importer.shape(indices));
    let batch = usize::try_from(node.int_or("batch_dims", 0)?).ok();
    let (batch, depth) = match (batch, of.last()) {
        (Some(batch), Some(&depth))
            if batch < of.len() && depth > 0 && batch + depth <= shape.len() && of[..batch] == shape[..batch] =>
        {
            (batch, depth)
        }
        _ => return Err(Decline::broken(format!("indices {of:?} for {shape:?}"))),
    };
    let end = batch + depth;
    let (places, width): (usize, usize) = (shape[..end].iter().product(), shape[end..].iter().product());
    let batches: usize = shape[..batch].iter().product();
    let count: usize = of[batch..of.len() - 1].iter().product();
    let indices = importer.cast(indices, DType::I64)?;
    let indices = importer.reshape(indices, &[batches, count, depth])?;
    let steps = strides(&shape[..end]);
    let each: Vec<i64> = (0..batches).map(|b| (b * (places / batches.max(1))) as i64).collect();
    let mut flat = importer.constant_i64(&[batches, 1, 1], &each);
    let mut inside = importer.scalar(1.0, DType::Bool, 3);
    for place in 0..depth {
        let index = importer.slice(indices, 2, place, 1, 1)?;
        let (index, holds) = bounded(importer, index, shape[batch + place])?;
        let step = importer.scalar(steps[batch + place] as f64, DType::I64, 3);
        let moved = importer.mul(index, step)?;
        flat = importer.add(flat, moved)?;
        inside = importer.binary(Kind::And, inside, holds)?;
    }
    let x = importer.reshape(x, &[places, width])?;
    let taken = rows(importer, x, flat, inside)?;
    let result: Vec<usize> = of[..of.len() - 1].iter().chain(&shape[end..]).copied().collect();
    one(importer.reshape(taken, &result)?)
}

/// GatherElements: an element for each index, from the same place but for the axis.
pub(super) fn gather_elements(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, indices) = (node.input(0)?, node.input(1)?);
    let (shape, of) = (importer.shape(x), importer.shape(indices));
    let axis = importer.axis(node.int_or("axis", 0)?, shape.len())?;
    let fits = of.len() == shape.len() && (0..of.len()).all(|i| i == axis || of[i] <= shape[i]);
    if !fits {
        return Err(Decline::broken(format!("indices {of:?} for {shape:?}")));
    }
    let indices = importer.cast(indices, DType::I64)?;
    let (index, inside) = bounded(importer, indices, shape[axis])?;
    let steps = strides(&shape);
    let step = importer.scalar(steps[axis] as f64, DType::I64, of.len());
    let mut flat = importer.mul(index, step)?;
    for (i, &dim) in of.iter().enumerate().filter(|&(i, &dim)| i != axis && dim > 1) {
        let offsets: Vec<i64> = (0..dim as i64).map(|at| at * steps[i] as i64).collect();
        let offsets = importer.constant_i64(&[dim], &offsets);
        let offsets = importer.along(offsets, i, of.len())?;
        flat = importer.add(flat, offsets)?;
    }
    let x = importer.reshape(x, &[shape.iter().product(), 1])?;
    let taken = rows(importer, x, flat, inside)?;
    one(importer.reshape(taken, &of)?)
}
