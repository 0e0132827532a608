//! Reductions.

use coulter_plan::DType;
use coulter_plan::ops::binary;
use coulter_plan::ops::reduce::Kind;

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::TensorId;

/// Reduce*: axes are an attribute in old versions, an input in new ones; none means all, unless told otherwise.
pub(super) fn reduce(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let kind = match node.op() {
        "ReduceL1" => Kind::L1,
        "ReduceL2" => Kind::L2,
        "ReduceLogSum" => Kind::LogSum,
        "ReduceLogSumExp" => Kind::LogSumExp,
        "ReduceMax" => Kind::Max,
        "ReduceMean" => Kind::Mean,
        "ReduceMin" => Kind::Min,
        "ReduceProd" => Kind::Prod,
        "ReduceSum" => Kind::Sum,
        _ => Kind::SumSquare,
    };
    let x = node.input(0)?;
    let (rank, dtype) = (importer.rank(x), importer.dtype(x));
    let axes = importer.ints_of(node, "axes", 1)?.unwrap_or_default();
    let axes = if !axes.is_empty() {
        importer.axes(&axes, rank)?
    } else if node.flag("noop_with_empty_axes")? {
        match kind {
            Kind::Sum | Kind::Mean | Kind::Max | Kind::Min | Kind::Prod => return one(x),
            _ => Vec::new(),
        }
    } else {
        (0..rank).collect()
    };
    if importer.shape(x).contains(&0) {
        return one(of_nothing(importer, kind, x, &axes, node.int_or("keepdims", 1)? != 0)?);
    }
    let integer = !dtype.is_float();
    if integer && matches!(kind, Kind::L1 | Kind::SumSquare) {
        return of_integers(importer, kind, x, &axes, node.int_or("keepdims", 1)? != 0);
    }
    let wide = match dtype {
        DType::Bool if matches!(kind, Kind::Max | Kind::Min) => importer.cast(x, DType::I32)?,
        _ => importer.arithmetic(x)?,
    };
    let y = importer.reduce(kind, wide, &axes, node.int_or("keepdims", 1)? != 0)?;
    one(importer.cast(y, dtype)?)
}

/// What is left of no elements: of each reduction, the value to which it adds.
fn of_nothing(
    importer: &mut Importer<'_>,
    kind: Kind,
    x: TensorId,
    axes: &[usize],
    keep: bool,
) -> Result<TensorId, Decline> {
    let dtype = importer.dtype(x);
    let shape = importer.shape(x);
    let kept = shape.iter().enumerate().filter(|(i, _)| keep || !axes.contains(i));
    let kept: Vec<usize> = kept.map(|(i, &d)| if axes.contains(&i) { 1 } else { d }).collect();
    let value = match kind {
        Kind::Max | Kind::LogSum | Kind::LogSumExp if dtype.is_float() => f64::NEG_INFINITY,
        Kind::Min if dtype.is_float() => f64::INFINITY,
        Kind::Mean if dtype.is_float() => f64::NAN,
        Kind::Prod => 1.0,
        Kind::Sum | Kind::L1 | Kind::L2 | Kind::SumSquare => 0.0,
        _ => return Err(Decline::broken(format!("{kind:?} of no elements of {dtype}"))),
    };
    let value = importer.scalar(value, dtype, kept.len());
    importer.broadcast_to(value, &kept)
}

/// Sums of absolute values and of squares, each computed first.
fn of_integers(importer: &mut Importer<'_>, kind: Kind, x: TensorId, axes: &[usize], keep: bool) -> Imported {
    let dtype = importer.dtype(x);
    let wide = importer.arithmetic(x)?;
    let parts = if kind == Kind::L1 {
        let zero = importer.scalar(0.0, importer.dtype(wide), importer.rank(x));
        let negative = importer.binary(binary::Kind::Sub, zero, wide)?;
        importer.binary(binary::Kind::Max, wide, negative)?
    } else {
        importer.binary(binary::Kind::Mul, wide, wide)?
    };
    let y = importer.reduce(Kind::Sum, parts, axes, keep)?;
    one(importer.cast(y, dtype)?)
}

/// ArgMax and ArgMin. The last of several is the first from the end.
pub(super) fn arg(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let kind = if node.op() == "ArgMax" { Kind::ArgMax } else { Kind::ArgMin };
    let mut x = importer.arithmetic(node.input(0)?)?;
    let shape = importer.shape(x);
    let axis = importer.axis(node.int_or("axis", 0)?, shape.len())?;
    let (last, keep) = (node.flag("select_last_index")?, node.int_or("keepdims", 1)? != 0);
    if shape[axis] == 0 {
        return Err(Decline::broken(format!("there is no element along axis {axis} of {shape:?}")));
    }
    if last {
        x = importer.slice(x, axis, shape[axis] - 1, shape[axis], -1)?;
    }
    let mut y = importer.reduce(kind, x, &[axis], keep)?;
    if last {
        let end = importer.scalar((shape[axis] - 1) as f64, DType::I64, importer.rank(y));
        y = importer.binary(binary::Kind::Sub, end, y)?;
    }
    one(y)
}
