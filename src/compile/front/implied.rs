//! Operands that are not constant, but can only have one value if the shapes that the model declares hold.
//!
//! Graphs are often exported with the shape operand of a Reshape, the axes of a reduction or the sizes of a Split as
//! an input of the whole, and with the resulting shape declared. A plan's shapes are fixed when it is compiled, so
//! the declaration decides; where it leaves a choice that matters, nothing is implied. Operands without elements
//! are known as well.

use super::importer::Importer;
use super::model::domain;
use super::node::OnnxNode;
use super::numbers::{self, Number};
use crate::graph::{TensorId, Value};

/// The operand of this place, and the numbers in it.
type Implied = Option<(usize, Vec<i64>)>;

/// Constants for operands that are implied: place and tensor.
pub(crate) fn operands(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Vec<(usize, TensorId)> {
    let mut found = Vec::new();
    for (i, id) in node.inputs.iter().enumerate().filter_map(|(i, id)| Some((i, (*id)?))) {
        if !importer.is_constant(id) && importer.graph.tensor(id).is_empty() {
            found.push((i, constant(importer, id, &[])));
        }
    }
    if !domain(&node.proto.domain).is_empty() {
        return found;
    }
    if let Some((i, numbers)) = implied(importer, node)
        && let Some(id) = node.optional(i)
        && !importer.is_constant(id)
        && importer.graph.tensor(id).len() == numbers.len()
    {
        found.push((i, constant(importer, id, &numbers)));
    }
    found
}

/// Numbers in place of a tensor, of its type and shape.
fn constant(importer: &mut Importer<'_>, of: TensorId, numbers: &[i64]) -> TensorId {
    let (dtype, shape) = (importer.dtype(of), importer.shape(of));
    let mut bytes = Vec::new();
    numbers.iter().for_each(|&n| numbers::write(Number::Int(n.into()), dtype, &mut bytes));
    let name = importer.made_name();
    importer.graph.constant(name, dtype, &shape, Value(bytes.into()))
}

fn implied(importer: &Importer<'_>, node: &OnnxNode<'_>) -> Implied {
    let x = importer.shape(node.optional(0)?);
    let y = || importer.declared_shape(node, 0);
    match node.op() {
        "Reshape" => {
            let elements: usize = x.iter().product();
            let y = y().filter(|y| !y.contains(&0) && y.iter().product::<usize>() == elements)?;
            Some((1, whole(&y)))
        }
        "Expand" => Some((1, whole(&y()?))),
        "ConstantOfShape" => Some((0, whole(&y()?))),
        "Tile" if node.opset >= 6 => Some((1, repeats(&x, &y()?)?)),
        "Squeeze" => Some((1, ones_left_out(&x, &y()?)?)),
        "Unsqueeze" => Some((1, ones_left_out(&y()?, &x)?)),
        op if op.starts_with("Reduce") => Some((1, reduced(node, &x, &y()?)?)),
        "Split" => {
            let axis = importer.axis(node.int_or("axis", 0).ok()?, x.len()).ok()?;
            let sizes = (0..node.outputs()).map(|i| Some(*importer.declared_shape(node, i)?.get(axis)? as i64));
            Some((1, sizes.collect::<Option<_>>()?))
        }
        "CenterCropPad" => Some((1, along_axes(importer, node, &y()?)?)),
        "Resize" if node.string_or("keep_aspect_ratio_policy", "stretch").ok()? == "stretch" => {
            Some((3, along_axes(importer, node, &y()?)?))
        }
        "OneHot" => {
            let y = y()?;
            let axis = importer.axis(node.int_or("axis", -1).ok()?, y.len()).ok()?;
            Some((1, vec![y[axis] as i64]))
        }
        "TopK" => {
            let axis = importer.axis(node.int_or("axis", -1).ok()?, x.len()).ok()?;
            Some((1, vec![*y()?.get(axis)? as i64]))
        }
        "CumSum" if x.len() == 1 => Some((1, vec![0])),
        "HannWindow" | "HammingWindow" | "BlackmanWindow" => Some((0, whole(&y()?))),
        "MaxUnpool" => Some((2, whole(&y()?))),
        // The number of channels does not matter.
        "AffineGrid" => match y()?[..] {
            [n, ref spatial @ .., _] => Some((1, [n, 1].iter().chain(spatial).map(|&d| d as i64).collect())),
            _ => None,
        },
        _ => None,
    }
}

fn whole(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&d| d as i64).collect()
}

fn repeats(from: &[usize], to: &[usize]) -> Option<Vec<i64>> {
    let each = |(&a, &b): (&usize, &usize)| (a > 0 && b % a == 0).then(|| (b / a) as i64);
    if from.len() == to.len() { from.iter().zip(to).map(each).collect() } else { None }
}

/// Dimensions of 1 without which `more` is `fewer`; all choices mean the same.
fn ones_left_out(more: &[usize], fewer: &[usize]) -> Option<Vec<i64>> {
    let (mut kept, mut axes) = (fewer.iter().peekable(), Vec::new());
    for (axis, &dim) in more.iter().enumerate() {
        if kept.peek() == Some(&&dim) {
            kept.next();
        } else if dim == 1 {
            axes.push(axis as i64);
        } else {
            return None;
        }
    }
    kept.next().is_none().then_some(axes)
}

/// The axes over which `x` is reduced to `y`, where all choices mean the same: dimensions of 1 do not matter.
fn reduced(node: &OnnxNode<'_>, x: &[usize], y: &[usize]) -> Option<Vec<i64>> {
    if node.flag("noop_with_empty_axes").ok()? && x == y {
        return None;
    }
    let keep = node.int_or("keepdims", 1).ok()? != 0;
    let mut found: Option<(u32, u32)> = None;
    for axes in 1_u32..1 << x.len() {
        let gone = |i: usize| axes >> i & 1 == 1;
        let each = x.iter().enumerate().map(|(i, &d)| if gone(i) { 1 } else { d });
        let fits = if keep {
            each.eq(y.iter().copied())
        } else {
            x.iter().enumerate().filter(|(i, _)| !gone(*i)).map(|(_, &d)| d).eq(y.iter().copied())
        };
        if !fits {
            continue;
        }
        let matters = (0..x.len()).filter(|&i| gone(i) && x[i] != 1).fold(0, |mask, i| mask | 1 << i);
        match found {
            Some((other, _)) if other != matters => return None,
            Some(_) => {}
            None => found = Some((matters, axes)),
        }
    }
    let (_, axes) = found?;
    Some((0..x.len()).filter(|&i| axes >> i & 1 == 1).map(|i| i as i64).collect())
}

/// The part of a shape that the attribute `axes` names; all of it without that.
fn along_axes(importer: &Importer<'_>, node: &OnnxNode<'_>, shape: &[usize]) -> Option<Vec<i64>> {
    match node.ints("axes").ok()? {
        None => Some(whole(shape)),
        Some(axes) => axes.iter().map(|&a| Some(shape[importer.axis(a, shape.len()).ok()?] as i64)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_are_found() {
        assert_eq!(ones_left_out(&[1, 3, 1], &[3]), Some(vec![0, 2]));
        assert_eq!(ones_left_out(&[1, 1, 2], &[1, 2]), Some(vec![1]));
        assert_eq!(ones_left_out(&[2, 3], &[3]), None);
        assert_eq!(ones_left_out(&[3], &[3, 1]), None);
    }

    #[test]
    fn repeats_are_whole() {
        assert_eq!(repeats(&[2, 3], &[2, 9]), Some(vec![1, 3]));
        assert_eq!(repeats(&[2, 3], &[2, 8]), None);
        assert_eq!(repeats(&[2], &[2, 2]), None);
    }
}
