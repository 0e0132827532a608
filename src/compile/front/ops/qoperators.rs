//! Operators that take and give bytes: each is that of real numbers between a change from bytes and one to them, which
//! the compiler takes in again.

use coulter_plan::{Activation, ActivationKind, DType};
use tract_onnx::pb::NodeProto;

use super::{arithmetic, bytes, convolution, movement, normalization, pooling, products};
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::front::ops::ImportFn;
use crate::graph::TensorId;

fn computed() -> Decline {
    Decline::fallback("scales and zero points that are not constants of a whole tensor have no native form")
}

/// Operand `x` with the scale and zero point behind it.
fn real(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: usize, axis: i64) -> Result<TensorId, Decline> {
    bytes::operand(importer, node, [x, x + 1, x + 2], axis)?.ok_or_else(computed)
}

/// `y` as bytes, with scale and zero point of these operands.
fn back(importer: &mut Importer<'_>, node: &OnnxNode<'_>, y: TensorId, scale: usize, zero_point: usize) -> Imported {
    let zero_point = node.optional(zero_point);
    let dtype = zero_point.map_or(DType::U8, |id| importer.dtype(id));
    let whole = bytes::known(importer, node.input(scale)?, zero_point, dtype).ok_or_else(computed)?;
    one(bytes::quantized(importer, y, whole, dtype)?)
}

/// What the operator `op` of ONNX itself, with the node's attributes, makes of other operands.
pub(super) fn plain(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    op: &str,
    import: ImportFn,
    inputs: Vec<Option<TensorId>>,
) -> Result<TensorId, Decline> {
    let opset = importer.opsets().get("").copied().unwrap_or(node.opset);
    versioned(importer, node, (op, opset), import, inputs)
}

/// As [`plain`], as this operator set has it.
fn versioned(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    (op, opset): (&str, i64),
    import: ImportFn,
    inputs: Vec<Option<TensorId>>,
) -> Result<TensorId, Decline> {
    let proto = NodeProto { op_type: op.into(), domain: String::new(), ..node.proto.clone() };
    let node = OnnxNode { proto: &proto, name: node.name.clone(), opset, folder: node.folder, inputs };
    import(importer, &node)?.first().copied().flatten().ok_or_else(|| Decline::broken("no output"))
}

/// A bias of i32 whose scales are those of `w` times that of x; `w` is a constant that tells them.
fn bias(
    importer: &mut Importer<'_>,
    bias: TensorId,
    x_scale: TensorId,
    w: TensorId,
    factor: f32,
) -> Result<TensorId, Decline> {
    let x_scale = importer.scalar_f32(x_scale).ok_or_else(computed)?;
    let quantization = importer.graph.tensor(w).quantization.clone().ok_or_else(computed)?;
    let scales: Vec<f32> = quantization.scales.iter().map(|scale| x_scale * scale * factor).collect();
    let scale = importer.constant_f32(&[scales.len()], &scales);
    let axis = importer.rank(bias) as i64 - 1;
    bytes::constant(importer, bias, [Some(scale), None], axis).ok_or_else(computed)
}

/// QLinearConv: `x`, `w`, `y` each with scale and zero point, but y, which is the result; `bias`?
pub(super) fn conv(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, w) = (real(importer, node, 0, 1)?, real(importer, node, 3, 0)?);
    let mut inputs = vec![Some(x), Some(w)];
    if let Some(given) = node.optional(8) {
        inputs.push(Some(bias(importer, given, node.input(1)?, w, 1.0)?));
    }
    let y = plain(importer, node, "Conv", convolution::conv, inputs)?;
    back(importer, node, y, 6, 7)
}

/// QLinearMatMul, where its scales are constants; else as it was defined.
pub(super) fn mat_mul(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let mark = importer.mark();
    let columns = importer.rank(node.input(3)?) as i64 - 1;
    let natively = |importer: &mut Importer<'_>| {
        let (a, b) = (real(importer, node, 0, 1)?, real(importer, node, 3, columns)?);
        let y = plain(importer, node, "MatMul", products::mat_mul, vec![Some(a), Some(b)])?;
        back(importer, node, y, 6, 7)
    };
    natively(importer).or_else(|_| {
        importer.rewind(mark);
        super::quantization::linear_mat_mul(importer, node)
    })
}

/// QGemm: `a` and `b`, each with scale and zero point, `c` i32?, scale and zero point of the result, which is f32 without.
pub(super) fn gemm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let columns = if node.flag("transB")? { 0 } else { 1 };
    let (a, b) = (real(importer, node, 0, 1)?, real(importer, node, 3, columns)?);
    let mut inputs = vec![Some(a), Some(b)];
    if let Some(given) = node.optional(6) {
        let alpha = node.float_or("alpha", 1.0)?;
        inputs.push(Some(bias(importer, given, node.input(1)?, b, alpha)?));
    }
    let y = plain(importer, node, "Gemm", products::gemm, inputs)?;
    if node.optional(7).is_some() { back(importer, node, y, 7, 8) } else { one(y) }
}

/// QLinearAdd and QLinearMul: `a`, `b`, each with scale and zero point, scale and zero point of the result.
pub(super) fn binary(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (a, b) = (real(importer, node, 0, 1)?, real(importer, node, 3, 1)?);
    let op = if node.op() == "QLinearAdd" { "Add" } else { "Mul" };
    let y = plain(importer, node, op, arithmetic::binary, vec![Some(a), Some(b)])?;
    back(importer, node, y, 6, 7)
}

/// QLinearSigmoid and QLinearLeakyRelu: `x` and the result, each with scale and zero point.
pub(super) fn function(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = real(importer, node, 0, 1)?;
    let y = if node.op() == "QLinearSigmoid" {
        importer.function(x, ActivationKind::Sigmoid)?
    } else {
        let a = node.float_or("alpha", 0.01)?;
        importer.unary(x, Activation { kind: ActivationKind::LeakyRelu, a, b: 0.0 })?
    };
    back(importer, node, y, 3, 4)
}

/// QLinearAveragePool and QLinearGlobalAveragePool: `x` and the result, each with scale and zero point.
pub(super) fn pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let mut x = real(importer, node, 0, 1)?;
    let last = node.flag("channels_last")?;
    let rank = importer.rank(x);
    if last && rank > 2 {
        let perm: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
        x = importer.transpose(x, &perm)?;
    }
    let mut y = match node.op() {
        "QLinearAveragePool" => plain(importer, node, "AveragePool", pooling::pool, vec![Some(x)])?,
        _ => plain(importer, node, "GlobalAveragePool", pooling::global, vec![Some(x)])?,
    };
    if last && rank > 2 {
        let perm: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
        y = importer.transpose(y, &perm)?;
    }
    back(importer, node, y, 3, 4)
}

/// QLinearConcat: scale and zero point of the result, then each part with its own.
pub(super) fn concat(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let mut parts = Vec::new();
    for i in (2..node.inputs.len()).step_by(3) {
        parts.push(Some(real(importer, node, i, 1)?));
    }
    let y = plain(importer, node, "Concat", movement::concat, parts)?;
    back(importer, node, y, 0, 1)
}

/// QLinearSoftmax: `x` and the result, each with scale and zero point. The attribute `opset` says which Softmax is meant.
pub(super) fn softmax(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = real(importer, node, 0, 1)?;
    let opset = node.int_or("opset", 13)?;
    let y = versioned(importer, node, ("Softmax", opset), normalization::softmax, vec![Some(x)])?;
    back(importer, node, y, 3, 4)
}
