//! Matrix products.

use coulter_plan::ops::binary::Kind;
use coulter_plan::ops::{fully_connected, matmul};
use coulter_plan::{Activation, DType};

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId};

/// Operands of rank 1 are a row and a column whose dimension goes away afterwards.
pub(super) fn mat_mul(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (a, dtype) = importer.widened(node.input(0)?)?;
    let (b, _) = importer.widened(node.input(1)?)?;
    let y = product(importer, a, b)?;
    one(importer.cast(y, dtype)?)
}

/// a·b of two f32 tensors, as numpy's matmul.
pub(super) fn product(importer: &mut Importer<'_>, a: TensorId, b: TensorId) -> Result<TensorId, Decline> {
    let (of_a, of_b) = (importer.shape(a), importer.shape(b));
    let mismatch = || Decline::broken(format!("{of_a:?} times {of_b:?}"));
    if of_a.is_empty() || of_b.is_empty() {
        return Err(mismatch());
    }
    let a = if of_a.len() == 1 { importer.reshape(a, &[1, of_a[0]])? } else { a };
    let b = if of_b.len() == 1 { importer.reshape(b, &[of_b[0], 1])? } else { b };
    let y = matrices(importer, a, b, 1.0)?.ok_or_else(mismatch)?;
    let mut shape = importer.shape(y);
    if of_b.len() == 1 {
        shape.pop();
    }
    if of_a.len() == 1 {
        let at = shape.len() - usize::from(of_b.len() != 1) - 1;
        shape.remove(at);
    }
    importer.reshape(y, &shape)
}

/// alpha·a·b of tensors of rank 2 and more; `None` where the shapes do not go together.
fn matrices(importer: &mut Importer<'_>, a: TensorId, b: TensorId, alpha: f32) -> Result<Option<TensorId>, Decline> {
    importer.expect_dtype(a, DType::F32)?;
    importer.expect_dtype(b, DType::F32)?;
    let (of_a, of_b) = (importer.shape(a), importer.shape(b));
    let (&[ref outer @ .., m, k], &[ref inner @ .., k_of_b, n]) = (&of_a[..], &of_b[..]) else { return Ok(None) };
    if k != k_of_b {
        return Ok(None);
    }
    if k == 0 {
        return Err(Decline::fallback("a product over no elements has no native form"));
    }
    let rank = of_a.len().max(of_b.len());
    if inner.iter().all(|&d| d == 1) && importer.is_constant(b) && !importer.is_constant(a) && n > 0 {
        let w = importer.reshape(b, &[k, n])?;
        let w = scaled(importer, w, alpha)?;
        let x = importer.with_rank(a, rank)?;
        let mut shape = importer.shape(x);
        shape[rank - 1] = n;
        let params = fully_connected::Params { activation: Activation::IDENTITY };
        return importer.emit(Op::FullyConnected(params), &[x, w], DType::F32, &shape).map(Some);
    }
    let mut shape = vec![1; rank - 2];
    for dims in [outer, inner] {
        for (to, &d) in shape[rank - 2 - dims.len()..].iter_mut().zip(dims) {
            if *to != d && *to != 1 && d != 1 {
                return Ok(None);
            }
            *to = if *to == 1 { d } else { *to };
        }
    }
    shape.extend([m, n]);
    let (a, b) = (importer.with_rank(a, rank)?, importer.with_rank(b, rank)?);
    let params = matmul::Params { alpha, activation: Activation::IDENTITY };
    importer.emit(Op::MatMul(params), &[a, b], DType::F32, &shape).map(Some)
}

/// A constant times a factor.
fn scaled(importer: &mut Importer<'_>, constant: TensorId, factor: f32) -> Result<TensorId, Decline> {
    if factor == 1.0 {
        return Ok(constant);
    }
    let rank = importer.rank(constant);
    let factor = importer.scalar(f64::from(factor), DType::F32, rank);
    importer.binary(Kind::Mul, constant, factor)
}

/// alpha·A'·B' + beta·C
pub(super) fn gemm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (mut a, dtype) = importer.widened(node.input(0)?)?;
    let (mut b, _) = importer.widened(node.input(1)?)?;
    let (alpha, beta) = (node.float_or("alpha", 1.0)?, node.float_or("beta", 1.0)?);
    if importer.rank(a) != 2 || importer.rank(b) != 2 {
        return Err(Decline::broken(format!("{:?} times {:?}", importer.shape(a), importer.shape(b))));
    }
    if node.flag("transA")? {
        a = importer.transpose(a, &[1, 0])?;
    }
    if node.flag("transB")? {
        b = importer.transpose(b, &[1, 0])?;
    }
    let (of_a, of_b) = (importer.shape(a), importer.shape(b));
    let shape = [of_a[0], of_b[1]];
    let c = match node.optional(2) {
        Some(c) => {
            let (c, _) = importer.widened(c)?;
            importer.expect_dtype(c, DType::F32)?;
            addend(importer, c, beta, shape)?
        }
        None => None,
    };
    let mut y = matrices(importer, a, b, alpha)?;
    let product = y.ok_or_else(|| Decline::broken(format!("{of_a:?} times {of_b:?}")))?;
    if let Some(c) = c {
        y = match bias(importer, c, shape[1]) {
            Some(c) if with_bias(importer, product, c) => Some(product),
            _ => Some(importer.binary(Kind::Add, product, c)?),
        };
    }
    one(importer.cast(y.unwrap_or(product), dtype)?)
}

/// beta·C, `None` where beta is 0.
fn addend(importer: &mut Importer<'_>, c: TensorId, beta: f32, shape: [usize; 2]) -> Result<Option<TensorId>, Decline> {
    let of_c = importer.shape(c);
    let fits = of_c.len() <= 2 && of_c.iter().rev().zip(shape.iter().rev()).all(|(&c, &d)| c == 1 || c == d);
    if !fits {
        return Err(Decline::broken(format!("{of_c:?} cannot be added to {shape:?}")));
    }
    if beta == 0.0 {
        return Ok(None);
    }
    if importer.is_constant(c) { scaled(importer, c, beta) } else { importer.affine(c, beta, 0.0) }.map(Some)
}

/// A constant that is the same for every row, as a vector of `n`.
fn bias(importer: &mut Importer<'_>, c: TensorId, n: usize) -> Option<TensorId> {
    let of_c = importer.shape(c);
    if !importer.is_constant(c) || of_c.len() == 2 && of_c[0] != 1 {
        return None;
    }
    let flat: usize = of_c.iter().product();
    let row = importer.reshape(c, &[flat]).ok()?;
    importer.broadcast_to(row, &[n]).ok().filter(|&id| importer.is_constant(id))
}

/// Gives a bias to the operation that has just been emitted, if that takes one.
fn with_bias(importer: &mut Importer<'_>, product: TensorId, bias: TensorId) -> bool {
    match importer.graph.nodes.last_mut() {
        Some(node) if matches!(node.op, Op::FullyConnected(_)) && node.outputs == [Some(product)] => {
            node.inputs.push(Some(bias));
            true
        }
        _ => false,
    }
}
