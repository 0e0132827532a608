//! Normalizations.

use coulter_plan::ops::binary::Kind;
use coulter_plan::{ActivationKind, DType};

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};

/// Softmax and LogSoftmax. Before version 13 all dimensions from the axis on are one.
pub(super) fn softmax(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let shape = importer.shape(x);
    let log = node.op() == "LogSoftmax";
    let axis = importer.axis(node.int_or("axis", if node.opset < 13 { 1 } else { -1 })?, shape.len())?;
    let y = if node.opset < 13 && axis + 1 < shape.len() {
        let flat = importer.reshape(x, &[shape[..axis].iter().product(), shape[axis..].iter().product()])?;
        let y = importer.softmax(flat, 1, log)?;
        importer.reshape(y, &shape)?
    } else {
        importer.softmax(x, axis, log)?
    };
    one(importer.cast(y, dtype)?)
}

/// (x − mean) / √(var + epsilon) · scale + shift along axis 1, as one factor and one addend.
pub(super) fn batch(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let shape = importer.shape(x);
    let training = node.flag("training_mode")? || node.opset < 7 && node.has("is_test") && !node.flag("is_test")?;
    if training || (1..node.outputs()).any(|i| node.wants(i)) {
        return Err(Decline::problem("it trains: it gives running statistics", "export the model for inference"));
    }
    if node.opset < 9 && node.int_or("spatial", 1)? == 0 {
        return Err(Decline::problem("statistics for every position", "export the model with an operator set from 9"));
    }
    let channels = shape.get(1).copied().ok_or_else(|| Decline::broken(format!("{shape:?} has no axis 1")))?;
    let mut along = vec![1; shape.len()];
    along[1] = channels;
    let mut operands = Vec::new();
    for i in 1..5 {
        let (operand, _) = importer.widened(node.input(i)?)?;
        importer.expect_dtype(operand, DType::F32)?;
        operands.push(importer.reshape(operand, &along)?);
    }
    let [scale, shift, mean, variance] = operands[..] else { return Err(Decline::broken("inputs are missing")) };
    let raised = importer.affine(variance, 1.0, node.float_or("epsilon", 1e-5)?)?;
    let deviation = importer.function(raised, ActivationKind::Sqrt)?;
    let factor = importer.binary(Kind::Div, scale, deviation)?;
    let moved = importer.binary(Kind::Mul, mean, factor)?;
    let addend = importer.binary(Kind::Sub, shift, moved)?;
    let product = importer.binary(Kind::Mul, x, factor)?;
    let y = importer.binary(Kind::Add, product, addend)?;
    one(importer.cast(y, dtype)?)
}
