//! Windows of signal processing, and DFT as a product with a constant matrix.

use std::f64::consts::TAU;

use coulter_plan::DType;

use super::products::product;
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::front::numbers::{self, Number};
use crate::front::tensors;
use crate::graph::{TensorId, Value};

/// Longest window.
const MAX_WINDOW: i64 = 1 << 24;
/// Longest signal that a product with a matrix transforms.
const MAX_DFT: usize = 1024;

/// HannWindow, HammingWindow, BlackmanWindow: `size`.
pub(super) fn window(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let size = importer.const_i64s(node, 0)?.unwrap_or_default();
    let &[size] = &size[..] else { return Err(Decline::broken("the size is not one number")) };
    if !(0..MAX_WINDOW).contains(&size) {
        return Err(Decline::broken(format!("a window of {size}")));
    }
    let number = i32::try_from(node.int_or("output_datatype", 1)?).ok();
    let dtype =
        number.and_then(tensors::dtype).filter(|d| matches!(d, DType::F32 | DType::F16 | DType::BF16 | DType::F64));
    let dtype = dtype.ok_or_else(|| Decline::fallback("windows of integers have no native form"))?;
    let [a, b, c] = match node.op() {
        "HannWindow" => [0.5, 0.5, 0.0],
        "HammingWindow" => [25.0 / 46.0, 21.0 / 46.0, 0.0],
        _ => [0.42, 0.5, 0.08],
    };
    let period = if node.int_or("periodic", 1)? != 0 { size } else { size - 1 };
    let mut bytes = Vec::new();
    for i in 0..size {
        let angle = if period == 0 { 0.0 } else { TAU * i as f64 / period as f64 };
        let value = a - b * angle.cos() + c * (2.0 * angle).cos();
        numbers::write(Number::Float(value), dtype, &mut bytes);
    }
    let name = importer.made_name();
    one(importer.graph.constant(name, dtype, &[size as usize], Value(bytes.into())))
}

/// DFT: `x [.., n, .., 1 or 2]`, `dft_length`?, `axis`? (an attribute before version 20).
pub(super) fn dft(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (mut x, dtype) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let shape = importer.shape(x);
    let rank = shape.len();
    let parts = shape.last().copied().filter(|&p| p == 1 || p == 2);
    let parts = parts.ok_or_else(|| Decline::broken(format!("{shape:?} has no real and imaginary parts")))?;
    let axis = if node.opset < 20 {
        node.int_or("axis", 1)?
    } else {
        importer.const_i64s(node, 2)?.and_then(|a| a.first().copied()).unwrap_or(-2)
    };
    let axis = importer.axis(axis, rank)?;
    let length = match importer.const_i64s(node, 1)?.and_then(|l| l.first().copied()) {
        Some(length) => usize::try_from(length).map_err(|_| Decline::broken(format!("dft_length {length}")))?,
        None => shape[axis],
    };
    let (inverse, onesided) = (node.flag("inverse")?, node.flag("onesided")?);
    if axis + 1 == rank || length == 0 || length > MAX_DFT || inverse && onesided {
        return Err(Decline::fallback(format!("a transform of {length} along axis {axis} has no native form")));
    }
    if length < shape[axis] {
        x = importer.slice(x, axis, 0, length, 1)?;
    } else {
        let mut after = vec![0; rank];
        after[axis] = length - shape[axis];
        x = importer.pad(x, coulter_plan::ops::pad::Mode::Constant, [0; 2], &vec![0; rank], &after)?;
    }
    let bins = if onesided { length / 2 + 1 } else { length };
    // The axis and the parts side by side at the end: one row for each signal.
    let mut perm: Vec<usize> = (0..rank).filter(|&i| i != axis && i + 1 != rank).collect();
    perm.extend([axis, rank - 1]);
    let moved = importer.transpose(x, &perm)?;
    let mut outer: Vec<usize> = perm[..rank - 2].iter().map(|&i| shape[i]).collect();
    let rows: usize = outer.iter().product();
    let flat = importer.reshape(moved, &[rows, length * parts])?;
    let matrix = dft_matrix(importer, length, bins, parts, inverse);
    let y = product(importer, flat, matrix)?;
    outer.extend([bins, 2]);
    let y = importer.reshape(y, &outer)?;
    let mut back = vec![0; rank];
    perm.iter().enumerate().for_each(|(i, &p)| back[p] = i);
    let y = importer.transpose(y, &back)?;
    one(importer.cast(y, dtype)?)
}

/// What takes real and imaginary parts of a signal to those of its transform, `[length·parts, bins·2]`.
fn dft_matrix(importer: &mut Importer<'_>, length: usize, bins: usize, parts: usize, inverse: bool) -> TensorId {
    let mut matrix = Vec::with_capacity(length * parts * bins * 2);
    let (sign, factor) = if inverse { (1.0, 1.0 / length as f64) } else { (-1.0, 1.0) };
    for i in 0..length {
        for part in 0..parts {
            for bin in 0..bins {
                let angle = sign * TAU * ((i * bin) % length) as f64 / length as f64;
                let (sin, cos) = angle.sin_cos();
                let (real, imaginary) = if part == 0 { (cos, sin) } else { (-sin, cos) };
                matrix.extend([(real * factor) as f32, (imaginary * factor) as f32]);
            }
        }
    }
    importer.constant_f32(&[length * parts, bins * 2], &matrix)
}
