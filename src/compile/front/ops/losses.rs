//! NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, as a comparison with the class numbers.

use coulter_plan::DType;
use coulter_plan::ops::{binary, reduce};

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::TensorId;

/// `input [N, C, d..]` log probabilities, `target [N, d..]`, `weight [C]`?
pub(super) fn negative_log_likelihood(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (log_p, dtype) = importer.widened(node.input(0)?)?;
    let loss = loss(importer, node, log_p)?;
    one(importer.cast(loss, dtype)?)
}

/// `scores [N, C, d..]`, `labels [N, d..]`, `weights [C]`?; gives the loss and, if wanted, the log probabilities.
pub(super) fn softmax_cross_entropy(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (scores, dtype) = importer.widened(node.input(0)?)?;
    if importer.rank(scores) < 2 {
        return Err(Decline::broken("scores need a batch and a class dimension"));
    }
    let log_p = importer.softmax(scores, 1, true)?;
    let loss = loss(importer, node, log_p)?;
    let loss = importer.cast(loss, dtype)?;
    let log_p = if node.wants(1) { Some(importer.cast(log_p, dtype)?) } else { None };
    Ok(vec![Some(loss), log_p])
}

fn loss(importer: &mut Importer<'_>, node: &OnnxNode<'_>, log_p: TensorId) -> Result<TensorId, Decline> {
    importer.expect_dtype(log_p, DType::F32)?;
    let shape = importer.shape(log_p);
    let mut one_class = shape.clone();
    let classes = *shape.get(1).ok_or_else(|| Decline::broken("log probabilities need a class dimension"))?;
    one_class[1] = 1;
    let target = importer.cast(node.input(1)?, DType::I64)?;
    let target = importer.reshape(target, &one_class)?;
    let numbers = importer.iota(classes, DType::I64)?;
    let numbers = importer.along(numbers, 1, shape.len())?;
    let mut chosen = importer.binary(binary::Kind::Equal, target, numbers)?;
    let ignored = node.int("ignore_index")?;
    if let Some(ignored) = ignored {
        let counts = importer.compare(binary::Kind::Equal, target, ignored as f64)?;
        let counts = importer.not(counts)?;
        chosen = importer.binary(binary::Kind::And, chosen, counts)?;
    }
    let weights = match node.optional(2) {
        Some(weights) => {
            let weights = importer.widened(weights)?.0;
            Some(importer.along(weights, 1, shape.len())?)
        }
        None => None,
    };
    let negative = importer.affine(log_p, -1.0, 0.0)?;
    let weighted = match weights {
        Some(weights) => importer.mul(negative, weights)?,
        None => negative,
    };
    let weighted = picked(importer, chosen, weighted)?;
    let reduction = node.string_or("reduction", "mean")?;
    let all: Vec<usize> = (0..shape.len() - 1).collect();
    match reduction {
        "none" => Ok(weighted),
        "sum" => importer.reduce(reduce::Kind::Sum, weighted, &all, false),
        "mean" if weights.is_none() && ignored.is_none() => importer.reduce(reduce::Kind::Mean, weighted, &all, false),
        "mean" => {
            let weights = match weights {
                Some(weights) => weights,
                None => importer.scalar(1.0, DType::F32, shape.len()),
            };
            let counted = picked(importer, chosen, weights)?;
            let total = importer.reduce(reduce::Kind::Sum, weighted, &all, false)?;
            let count = importer.reduce(reduce::Kind::Sum, counted, &all, false)?;
            importer.div(total, count)
        }
        other => Err(Decline::broken(format!("reduction {other:?}"))),
    }
}

/// The value of the chosen class, 0 where none is; without the class dimension.
fn picked(importer: &mut Importer<'_>, chosen: TensorId, values: TensorId) -> Result<TensorId, Decline> {
    let zero = importer.scalar(0.0, DType::F32, importer.rank(values));
    let values = importer.select(chosen, values, zero)?;
    importer.reduce(reduce::Kind::Sum, values, &[1], false)
}
