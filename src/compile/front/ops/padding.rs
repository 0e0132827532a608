//! Pad.

use coulter_plan::DType;
use coulter_plan::ops::pad::Mode;

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::TensorId;

/// Negative amounts cut off before the others add.
pub(super) fn pad(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let mut x = node.input(0)?;
    let rank = importer.rank(x);
    let mode = match node.string_or("mode", "constant")? {
        "constant" => Mode::Constant,
        "reflect" => Mode::Reflect,
        "edge" => Mode::Edge,
        "wrap" => Mode::Wrap,
        other => return Err(Decline::broken(format!("mode is {other:?}"))),
    };
    let value = constant(importer, node, importer.dtype(x))?;
    let amounts = amounts(importer, node, rank)?;
    for axis in 0..rank {
        let cut = [amounts[axis], amounts[axis + rank]].map(|n| usize::try_from(-n).unwrap_or(0));
        let kept = importer.shape(x)[axis].checked_sub(cut[0] + cut[1]);
        let kept = kept.ok_or_else(|| Decline::broken(format!("more is cut off dimension {axis} than there is")))?;
        x = importer.slice(x, axis, cut[0], kept, 1)?;
    }
    let added: Vec<usize> = amounts.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
    let (before, after) = added.split_at(rank);
    check(mode, &importer.shape(x), before, after)?;
    one(importer.pad(x, mode, value, before, after)?)
}

/// As far as the plan's operator goes.
fn check(mode: Mode, shape: &[usize], before: &[usize], after: &[usize]) -> Result<(), Decline> {
    for ((&dim, &before), &after) in shape.iter().zip(before).zip(after) {
        let most = match mode {
            Mode::Constant => usize::MAX,
            Mode::Reflect => dim.saturating_sub(1),
            Mode::Edge if dim == 0 => 0,
            Mode::Edge => usize::MAX,
            Mode::Wrap => dim,
        };
        if before.max(after) > most {
            return Err(Decline::fallback(format!("padding a dimension of {dim} by {}", before.max(after))));
        }
    }
    Ok(())
}

/// Elements before each dimension, then after each.
fn amounts(importer: &Importer<'_>, node: &OnnxNode<'_>, rank: usize) -> Result<Vec<i64>, Decline> {
    let name = if node.opset < 2 { "paddings" } else { "pads" };
    let given = importer.ints_of(node, name, 1)?.ok_or_else(|| Decline::broken("there are no pads"))?;
    let axes: Vec<usize> = match importer.const_i64s(node, 3)? {
        None => (0..rank).collect(),
        Some(axes) => axes.iter().map(|&a| importer.axis(a, rank)).collect::<Result<_, _>>()?,
    };
    if given.len() != 2 * axes.len() {
        return Err(Decline::broken(format!("{} pads for {} axes", given.len(), axes.len())));
    }
    if let Some(far) = given.iter().find(|n| n.unsigned_abs() > u64::from(u32::MAX)) {
        return Err(Decline::broken(format!("a pad of {far}")));
    }
    let mut amounts = vec![0; 2 * rank];
    for (i, &axis) in axes.iter().enumerate() {
        (amounts[axis], amounts[axis + rank]) = (given[i], given[i + axes.len()]);
    }
    Ok(amounts)
}

/// Bits of the constant that is put around.
fn constant(importer: &mut Importer<'_>, node: &OnnxNode<'_>, dtype: DType) -> Result<[u32; 2], Decline> {
    let id: TensorId = match node.optional(2) {
        Some(id) => id,
        None => importer.scalar(f64::from(node.float_or("value", 0.0)?), dtype, 0),
    };
    let tensor = importer.graph.tensor(id);
    let Some(value) = &tensor.value else { return Err(Decline::fallback("the constant to pad with is computed")) };
    if tensor.dtype != dtype || tensor.len() != 1 {
        return Err(Decline::broken(format!(
            "the constant to pad {dtype} with is {:?} of {}",
            tensor.shape, tensor.dtype
        )));
    }
    let mut bits = [0; 8];
    bits[..dtype.size()].copy_from_slice(&value.0);
    let bits = u64::from_le_bytes(bits);
    Ok([bits as u32, (bits >> 32) as u32])
}
