//! Functions of com.microsoft.

use coulter_plan::ops::binary::Kind as Binary;
use coulter_plan::{ActivationKind, DType};

use crate::front::importer::Importer;
use crate::front::node::{Imported, OnnxNode, one};

/// Gelu, BiasGelu and FastGelu, after a bias where there is one.
pub(super) fn gelu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let kind = if node.op() == "FastGelu" { ActivationKind::GeluTanh } else { ActivationKind::GeluErf };
    let (mut x, dtype) = importer.widened(node.input(0)?)?;
    if let Some(bias) = node.optional(1) {
        let (bias, _) = importer.widened(bias)?;
        x = importer.binary(Binary::Add, x, bias)?;
    }
    let y = importer.function(x, kind)?;
    one(importer.cast(y, dtype)?)
}

/// x · sigmoid(alpha · x)
pub(super) fn quick_gelu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(x, DType::F32)?;
    let scaled = importer.affine(x, node.float_or("alpha", 1.702)?, 0.0)?;
    let gate = importer.function(scaled, ActivationKind::Sigmoid)?;
    let y = importer.binary(Binary::Mul, x, gate)?;
    one(importer.cast(y, dtype)?)
}
