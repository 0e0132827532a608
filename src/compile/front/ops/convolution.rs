//! Convolutions.

use coulter_plan::ops::binary::Kind;
use coulter_plan::ops::{conv_transpose2d, conv2d, depthwise_conv2d, pad};
use coulter_plan::{Activation, DType};

use super::window::{Axis, Window, explicit, height_width, pair, spatial, windows};
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId};

/// Operands of a convolution, f32.
struct Operands {
    x: TensorId,
    /// N, C, spatial dimensions.
    shape: Vec<usize>,
    w: TensorId,
    /// As ONNX has it.
    of_w: Vec<usize>,
    bias: Option<TensorId>,
    groups: usize,
    /// Type to go back to.
    dtype: DType,
}

fn operands(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Operands, Decline> {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let (w, _) = importer.widened(node.input(1)?)?;
    let bias = node.optional(2).map(|b| importer.widened(b)).transpose()?.map(|(b, _)| b);
    for id in [Some(x), Some(w), bias].into_iter().flatten() {
        importer.expect_dtype(id, DType::F32)?;
    }
    if !importer.is_constant(w) {
        return Err(Decline::fallback("its weights are computed"));
    }
    let (shape, of_w) = (importer.shape(x), importer.shape(w));
    if shape.len() < 3 || shape.len() != of_w.len() {
        return Err(Decline::broken(format!("weights {of_w:?} for {shape:?}")));
    }
    if shape[1..].contains(&0) || of_w.contains(&0) {
        return Err(Decline::broken(format!("weights {of_w:?} for {shape:?}")));
    }
    let groups = usize::try_from(node.int_or("group", 1)?).ok().filter(|&g| g > 0 && shape[1].is_multiple_of(g));
    let groups = groups.ok_or_else(|| Decline::broken(format!("groups for {} channels", shape[1])))?;
    if let Some(given) = node.ints("kernel_shape")?
        && !given.iter().copied().eq(of_w[2..].iter().map(|&k| k as i64))
    {
        return Err(Decline::broken(format!("kernel_shape {given:?} for weights {of_w:?}")));
    }
    Ok(Operands { x, shape, w, of_w, bias, groups, dtype })
}

/// Weights with a height of 1 where they have one spatial dimension.
fn with_height(importer: &mut Importer<'_>, operands: &Operands) -> Result<TensorId, Decline> {
    match operands.of_w[..] {
        [a, b, w] => importer.reshape(operands.w, &[a, b, 1, w]),
        _ => Ok(operands.w),
    }
}

/// Checks the bias, and parts it in one to give the operation, if constant, and one to add afterwards.
fn biases(
    importer: &Importer<'_>,
    bias: Option<TensorId>,
    outputs: usize,
) -> Result<(Option<TensorId>, Option<TensorId>), Decline> {
    let Some(bias) = bias else { return Ok((None, None)) };
    if importer.shape(bias) != [outputs] {
        return Err(Decline::broken(format!("a bias of {:?} for {outputs} channels", importer.shape(bias))));
    }
    Ok(if importer.is_constant(bias) { (Some(bias), None) } else { (None, Some(bias)) })
}

/// Emits the operation on NHWC and goes back to where the operand came from.
fn finish(
    importer: &mut Importer<'_>,
    operands: &Operands,
    op: Op,
    w: TensorId,
    [oh, ow, outputs]: [usize; 3],
) -> Result<TensorId, Decline> {
    let (bias, later) = biases(importer, operands.bias, outputs)?;
    let x = importer.to_nhwc(operands.x)?;
    let shape = [operands.shape[0], oh, ow, outputs];
    let mut inputs = vec![Some(x), Some(w)];
    inputs.extend(bias.map(Some));
    let mut y = importer.emit_optional(op, &inputs, DType::F32, &shape)?;
    if let Some(bias) = later {
        y = importer.binary(Kind::Add, y, bias)?;
    }
    importer.from_nhwc(y, operands.shape.len() - 2)
}

/// Conv
pub(super) fn conv(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let operands = operands(importer, node)?;
    let groups = operands.groups;
    if operands.of_w[1] * groups != operands.shape[1] || !operands.of_w[0].is_multiple_of(groups) {
        let (w, x) = (&operands.of_w, &operands.shape);
        return Err(Decline::broken(format!("weights {w:?} in {groups} groups for {x:?}")));
    }
    let kernel: Vec<i64> = operands.of_w[2..].iter().map(|&k| k as i64).collect();
    let axes = windows(node, &kernel, &operands.shape[2..])?;
    let y = match &axes[..] {
        [_] | [_, _] => planar(importer, &operands, Window::over(&axes))?,
        [depth, plane @ ..] if plane.len() == 2 => deep(importer, &operands, depth, Window::over(plane))?,
        _ => return Err(Decline::fallback(format!("convolution over {} dimensions has no native form", axes.len()))),
    };
    one(importer.cast(y, operands.dtype)?)
}

/// A convolution of f32 over one dimension or two.
fn planar(importer: &mut Importer<'_>, operands: &Operands, window: Window) -> Result<TensorId, Decline> {
    let (channels, outputs, groups) = (operands.shape[1], operands.of_w[0], operands.groups);
    let [oh, ow] = window.outputs(height_width(&operands.shape[2..]), false);
    let w = with_height(importer, operands)?;
    let activation = Activation::IDENTITY;
    let Window { kernel, stride, dilation, pad } = window;
    let (op, w) = if groups == channels && groups == outputs {
        let moved = importer.transpose(w, &[2, 3, 0, 1])?;
        let w = importer.reshape(moved, &[kernel[0] as usize, kernel[1] as usize, channels])?;
        (Op::DepthwiseConv2d(depthwise_conv2d::Params { kernel, stride, dilation, pad, activation }), w)
    } else {
        let w = importer.transpose(w, &[0, 2, 3, 1])?;
        let groups = groups as u32;
        (Op::Conv2d(conv2d::Params { kernel, stride, dilation, pad, groups, activation }), w)
    };
    finish(importer, operands, op, w, [oh, ow, outputs])
}

/// A convolution over three dimensions: a sum of convolutions over the last two, one for each plane of the kernel.
fn deep(importer: &mut Importer<'_>, operands: &Operands, depth: &Axis, window: Window) -> Result<TensorId, Decline> {
    let &[n, c, d, h, w] = &operands.shape[..] else { return Err(Decline::broken("it is not of rank 5")) };
    let around = [0, 0, depth.before as usize, 0, 0, 0, 0, depth.after as usize, 0, 0];
    let whole = importer.pad(operands.x, pad::Mode::Constant, [0, 0], &around[..5], &around[5..])?;
    let planes = importer.transpose(whole, &[0, 2, 1, 3, 4])?;
    let count = depth.outputs(d, false);
    let mut sum: Option<TensorId> = None;
    for t in 0..depth.kernel as usize {
        let start = t * depth.dilation as usize;
        let taken = importer.slice(planes, 1, start, count, depth.stride as isize)?;
        let x = importer.reshape(taken, &[n * count, c, h, w])?;
        let part = Operands {
            x,
            shape: vec![n * count, c, h, w],
            w: importer.index(operands.w, 2, t)?,
            of_w: [&operands.of_w[..2], &operands.of_w[3..]].concat(),
            bias: operands.bias.filter(|_| t == 0),
            groups: operands.groups,
            dtype: DType::F32,
        };
        let y = planar(importer, &part, window)?;
        sum = Some(match sum {
            None => y,
            Some(sum) => importer.binary(Kind::Add, sum, y)?,
        });
    }
    let sum = sum.ok_or_else(|| Decline::broken("a kernel without planes"))?;
    let &[_, o, oh, ow] = &importer.shape(sum)[..] else { return Err(Decline::broken("no planes")) };
    let apart = importer.reshape(sum, &[n, count, o, oh, ow])?;
    importer.transpose(apart, &[0, 2, 1, 3, 4])
}

/// ConvTranspose. Sizes: stride·(in − 1) + output_padding + dilation·(kernel − 1) + 1 − pads.
pub(super) fn conv_transpose(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let operands = operands(importer, node)?;
    let (channels, groups, dims) = (operands.shape[1], operands.groups, operands.shape.len() - 2);
    if dims > 2 {
        return Err(Decline::fallback(format!("transposed convolution over {dims} dimensions has no native form")));
    }
    let (of_group, outputs) = (operands.of_w[1], operands.of_w[1] * groups);
    if operands.of_w[0] != channels {
        return Err(Decline::broken(format!("weights {:?} for {:?}", operands.of_w, operands.shape)));
    }
    let strides = spatial(node, "strides", dims, 1, 1)?;
    let dilations = spatial(node, "dilations", dims, 1, 1)?;
    let mut extra = spatial(node, "output_padding", dims, 0, 0)?;
    let full = |i: usize| {
        let reach = dilations[i] * (operands.of_w[i + 2] as i64 - 1) + 1;
        strides[i] * (operands.shape[i + 2] as i64 - 1) + extra[i] + reach
    };
    let full: Vec<i64> = (0..dims).map(full).collect();
    let (pads, sizes) = transposed_pads(node, &full, &strides, &operands.shape[2..])?;
    for i in 0..dims {
        // An output that was asked for larger than the windows reach ends in zeros.
        extra[i] += sizes[i] as i64 + pads[i] + pads[i + dims] - full[i];
    }
    let [kh, kw] = height_width(&operands.of_w[2..]);
    let w = with_height(importer, &operands)?;
    // [C, O/g, kh, kw] to [groups, kh, kw, O/g, C/g].
    let apart = importer.reshape(w, &[groups, channels / groups, of_group, kh, kw])?;
    let w = importer.transpose(apart, &[0, 3, 4, 2, 1])?;
    let (before, after) = (pair(&pads[..dims], 0), pair(&pads[dims..], 0));
    let op = Op::ConvTranspose2d(conv_transpose2d::Params {
        kernel: [kh as u32, kw as u32],
        stride: pair(&strides, 1),
        dilation: pair(&dilations, 1),
        pad: [before[0], before[1], after[0], after[1]],
        output_pad: pair(&extra, 0),
        groups: groups as u32,
        activation: Activation::IDENTITY,
    });
    let [oh, ow] = height_width(&sizes);
    let y = finish(importer, &operands, op, w, [oh, ow, outputs])?;
    one(importer.cast(y, operands.dtype)?)
}

/// What is cut off results of these full sizes, before each dimension and then after each; and the sizes that are left.
fn transposed_pads(
    node: &OnnxNode<'_>,
    full: &[i64],
    strides: &[i64],
    inputs: &[usize],
) -> Result<(Vec<i64>, Vec<usize>), Decline> {
    let (dims, auto) = (full.len(), node.string_or("auto_pad", "NOTSET")?);
    let wanted: Option<Vec<i64>> = match (node.ints("output_shape")?, auto) {
        (Some(shape), _) if shape.len() >= dims => Some(shape[shape.len() - dims..].to_vec()),
        (Some(shape), _) => return Err(Decline::broken(format!("output_shape {shape:?}"))),
        (None, "SAME_UPPER" | "SAME_LOWER") => Some((0..dims).map(|i| inputs[i] as i64 * strides[i]).collect()),
        (None, _) => None,
    };
    let mut pads = vec![0; 2 * dims];
    match &wanted {
        None if auto == "VALID" => {}
        None => pads = explicit(node, dims)?,
        Some(wanted) => {
            for i in 0..dims {
                let total = full[i].saturating_sub(wanted[i]);
                if total < 0 && node.ints("output_shape")?.is_none() {
                    return Err(Decline::fallback(format!("{auto} of windows that do not touch: programs disagree")));
                }
                let total = total.max(0);
                let less = total / 2;
                let before = if auto == "SAME_UPPER" { less } else { total - less };
                (pads[i], pads[i + dims]) = (before, total - before);
            }
        }
    }
    let size = |i: usize| wanted.as_ref().map_or(full[i] - pads[i] - pads[i + dims], |wanted| wanted[i]);
    let sizes = (0..dims).map(|i| usize::try_from(size(i)).ok().filter(|size| (1..1 << 28).contains(size)));
    let sizes: Option<Vec<usize>> = sizes.collect();
    let sizes = sizes.ok_or_else(|| Decline::broken(format!("pads {pads:?} of {full:?} leave nothing")))?;
    Ok((pads, sizes))
}
