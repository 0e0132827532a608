//! Pools and normalizations that are averages of powers: LpPool, GlobalLpPool, LRN.

use coulter_plan::ops::{pool2d, reduce};
use coulter_plan::{Activation, ActivationKind, DType};

use super::window::{height_width, window};
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId};

/// |x|ᵖ
fn raised(importer: &mut Importer<'_>, x: TensorId, p: f32) -> Result<TensorId, Decline> {
    let magnitude = if p == 2.0 { x } else { importer.function(x, ActivationKind::Abs)? };
    importer.power(magnitude, p)
}

fn exponent(node: &OnnxNode<'_>) -> Result<f32, Decline> {
    let p = if node.opset < 2 { node.float_or("p", 2.0)? } else { node.int_or("p", 2)? as f32 };
    if p > 0.0 { Ok(p) } else { Err(Decline::broken(format!("p is {p}"))) }
}

/// LpPool: padding counts as zeros, so the sum is the average over all of the window times its size.
pub(super) fn lp_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let shape = importer.shape(x);
    if shape.len() < 3 || shape[1..].contains(&0) {
        return Err(Decline::broken(format!("{shape:?} has no spatial dimensions")));
    }
    if node.flag("ceil_mode")? {
        return Err(Decline::fallback("ceil_mode of LpPool has no native form"));
    }
    let p = exponent(node)?;
    let kernel = node.ints("kernel_shape")?.ok_or_else(|| Decline::broken("attribute kernel_shape is missing"))?;
    let powers = raised(importer, x, p)?;
    let sums = if let (&[depth, h, w], &[n, c, d, ..]) = (kernel, &shape[..]) {
        volume(importer, node, powers, [depth, h, w], [n, c, d])?
    } else {
        let found = window(node, kernel, &shape[2..])?;
        let super::window::Window { kernel, stride, dilation, pad } = found;
        let [oh, ow] = found.outputs(height_width(&shape[2..]), false);
        let kind = pool2d::Kind::AverageWithPad;
        let params =
            pool2d::Params { kind, kernel, stride, dilation, pad, ceil: false, activation: Activation::IDENTITY };
        let nhwc = importer.to_nhwc(powers)?;
        let y = importer.emit(Op::Pool2d(params), &[nhwc], DType::F32, &[shape[0], oh, ow, shape[1]])?;
        let y = importer.from_nhwc(y, shape.len() - 2)?;
        importer.affine(y, (kernel[0] * kernel[1]) as f32, 0.0)?
    };
    let y = importer.power(sums, 1.0 / p)?;
    one(importer.cast(y, dtype)?)
}

/// Sums over windows of three dimensions without padding, stride and dilation: height and width, then depth.
fn volume(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    x: TensorId,
    kernel: [i64; 3],
    [n, c, d]: [usize; 3],
) -> Result<TensorId, Decline> {
    let plain = |name: &str, value: i64| Ok(node.ints(name)?.is_none_or(|all| all.iter().all(|&v| v == value)));
    let unpadded = matches!(node.string_or("auto_pad", "NOTSET")?, "NOTSET" | "VALID") && plain("pads", 0)?;
    if !(unpadded && plain("strides", 1)? && plain("dilations", 1)?) {
        return Err(Decline::fallback("windows over three dimensions have no native form"));
    }
    let [depth, kh, kw] = kernel.map(|k| u32::try_from(k).unwrap_or(0));
    let &[.., h, w] = &importer.shape(x)[..] else { return Err(Decline::broken("no spatial dimensions")) };
    let (Some(od), Some(oh), Some(ow)) = (
        (d + 1).checked_sub(depth as usize).filter(|&o| o > 0 && depth > 0),
        (h + 1).checked_sub(kh as usize).filter(|&o| o > 0 && kh > 0),
        (w + 1).checked_sub(kw as usize).filter(|&o| o > 0 && kw > 0),
    ) else {
        return Err(Decline::broken(format!("a window of {kernel:?} does not fit")));
    };
    let planes = importer.reshape(x, &[n * c * d, h, w, 1])?;
    let sums = sum_windows(importer, planes, [kh, kw], [oh, ow])?;
    let columns = importer.reshape(sums, &[n * c, d, 1, oh * ow])?;
    let sums = sum_windows(importer, columns, [depth, 1], [od, 1])?;
    importer.reshape(sums, &[n, c, od, oh, ow])
}

fn sum_windows(
    importer: &mut Importer<'_>,
    x: TensorId,
    kernel: [u32; 2],
    [oh, ow]: [usize; 2],
) -> Result<TensorId, Decline> {
    let mut shape = importer.shape(x);
    (shape[1], shape[2]) = (oh, ow);
    let params = pool2d::Params {
        kind: pool2d::Kind::AverageWithPad,
        kernel,
        stride: [1; 2],
        dilation: [1; 2],
        pad: [0; 4],
        ceil: false,
        activation: Activation::IDENTITY,
    };
    let mean = importer.emit(Op::Pool2d(params), &[x], DType::F32, &shape)?;
    importer.affine(mean, (kernel[0] * kernel[1]) as f32, 0.0)
}

/// (Σ|x|ᵖ)^(1/p) over these dimensions, which stay as 1.
fn norm(importer: &mut Importer<'_>, x: TensorId, p: f32, axes: &[usize]) -> Result<TensorId, Decline> {
    match p {
        1.0 => importer.reduce(reduce::Kind::L1, x, axes, true),
        2.0 => importer.reduce(reduce::Kind::L2, x, axes, true),
        _ => {
            let powers = raised(importer, x, p)?;
            let sum = importer.reduce(reduce::Kind::Sum, powers, axes, true)?;
            importer.power(sum, 1.0 / p)
        }
    }
}

/// GlobalLpPool
pub(super) fn global_lp_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let axes: Vec<usize> = (2..importer.rank(x)).collect();
    let y = norm(importer, x, exponent(node)?, &axes)?;
    one(importer.cast(y, dtype)?)
}

/// LRN: x / (bias + alpha/size · Σx² over `size` neighbouring channels)^beta
pub(super) fn lrn(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let shape = importer.shape(x);
    let size = node.int("size")?.and_then(|s| u32::try_from(s).ok()).filter(|&s| s > 0 && s < 1 << 20);
    let size = size.ok_or_else(|| Decline::broken("size is not a positive number"))?;
    let &[n, c, ref spatial @ ..] = &shape[..] else { return Err(Decline::broken(format!("{shape:?} has no axis 1"))) };
    let rest: usize = spatial.iter().product();
    if c == 0 || rest == 0 {
        return Err(Decline::fallback("an empty tensor is normalized"));
    }
    let squares = importer.function(x, ActivationKind::Square)?;
    let columns = importer.reshape(squares, &[n, c, 1, rest])?;
    let before = (size - 1) / 2;
    let params = pool2d::Params {
        kind: pool2d::Kind::AverageWithPad,
        kernel: [size, 1],
        stride: [1; 2],
        dilation: [1; 2],
        pad: [before, 0, size - 1 - before, 0],
        ceil: false,
        activation: Activation::IDENTITY,
    };
    let means = importer.emit(Op::Pool2d(params), &[columns], DType::F32, &[n, c, 1, rest])?;
    let means = importer.reshape(means, &shape)?;
    let base = importer.affine(means, node.float_or("alpha", 1e-4)?, node.float_or("bias", 1.0)?)?;
    let factor = importer.power(base, -node.float_or("beta", 0.75)?)?;
    let y = importer.mul(x, factor)?;
    one(importer.cast(y, dtype)?)
}
