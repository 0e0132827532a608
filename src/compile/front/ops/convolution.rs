//! Convolutions.

use coulter_plan::ops::binary::Kind;
use coulter_plan::ops::{conv_transpose2d, conv2d, depthwise_conv2d};
use coulter_plan::{Activation, DType};

use super::window::{explicit, height_width, pair, spatial, window};
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
    if shape.len() > 4 {
        return Err(Decline::fallback("convolutions over more than two dimensions have no native form"));
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
) -> Imported {
    let (bias, later) = biases(importer, operands.bias, outputs)?;
    let x = importer.to_nhwc(operands.x)?;
    let shape = [operands.shape[0], oh, ow, outputs];
    let mut inputs = vec![Some(x), Some(w)];
    inputs.extend(bias.map(Some));
    let mut y = importer.emit_optional(op, &inputs, DType::F32, &shape)?;
    if let Some(bias) = later {
        y = importer.binary(Kind::Add, y, bias)?;
    }
    let y = importer.from_nhwc(y, operands.shape.len() - 2)?;
    one(importer.cast(y, operands.dtype)?)
}

/// Conv
pub(super) fn conv(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let operands = operands(importer, node)?;
    let (channels, outputs) = (operands.shape[1], operands.of_w[0]);
    let groups = operands.groups;
    if operands.of_w[1] * groups != channels || !outputs.is_multiple_of(groups) {
        let (w, x) = (&operands.of_w, &operands.shape);
        return Err(Decline::broken(format!("weights {w:?} in {groups} groups for {x:?}")));
    }
    let kernel: Vec<i64> = operands.of_w[2..].iter().map(|&k| k as i64).collect();
    let found = window(node, &kernel, &operands.shape[2..])?;
    let [oh, ow] = found.outputs(height_width(&operands.shape[2..]), false);
    let w = with_height(importer, &operands)?;
    let activation = Activation::IDENTITY;
    let super::window::Window { kernel, stride, dilation, pad } = found;
    let (op, w) = if groups == channels && groups == outputs {
        let moved = importer.transpose(w, &[2, 3, 0, 1])?;
        let w = importer.reshape(moved, &[kernel[0] as usize, kernel[1] as usize, channels])?;
        (Op::DepthwiseConv2d(depthwise_conv2d::Params { kernel, stride, dilation, pad, activation }), w)
    } else {
        let w = importer.transpose(w, &[0, 2, 3, 1])?;
        let groups = groups as u32;
        (Op::Conv2d(conv2d::Params { kernel, stride, dilation, pad, groups, activation }), w)
    };
    finish(importer, &operands, op, w, [oh, ow, outputs])
}

/// ConvTranspose. Sizes: stride·(in − 1) + output_padding + dilation·(kernel − 1) + 1 − pads.
pub(super) fn conv_transpose(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let operands = operands(importer, node)?;
    let (channels, groups, dims) = (operands.shape[1], operands.groups, operands.shape.len() - 2);
    let (of_group, outputs) = (operands.of_w[1], operands.of_w[1] * groups);
    if operands.of_w[0] != channels {
        return Err(Decline::broken(format!("weights {:?} for {:?}", operands.of_w, operands.shape)));
    }
    let strides = spatial(node, "strides", dims, 1, 1)?;
    let dilations = spatial(node, "dilations", dims, 1, 1)?;
    let extra = spatial(node, "output_padding", dims, 0, 0)?;
    let full = |i: usize| {
        let reach = dilations[i] * (operands.of_w[i + 2] as i64 - 1) + 1;
        strides[i] * (operands.shape[i + 2] as i64 - 1) + extra[i] + reach
    };
    let (pads, sizes) = transposed_pads(node, dims, &full, &strides, &operands.shape[2..])?;
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
    finish(importer, &operands, op, w, [oh, ow, outputs])
}

/// What is cut off the full result, before each dimension and then after each; and the sizes that are left.
fn transposed_pads(
    node: &OnnxNode<'_>,
    dims: usize,
    full: &dyn Fn(usize) -> i64,
    strides: &[i64],
    inputs: &[usize],
) -> Result<(Vec<i64>, Vec<usize>), Decline> {
    let auto = node.string_or("auto_pad", "NOTSET")?;
    let wanted = match (node.ints("output_shape")?, auto) {
        (Some(shape), _) if shape.len() >= dims => Some(shape[shape.len() - dims..].to_vec()),
        (Some(shape), _) => return Err(Decline::broken(format!("output_shape {shape:?}"))),
        (None, "SAME_UPPER" | "SAME_LOWER") => Some((0..dims).map(|i| inputs[i] as i64 * strides[i]).collect()),
        (None, _) => None,
    };
    let pads = match wanted {
        None if auto == "VALID" => vec![0; 2 * dims],
        None => explicit(node, dims)?,
        Some(wanted) => {
            let mut pads = vec![0; 2 * dims];
            for i in 0..dims {
                let total = full(i) - wanted[i];
                if total < 0 {
                    return Err(Decline::fallback("an output larger than the transposed convolution gives"));
                }
                let less = total / 2;
                let before = if auto == "SAME_UPPER" { less } else { total - less };
                (pads[i], pads[i + dims]) = (before, total - before);
            }
            pads
        }
    };
    let sizes: Option<Vec<usize>> =
        (0..dims).map(|i| usize::try_from(full(i) - pads[i] - pads[i + dims]).ok().filter(|&size| size > 0)).collect();
    let sizes = sizes.ok_or_else(|| Decline::broken(format!("pads {pads:?} leave nothing")))?;
    Ok((pads, sizes))
}
