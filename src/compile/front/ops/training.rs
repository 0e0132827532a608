//! The optimizers of ai.onnx.preview.training: each updates any number of tensors.

use coulter_plan::ops::binary::Kind;
use coulter_plan::{ActivationKind, DType};

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode};
use crate::graph::TensorId;

/// The learning rate and, of each kind of operand after it and the count, the tensors.
fn operands(node: &OnnxNode<'_>, kinds: usize) -> Result<Vec<Vec<TensorId>>, Decline> {
    let tensors = node.all_inputs()?;
    let rest = tensors.get(2..).unwrap_or_default();
    if rest.is_empty() || !rest.len().is_multiple_of(kinds) {
        return Err(Decline::broken(format!("{} tensors where a multiple of {kinds} is expected", rest.len())));
    }
    Ok(rest.chunks(rest.len() / kinds).map(<[TensorId]>::to_vec).collect())
}

/// Gradient with the derivative of norm_coefficient/2·‖x‖² added.
fn regularized(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    x: TensorId,
    g: TensorId,
) -> Result<TensorId, Decline> {
    let coefficient = node.float_or("norm_coefficient", 0.0)?;
    importer.expect_dtype(x, DType::F32)?;
    let pull = importer.affine(x, coefficient, 0.0)?;
    importer.add(pull, g)
}

/// Adagrad: `R`, `T`, `X..`, `G..`, `H..` give `X..`, `H..`.
pub(super) fn adagrad(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let [xs, gs, hs] = <[_; 3]>::try_from(operands(node, 3)?).map_err(|_| Decline::broken("operands are missing"))?;
    let count = importer.cast(node.input(1)?, DType::F32)?;
    let decayed = importer.affine(count, node.float_or("decay_factor", 0.0)?, 1.0)?;
    let rate = importer.div(node.input(0)?, decayed)?;
    let epsilon = node.float_or("epsilon", 1e-6)?;
    let (mut new_xs, mut new_hs) = (Vec::new(), Vec::new());
    for ((&x, &g), &h) in xs.iter().zip(&gs).zip(&hs) {
        let g = regularized(importer, node, x, g)?;
        let square = importer.mul(g, g)?;
        let h = importer.add(h, square)?;
        let root = importer.function(h, ActivationKind::Sqrt)?;
        let root = importer.affine(root, 1.0, epsilon)?;
        let step = importer.mul(rate, g)?;
        let step = importer.div(step, root)?;
        new_xs.push(Some(importer.sub(x, step)?));
        new_hs.push(Some(h));
    }
    new_xs.extend(new_hs);
    Ok(new_xs)
}

/// Adam: `R`, `T`, `X..`, `G..`, `V..`, `H..` give `X..`, `V..`, `H..`.
pub(super) fn adam(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let [xs, gs, vs, hs] =
        <[_; 4]>::try_from(operands(node, 4)?).map_err(|_| Decline::broken("operands are missing"))?;
    let (alpha, beta) = (node.float_or("alpha", 0.9)?, node.float_or("beta", 0.999)?);
    let rate = adam_rate(importer, node, alpha, beta)?;
    // ONNX's own case without it expects the result of another one than the default.
    let epsilon = node.float("epsilon")?.ok_or_else(|| {
        Decline::problem("without epsilon it divides by zero where gradients were zero", "give the attribute epsilon")
    })?;
    let after = node.float_or("norm_coefficient_post", 0.0)?;
    let (mut new_xs, mut new_vs, mut new_hs) = (Vec::new(), Vec::new(), Vec::new());
    for (((&x, &g), &v), &h) in xs.iter().zip(&gs).zip(&vs).zip(&hs) {
        let g = regularized(importer, node, x, g)?;
        let v = blended(importer, v, alpha, g)?;
        let square = importer.mul(g, g)?;
        let h = blended(importer, h, beta, square)?;
        let root = importer.function(h, ActivationKind::Sqrt)?;
        let root = importer.affine(root, 1.0, epsilon)?;
        let step = importer.mul(rate, v)?;
        let step = importer.div(step, root)?;
        let moved = importer.sub(x, step)?;
        new_xs.push(Some(importer.affine(moved, 1.0 - after, 0.0)?));
        new_vs.push(Some(v));
        new_hs.push(Some(h));
    }
    new_xs.extend(new_vs.into_iter().chain(new_hs));
    Ok(new_xs)
}

/// factor·a + (1 − factor)·b
fn blended(importer: &mut Importer<'_>, a: TensorId, factor: f32, b: TensorId) -> Result<TensorId, Decline> {
    let (a, b) = (importer.affine(a, factor, 0.0)?, importer.affine(b, 1.0 - factor, 0.0)?);
    importer.add(a, b)
}

/// R·√(1 − betaᵀ) / (1 − alphaᵀ), R where T is 0.
fn adam_rate(importer: &mut Importer<'_>, node: &OnnxNode<'_>, alpha: f32, beta: f32) -> Result<TensorId, Decline> {
    let rate = node.input(0)?;
    let count = importer.cast(node.input(1)?, DType::F32)?;
    let rank = importer.rank(count);
    let mut rests = Vec::new();
    for base in [alpha, beta] {
        let base = importer.scalar(f64::from(base), DType::F32, rank);
        let power = importer.binary(Kind::Pow, base, count)?;
        rests.push(importer.affine(power, -1.0, 1.0)?);
    }
    let root = importer.function(rests[1], ActivationKind::Sqrt)?;
    let corrected = importer.mul(rate, root)?;
    let corrected = importer.div(corrected, rests[0])?;
    let begun = importer.compare(Kind::Greater, count, 0.0)?;
    importer.select(begun, corrected, rate)
}

/// Momentum: `R`, `T`, `X..`, `G..`, `V..` give `X..`, `V..`.
pub(super) fn momentum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let [xs, gs, vs] = <[_; 3]>::try_from(operands(node, 3)?).map_err(|_| Decline::broken("operands are missing"))?;
    let needed = || Decline::broken("alpha, beta and mode are needed");
    let (alpha, beta) = (node.float("alpha")?.ok_or_else(needed)?, node.float("beta")?.ok_or_else(needed)?);
    let nesterov = match node.string("mode")?.ok_or_else(needed)? {
        "standard" => false,
        "nesterov" => true,
        other => return Err(Decline::broken(format!("mode {other:?}"))),
    };
    // The first step takes the gradient as it is.
    let first = importer.compare(Kind::LessEqual, node.input(1)?, 0.0)?;
    let factor = importer.scalar(f64::from(beta), DType::F32, importer.rank(first));
    let factor = importer.replaced(first, 1.0, factor)?;
    let (mut new_xs, mut new_vs) = (Vec::new(), Vec::new());
    for ((&x, &g), &v) in xs.iter().zip(&gs).zip(&vs) {
        let g = regularized(importer, node, x, g)?;
        let kept = importer.affine(v, alpha, 0.0)?;
        let fresh = importer.mul(g, factor)?;
        let v = importer.add(kept, fresh)?;
        let direction = if nesterov {
            let ahead = importer.affine(v, alpha, 0.0)?;
            importer.add(g, ahead)?
        } else {
            v
        };
        let step = importer.mul(node.input(0)?, direction)?;
        new_xs.push(Some(importer.sub(x, step)?));
        new_vs.push(Some(v));
    }
    new_xs.extend(new_vs);
    Ok(new_xs)
}
