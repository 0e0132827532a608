//! Pools.

use coulter_plan::ops::pool2d::{self, Kind};
use coulter_plan::ops::reduce;
use coulter_plan::{Activation, DType};

use super::window::{height_width, spatial, window};
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::Op;

/// MaxPool and AveragePool.
pub(super) fn pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    let (shape, dtype) = (importer.shape(x), importer.dtype(x));
    let max = node.op() == "MaxPool";
    if node.wants(1) {
        return Err(Decline::fallback("indices of the greatest have no native form"));
    }
    if shape.len() < 3 || shape[1..].contains(&0) {
        return Err(Decline::broken(format!("{shape:?} has no spatial dimensions")));
    }
    if node.ints("kernel_shape")?.is_none() {
        return Err(Decline::broken("attribute kernel_shape is missing"));
    }
    let kernel = spatial(node, "kernel_shape", shape.len() - 2, 1, 1)?;
    let found = window(node, &kernel, &shape[2..])?;
    let counted = node.flag("count_include_pad")?;
    let super::window::Window { kernel, stride, dilation, pad } = found;
    let ceil = node.flag("ceil_mode")?;
    let extents = [0, 1].map(|i| u64::from(dilation[i]) * u64::from(kernel[i] - 1) + 1);
    let reaches = (0..4).all(|i| u64::from(pad[i]) < extents[i % 2]);
    let elements = u64::from(kernel[0]) * u64::from(kernel[1]);
    if !reaches || elements > u64::from(pool2d::MAX_WINDOW) {
        return Err(Decline::fallback(format!("padding {pad:?} around windows of {kernel:?} has no native form")));
    }
    let kind = match (max, counted) {
        (true, _) => Kind::Max,
        (false, false) => Kind::Average,
        (false, true) => Kind::AverageWithPad,
    };
    let wide = match dtype {
        DType::F32 => x,
        DType::F16 | DType::BF16 => importer.cast(x, DType::F32)?,
        DType::I8 | DType::U8 if max => importer.cast(x, DType::F32)?,
        _ => return Err(Decline::fallback(format!("pooling of {dtype} has no native form"))),
    };
    let nhwc = importer.to_nhwc(wide)?;
    let [oh, ow] = found.outputs(height_width(&shape[2..]), ceil);
    let activation = Activation::IDENTITY;
    let op = Op::Pool2d(pool2d::Params { kind, kernel, stride, dilation, pad, ceil, activation });
    let y = importer.emit(op, &[nhwc], DType::F32, &[shape[0], oh, ow, shape[1]])?;
    let y = importer.from_nhwc(y, shape.len() - 2)?;
    one(importer.cast(y, dtype)?)
}

/// GlobalMaxPool and GlobalAveragePool.
pub(super) fn global(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let rank = importer.rank(x);
    if rank < 3 {
        return Err(Decline::broken(format!("{:?} has no spatial dimensions", importer.shape(x))));
    }
    let kind = if node.op() == "GlobalMaxPool" { reduce::Kind::Max } else { reduce::Kind::Mean };
    let y = importer.reduce(kind, x, &(2..rank).collect::<Vec<_>>(), true)?;
    one(importer.cast(y, dtype)?)
}
