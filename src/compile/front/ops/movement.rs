//! Operators that move elements and compute nothing.

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::TensorId;

/// Identity
pub(super) fn identity(_importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    one(node.input(0)?)
}

/// Inference drops nothing; the mask, where wanted, is all true.
pub(super) fn dropout(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let training = match node.optional(2) {
        None => node.opset < 7 && node.has("is_test") && !node.flag("is_test")?,
        Some(id) => match &importer.graph.tensor(id).value {
            Some(value) => value.0.iter().any(|&b| b != 0),
            None => return Err(Decline::problem("whether it trains is computed", "export the model for inference")),
        },
    };
    if training && ratio(importer, node)? != 0.0 {
        return Err(Decline::problem("it drops elements at random: it trains", "export the model for inference"));
    }
    let mut outputs = vec![Some(x)];
    if node.wants(1) {
        let (shape, dtype) = (importer.shape(x), coulter_plan::DType::Bool);
        let dtype = if node.opset < 10 { importer.dtype(x) } else { dtype };
        let kept = importer.scalar(1.0, dtype, shape.len());
        outputs.push(Some(importer.broadcast_to(kept, &shape)?));
    }
    Ok(outputs)
}

fn ratio(importer: &Importer<'_>, node: &OnnxNode<'_>) -> Result<f32, Decline> {
    match node.optional(1) {
        Some(id) => Ok(importer.scalar_f32(id).unwrap_or(0.5)),
        None => node.float_or("ratio", 0.5),
    }
}

/// 0 keeps a dimension (unless `allowzero`), −1 is what is left.
pub(super) fn reshape(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let wanted = importer.ints_of(node, "shape", 1)?.ok_or_else(|| Decline::broken("there is no shape"))?;
    let (from, zeros) = (importer.shape(x), node.flag("allowzero")?);
    let mut shape = Vec::new();
    let mut open = None;
    for (i, &d) in wanted.iter().enumerate() {
        let dim = match d {
            0 if !zeros => from.get(i).copied(),
            -1 if open.is_none() => {
                open = Some(i);
                Some(1)
            }
            _ => usize::try_from(d).ok(),
        };
        shape.push(dim.ok_or_else(|| Decline::broken(format!("{from:?} cannot take the shape {wanted:?}")))?);
    }
    if let Some(i) = open {
        let (total, others): (usize, usize) = (from.iter().product(), shape.iter().product());
        if others == 0 || total % others != 0 {
            return Err(Decline::broken(format!("{from:?} cannot take the shape {wanted:?}")));
        }
        shape[i] = total / others;
    }
    one(importer.reshape(x, &shape)?)
}

/// Flatten
pub(super) fn flatten(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let shape = importer.shape(x);
    let axis = node.int_or("axis", 1)?;
    let counted = if axis < 0 { axis + shape.len() as i64 } else { axis };
    let at = usize::try_from(counted).ok().filter(|&a| a <= shape.len());
    let at = at.ok_or_else(|| Decline::broken(format!("axis {axis} does not exist in {shape:?}")))?;
    let flat = [shape[..at].iter().product(), shape[at..].iter().product()];
    one(importer.reshape(x, &flat)?)
}

/// Transpose
pub(super) fn transpose(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let rank = importer.rank(x);
    let perm: Vec<usize> = match node.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(perm) => {
            let found = perm.iter().map(|&p| importer.axis(p, rank)).collect::<Result<Vec<_>, _>>()?;
            importer.axes(perm, rank)?;
            found
        }
    };
    if perm.len() != rank {
        return Err(Decline::broken(format!("perm {perm:?} for rank {rank}")));
    }
    one(importer.transpose(x, &perm)?)
}

/// Squeeze
pub(super) fn squeeze(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let shape = importer.shape(x);
    let axes: Vec<usize> = match importer.ints_of(node, "axes", 1)? {
        Some(axes) => importer.axes(&axes, shape.len())?,
        None => (0..shape.len()).filter(|&i| shape[i] == 1).collect(),
    };
    if axes.iter().any(|&a| shape[a] != 1) {
        return Err(Decline::broken(format!("axes {axes:?} of {shape:?} are not all 1")));
    }
    let kept: Vec<_> = (0..shape.len()).filter(|i| !axes.contains(i)).map(|i| shape[i]).collect();
    one(importer.reshape(x, &kept)?)
}

/// Unsqueeze
pub(super) fn unsqueeze(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let mut shape = importer.shape(x);
    let axes = importer.ints_of(node, "axes", 1)?.ok_or_else(|| Decline::broken("there are no axes"))?;
    for axis in importer.axes(&axes, shape.len() + axes.len())? {
        shape.insert(axis, 1);
    }
    one(importer.reshape(x, &shape)?)
}

/// Expand
pub(super) fn expand(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let wanted = importer.const_i64s(node, 1)?.ok_or_else(|| Decline::broken("there is no shape"))?;
    let from = importer.shape(x);
    let rank = from.len().max(wanted.len());
    let mut shape = vec![1; rank - from.len()];
    shape.extend(&from);
    for (to, &d) in shape[rank - wanted.len()..].iter_mut().zip(&wanted) {
        let d =
            usize::try_from(d).map_err(|_| Decline::broken(format!("shape {wanted:?} has a negative dimension")))?;
        if *to == 1 {
            *to = d;
        } else if d != 1 && d != *to {
            return Err(Decline::broken(format!("{from:?} cannot be broadcast with {wanted:?}")));
        }
    }
    one(importer.broadcast_to(x, &shape)?)
}

/// Tile
pub(super) fn tile(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let repeats = if node.opset < 6 {
        let (count, axis) = (importer.const_i64s(node, 1)?, importer.const_i64s(node, 2)?);
        let (Some(&[count]), Some(&[axis])) = (count.as_deref(), axis.as_deref()) else {
            return Err(Decline::broken("tiles and axis are single numbers"));
        };
        let mut repeats = vec![1; importer.rank(x)];
        let axis = importer.axis(axis, repeats.len())?;
        repeats[axis] = count;
        repeats
    } else {
        importer.const_i64s(node, 1)?.ok_or_else(|| Decline::broken("there are no repeats"))?
    };
    let counts: Option<Vec<usize>> = repeats.iter().map(|&r| usize::try_from(r).ok()).collect();
    let counts = counts.filter(|c| c.len() == importer.rank(x));
    let counts = counts.ok_or_else(|| Decline::broken(format!("repeats {repeats:?} for {:?}", importer.shape(x))))?;
    let mut y = x;
    for (axis, &count) in counts.iter().enumerate().filter(|(_, count)| **count != 1) {
        y = repeat(importer, y, axis, count)?;
    }
    one(y)
}

/// A dimension several times over: repeated along a dimension of its own, which is then taken in.
fn repeat(importer: &mut Importer<'_>, x: TensorId, axis: usize, count: usize) -> Result<TensorId, Decline> {
    let shape = importer.shape(x);
    // Dimensions before and after the axis are taken together, so that the rank never grows past what a plan holds.
    let (outer, inner) = (shape[..axis].iter().product(), shape[axis..].iter().product());
    let folded = importer.reshape(x, &[outer, 1, inner])?;
    let repeated = importer.broadcast_to(folded, &[outer, count, inner])?;
    let mut tiled = shape;
    tiled[axis] = tiled[axis].checked_mul(count).ok_or_else(|| Decline::broken("tiles without end"))?;
    importer.reshape(repeated, &tiled)
}

/// Concat
pub(super) fn concat(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let parts = node.all_inputs()?;
    let rank = parts.first().map_or(0, |&first| importer.rank(first));
    let default = if node.opset < 4 { Some(1) } else { None };
    let axis = node.int("axis")?.or(default).ok_or_else(|| Decline::broken("attribute axis is missing"))?;
    let axis = importer.axis(axis, rank)?;
    one(importer.concat(&parts, axis)?)
}

fn image(importer: &Importer<'_>, x: TensorId) -> Result<[usize; 4], Decline> {
    let shape = importer.shape(x);
    <[usize; 4]>::try_from(shape.as_slice()).map_err(|_| Decline::broken(format!("{shape:?} is not of rank 4")))
}

fn block(node: &OnnxNode<'_>) -> Result<usize, Decline> {
    let size = node.int("blocksize")?.and_then(|b| usize::try_from(b).ok()).filter(|&b| b > 0);
    size.ok_or_else(|| Decline::broken("attribute blocksize is not a positive number"))
}

/// DepthToSpace
pub(super) fn depth_to_space(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, b) = (node.input(0)?, block(node)?);
    let [n, c, h, w] = image(importer, x)?;
    if !c.is_multiple_of(b * b) {
        return Err(Decline::broken(format!("{c} channels in blocks of {b}")));
    }
    let depth = c / (b * b);
    let (apart, perm) = match node.string_or("mode", "DCR")? {
        "DCR" => ([n, b, b, depth, h, w], [0, 3, 4, 1, 5, 2]),
        "CRD" => ([n, depth, b, b, h, w], [0, 1, 4, 2, 5, 3]),
        other => return Err(Decline::broken(format!("mode is {other:?}"))),
    };
    let split = importer.reshape(x, &apart)?;
    let moved = importer.transpose(split, &perm)?;
    one(importer.reshape(moved, &[n, depth, h * b, w * b])?)
}

/// SpaceToDepth
pub(super) fn space_to_depth(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, b) = (node.input(0)?, block(node)?);
    let [n, c, h, w] = image(importer, x)?;
    if !h.is_multiple_of(b) || !w.is_multiple_of(b) {
        return Err(Decline::broken(format!("an image of {h} by {w} in blocks of {b}")));
    }
    let perm = match node.string_or("mode", "DCR")? {
        "DCR" => [0, 3, 5, 1, 2, 4],
        "CRD" => [0, 1, 3, 5, 2, 4],
        other => return Err(Decline::broken(format!("mode is {other:?}"))),
    };
    let split = importer.reshape(x, &[n, c, h / b, b, w / b, b])?;
    let moved = importer.transpose(split, &perm)?;
    one(importer.reshape(moved, &[n, c * b * b, h / b, w / b])?)
}
