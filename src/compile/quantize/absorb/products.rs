//! Convolutions and fully connected layers.

use coulter_plan::ops::{conv2d, depthwise_conv2d, qconv2d, qdepthwise_conv2d, qfully_connected};
use coulter_plan::requantize::{Requantize, Residual, ResidualKind};
use coulter_plan::{Activation, DType};

use super::bytes::{self, Bytes, Quantized};
use super::weights::{self, Recovered};
use crate::graph::{Op, TensorId, Value};
use crate::rules::patch::Patch;
use crate::rules::view::View;

/// A scaled sum is far from any byte, and far below what a conversion to an integer takes, from here on.
const MOST: f64 = (1 << 30) as f64;

/// quantize(product(dequantize x, weights)) → product of bytes.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let quantized = Quantized::by(view, i)?;
    let product = view.private_maker(quantized.x)?;
    let node = view.node(product);
    let [low, high] = quantized.bounds(activation(&node.op)?)?;
    let mut patch = Patch::removing(view, &[product, i]);
    let x = bytes::behind(view, &mut patch, view.input(product, 0)?)?;
    let (residual, how) = match view.input(product, 3) {
        None => (None, Residual::default()),
        Some(id) => {
            let r = bytes::behind(view, &mut patch, id)?;
            let scale = (f64::from(r.scale) / quantized.scale) as f32;
            let how = Residual { kind: ResidualKind::Plain, scale, zero: r.zero, ..Residual::default() };
            (Some(r.id), how)
        }
    };
    if f64::from(how.scale) * 255.0 >= MOST {
        return None;
    }
    let integers = integers(view, product, x, quantized.scale)?;
    let requantize = Requantize { zero: quantized.params.zero_point, low, high };
    let op = on_bytes(&node.op, x.zero, integers.w_zero, requantize, how)?;
    let mut inputs = vec![Some(x.id)];
    inputs.extend(constants(view, product, &mut patch, integers)?);
    inputs.extend(residual.map(Some));
    patch.node(&node.name, op, inputs, view.node(i).outputs.clone());
    Some(patch)
}

fn activation(op: &Op) -> Option<Activation> {
    match op {
        Op::Conv2d(p) => Some(p.activation),
        Op::DepthwiseConv2d(p) => Some(p.activation),
        Op::FullyConnected(p) => Some(p.activation),
        _ => None,
    }
}

fn on_bytes(op: &Op, x_zero: u32, w_zero: i32, requantize: Requantize, residual: Residual) -> Option<Op> {
    Some(match *op {
        Op::Conv2d(conv2d::Params { kernel, stride, dilation, pad, groups, .. }) => {
            Op::QConv2d(qconv2d::Params { kernel, stride, dilation, pad, groups, x_zero, w_zero, requantize, residual })
        }
        Op::DepthwiseConv2d(depthwise_conv2d::Params { kernel, stride, dilation, pad, .. }) => {
            Op::QDepthwiseConv2d(qdepthwise_conv2d::Params {
                kernel,
                stride,
                dilation,
                pad,
                x_zero,
                w_zero,
                requantize,
                residual,
            })
        }
        Op::FullyConnected(_) => Op::QFullyConnected(qfully_connected::Params { w_zero, requantize, residual }),
        _ => return None,
    })
}

/// Constants of a product of bytes.
struct Integers {
    weights: Vec<u8>,
    w_zero: i32,
    bias: Vec<i32>,
    multiplier: Vec<f32>,
}

/// Inputs 1 to 3.
fn constants(view: &View<'_>, product: usize, patch: &mut Patch, integers: Integers) -> Option<[Option<TensorId>; 3]> {
    let old = view.graph().tensor(view.input(product, 1)?);
    let outputs = [integers.bias.len()];
    let weights = patch.constant(&old.name, DType::I8, &old.shape, Value(integers.weights.into()));
    let bias = Value(integers.bias.into_iter().flat_map(i32::to_le_bytes).collect());
    let bias = patch.constant(format!("{}.bias", old.name), DType::I32, &outputs, bias);
    let multiplier = patch.floats(format!("{}.multiplier", old.name), &outputs, &integers.multiplier);
    Some([Some(weights), Some(bias), Some(multiplier)])
}

/// The constants, if no sum can overflow.
fn integers(view: &View<'_>, product: usize, x: Bytes, y_scale: f64) -> Option<Integers> {
    let tensor = view.graph().tensor(view.input(product, 1)?);
    let Recovered { steps, scales, axis, .. } = weights::recover(tensor)?;
    let (outputs, of) = outputs(&view.node(product).op, &tensor.shape, axis)?;
    let bias = match view.input(product, 2) {
        Some(id) => view.floats(id)?,
        None => vec![0.0; outputs],
    };
    let mut sums = vec![[0_i64; 2]; outputs];
    for (k, &step) in steps.iter().enumerate() {
        sums[of(k)][usize::from(step > 0)] += i64::from(step);
    }
    let mut all = Vec::with_capacity(outputs);
    for (o, ([negative, positive], &b)) in sums.into_iter().zip(&bias).enumerate() {
        let w_scale = f64::from(scales[o.min(scales.len() - 1)]);
        let unit = match negative | positive {
            // No weight matters: the bias chooses its own steps.
            0 => f64::from(b).abs().max(y_scale) / f64::from(1 << 20),
            _ => f64::from(x.scale) * w_scale,
        };
        let (bias, multiplier) = ((f64::from(b) / unit).round(), (unit / y_scale) as f32);
        let bias = bias - f64::from(x.zero) * (negative + positive) as f64;
        let (least, greatest) = (bias + 255.0 * negative as f64, bias + 255.0 * positive as f64);
        let fits = least > f64::from(i32::MIN) && greatest < f64::from(i32::MAX);
        let farthest = f64::from(multiplier) * least.abs().max(greatest.abs());
        if !fits || !multiplier.is_normal() || farthest >= MOST {
            return None;
        }
        all.push((bias as i32, multiplier));
    }
    let stored = weights::stored(&steps)?;
    let (bias, multiplier) = all.into_iter().unzip();
    Some(Integers { weights: stored.bytes, w_zero: stored.zero, bias, multiplier })
}

/// The output of the weight at a place.
type OutputOf = Box<dyn Fn(usize) -> usize>;

/// Number of outputs, and which one a weight is for; `None` where scales vary along another dimension.
fn outputs(op: &Op, shape: &[usize], axis: Option<usize>) -> Option<(usize, OutputOf)> {
    let (dimension, output): (usize, OutputOf) = match (op, shape) {
        (Op::Conv2d(_), &[_, kh, kw, c]) => (0, Box::new(move |k| k / (kh * kw * c))),
        (Op::DepthwiseConv2d(_), &[_, _, c]) => (2, Box::new(move |k| k % c)),
        (Op::FullyConnected(_), &[_, n]) => (1, Box::new(move |k| k % n)),
        _ => return None,
    };
    (axis.is_none_or(|axis| axis == dimension)).then_some((shape[dimension], output))
}
