//! Pools.

use coulter_plan::ops::pool2d::{self, Kind};
use coulter_plan::ops::reduce;
use coulter_plan::{Activation, DType};

use super::bytes;
use super::window::{Axis, Window, height_width, spatial, windows};
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId};
use crate::quantize::greatest_byte;

/// MaxPool and AveragePool. Windows over three dimensions are windows over the last two, then over the first.
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
    let axes = windows(node, &kernel, &shape[2..])?;
    let kind = match (max, node.flag("count_include_pad")?) {
        (true, _) => Kind::Max,
        (false, false) => Kind::Average,
        (false, true) => Kind::AverageWithPad,
    };
    let wide = match dtype {
        DType::F32 => x,
        DType::F16 | DType::BF16 => importer.cast(x, DType::F32)?,
        DType::I8 | DType::U8 if max => bytes::unsigned(importer, x)?,
        _ => return Err(Decline::fallback(format!("pooling of {dtype} has no native form"))),
    };
    let ceil = node.flag("ceil_mode")?;
    let y = match (&axes[..], &shape[..]) {
        ([_] | [_, _], _) => planar(importer, wide, kind, Window::over(&axes), ceil)?,
        // Windows that are cut at the end in one direction count other elements than those cut in two.
        ([_, _, _], _) if ceil && kind == Kind::AverageWithPad => {
            return Err(Decline::fallback("cut windows over three dimensions that count padding have no native form"));
        }
        ([depth, plane @ ..], &[n, c, d, h, w]) => {
            let planes = importer.reshape(wide, &[n, c * d, h, w])?;
            let pooled = planar(importer, planes, kind, Window::over(plane), ceil)?;
            let &[_, _, oh, ow] = &importer.shape(pooled)[..] else { return Err(Decline::broken("no planes")) };
            let columns = importer.reshape(pooled, &[n, c, d, oh * ow])?;
            let across = Axis { kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };
            let y = planar(importer, columns, kind, Window::over(&[*depth, across]), ceil)?;
            importer.reshape(y, &[n, c, depth.outputs(d, ceil), oh, ow])?
        }
        _ => return Err(Decline::fallback(format!("pooling over {} dimensions has no native form", axes.len()))),
    };
    if dtype == DType::I8 {
        return one(bytes::signed(importer, y)?);
    }
    one(importer.cast(y, dtype)?)
}

/// A pool of f32, or of unsigned bytes for their greatest, over one dimension or two.
fn planar(
    importer: &mut Importer<'_>,
    x: TensorId,
    kind: Kind,
    window: Window,
    ceil: bool,
) -> Result<TensorId, Decline> {
    let shape = importer.shape(x);
    let [oh, ow] = window.outputs(height_width(&shape[2..]), ceil);
    let Window { kernel, stride, dilation, pad } = window;
    let extents = [0, 1].map(|i| u64::from(dilation[i]) * u64::from(kernel[i] - 1) + 1);
    let reaches = (0..4).all(|i| u64::from(pad[i]) < extents[i % 2]);
    let elements = u64::from(kernel[0]) * u64::from(kernel[1]);
    if !reaches || elements > u64::from(pool2d::MAX_WINDOW) {
        return Err(Decline::fallback(format!("padding {pad:?} around windows of {kernel:?} has no native form")));
    }
    let nhwc = importer.to_nhwc(x)?;
    let activation = Activation::IDENTITY;
    let params = pool2d::Params { kind, kernel, stride, dilation, pad, ceil, activation };
    let dtype = importer.dtype(x);
    let op = if dtype == DType::U8 { Op::QPool2d(greatest_byte(&params)) } else { Op::Pool2d(params) };
    let y = importer.emit(op, &[nhwc], dtype, &[shape[0], oh, ow, shape[1]])?;
    importer.from_nhwc(y, shape.len() - 2)
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
