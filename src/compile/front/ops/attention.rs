//! Attention of ONNX and of com.microsoft.

use coulter_plan::DType;
use coulter_plan::ops::attention::Params;
use coulter_plan::ops::binary::Kind as Binary;

use super::products;
use crate::front::distrust::REPLACE;
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId};

/// A case that nobody can run.
fn refused(reason: &str) -> Decline {
    Decline::problem(format!("{reason}, which has no native form"), REPLACE)
}

/// An integer attribute that counts.
fn count(node: &OnnxNode<'_>, name: &str) -> Result<usize, Decline> {
    let found = node.int_or(name, 0)?;
    usize::try_from(found).ok().filter(|&n| n > 0).ok_or_else(|| Decline::broken(format!("{name} is {found}")))
}

/// `[B, S, heads·D]` as `[B, heads, S, D]`.
fn split_heads(importer: &mut Importer<'_>, x: TensorId, heads: usize) -> Result<TensorId, Decline> {
    let shape = importer.shape(x);
    let &[batch, rows, wide] = &shape[..] else {
        return Err(Decline::broken(format!("{shape:?} where rank 3 is expected")));
    };
    if !wide.is_multiple_of(heads) {
        return Err(Decline::broken(format!("{heads} heads in rows of {wide}")));
    }
    let apart = importer.reshape(x, &[batch, rows, heads, wide / heads])?;
    importer.transpose(apart, &[0, 2, 1, 3])
}

/// `[B, heads, S, D]` as `[B, S, heads·D]`.
fn join_heads(importer: &mut Importer<'_>, x: TensorId) -> Result<TensorId, Decline> {
    let moved = importer.transpose(x, &[0, 2, 1, 3])?;
    let shape = importer.shape(moved);
    importer.reshape(moved, &[shape[0], shape[1], shape[2] * shape[3]])
}

/// Repeats each head of keys or values for as many heads of queries.
fn repeat_heads(importer: &mut Importer<'_>, x: TensorId, heads: usize) -> Result<TensorId, Decline> {
    let shape = importer.shape(x);
    let &[batch, few, rows, depth] = &shape[..] else {
        return Err(Decline::broken(format!("{shape:?} where rank 4 is expected")));
    };
    if few == heads {
        return Ok(x);
    }
    if few == 0 || !heads.is_multiple_of(few) {
        return Err(Decline::broken(format!("{heads} heads of queries for {few} of keys")));
    }
    let apart = importer.reshape(x, &[batch, few, 1, rows, depth])?;
    let repeated = importer.broadcast_to(apart, &[batch, few, heads / few, rows, depth])?;
    importer.reshape(repeated, &[batch, heads, rows, depth])
}

/// What is added to the scores: a mask of floats, or one of truth values, of which the false ones hide a key.
fn added(importer: &mut Importer<'_>, mask: TensorId, hidden: f32) -> Result<TensorId, Decline> {
    if importer.dtype(mask) != DType::Bool {
        let (mask, _) = importer.widened(mask)?;
        importer.expect_dtype(mask, DType::F32)?;
        return Ok(mask);
    }
    let rank = importer.rank(mask);
    let (shown, hidden) = (importer.scalar(0.0, DType::F32, rank), importer.scalar(hidden.into(), DType::F32, rank));
    importer.select(mask, shown, hidden)
}

/// softmax(scale · q·kᵀ + mask) · v of `[B, H, S, D]`, `[B, H, T, D]` and `[B, H, T, E]`.
fn attend(
    importer: &mut Importer<'_>,
    [q, k, v]: [TensorId; 3],
    mask: Option<TensorId>,
    params: Params,
) -> Result<TensorId, Decline> {
    let [of_q, of_k, of_v] = [q, k, v].map(|id| importer.shape(id));
    let (&[b, h, s, d], &[_, _, t, e]) = (&of_q[..], &of_v[..]) else {
        return Err(Decline::broken(format!("{of_q:?} and {of_v:?} where rank 4 is expected")));
    };
    if of_k != [b, h, t, d] || of_v != [b, h, t, e] || t == 0 {
        return Err(Decline::broken(format!("queries {of_q:?}, keys {of_k:?} and values {of_v:?}")));
    }
    let mask = mask.map(|mask| importer.with_rank(mask, 4)).transpose()?;
    if let Some(mask) = mask {
        let of_mask = importer.shape(mask);
        if of_mask.iter().zip([b, h, s, t]).any(|(&a, b)| a != b && a != 1) {
            return Err(Decline::broken(format!("a mask of {of_mask:?} for {s} queries and {t} keys")));
        }
    }
    importer.emit_optional(Op::Attention(params), &[Some(q), Some(k), Some(v), mask], DType::F32, &[b, h, s, e])
}

/// A mask that shows key t to query s where t ≤ s.
fn causal_mask(importer: &mut Importer<'_>, s: usize, t: usize) -> TensorId {
    let shown = |at: usize| at % t <= at / t;
    let mask: Vec<f32> = (0..s * t).map(|at| if shown(at) { 0.0 } else { f32::NEG_INFINITY }).collect();
    importer.constant_f32(&[s, t], &mask)
}

/// Both masks, or the one that there is.
fn both(importer: &mut Importer<'_>, a: Option<TensorId>, b: Option<TensorId>) -> Result<Option<TensorId>, Decline> {
    match (a, b) {
        (Some(a), Some(b)) => importer.binary(Binary::Add, a, b).map(Some),
        _ => Ok(a.or(b)),
    }
}

/// The factor of an operator of com.microsoft, where 0 means the default as well.
fn scale(node: &OnnxNode<'_>, depth: usize) -> Result<f32, Decline> {
    Ok(node.float("scale")?.filter(|&scale| scale != 0.0).unwrap_or(default_scale(depth)))
}

fn default_scale(depth: usize) -> f32 {
    1.0 / (depth as f32).sqrt()
}

/// Refuses what has no native form.
fn check_onnx(node: &OnnxNode<'_>) -> Result<(), Decline> {
    if (4..6).any(|i| node.optional(i).is_some()) || node.wants(1) || node.wants(2) {
        return Err(refused("past keys and values"));
    }
    if node.optional(6).is_some() || node.wants(3) {
        return Err(refused("padded lengths or given scores"));
    }
    if node.float_or("softcap", 0.0)? != 0.0 { Err(refused("softcap")) } else { Ok(()) }
}

/// Attention of ONNX, from version 23.
pub(super) fn attention(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    check_onnx(node)?;
    let (q, dtype) = importer.widened(node.input(0)?)?;
    let (k, _) = importer.widened(node.input(1)?)?;
    let (v, _) = importer.widened(node.input(2)?)?;
    for id in [q, k, v] {
        importer.expect_dtype(id, DType::F32)?;
    }
    let flat = importer.rank(q) == 3;
    let [q, k, v] = if flat {
        let (heads, few) = (count(node, "q_num_heads")?, count(node, "kv_num_heads")?);
        [(q, heads), (k, few), (v, few)].map(|(x, heads)| split_heads(importer, x, heads))
    } else {
        [Ok(q), Ok(k), Ok(v)]
    };
    let (q, k, v) = (q?, k?, v?);
    let of_q = importer.shape(q);
    let &[_, heads, s, depth] = &of_q[..] else {
        return Err(Decline::broken(format!("queries of {of_q:?}")));
    };
    let (k, v) = (repeat_heads(importer, k, heads)?, repeat_heads(importer, v, heads)?);
    let t = importer.shape(k)[2];
    let mask = node.optional(3).map(|mask| added(importer, mask, f32::NEG_INFINITY)).transpose()?;
    // The operator aligns the first query with the first key, ours the last ones.
    let causal = node.flag("is_causal")?;
    let of_order = (causal && s != t).then(|| causal_mask(importer, s, t));
    let mask = both(importer, mask, of_order)?;
    let causal = causal && s == t;
    let scale = node.float("scale")?.unwrap_or(default_scale(depth));
    let y = attend(importer, [q, k, v], mask, Params { scale, causal })?;
    let y = if flat { join_heads(importer, y)? } else { y };
    one(importer.cast(y, dtype)?)
}

/// A mask `[B, T]` of integers, of which zeros hide a key, as `[B, 1, 1, T]` to add.
fn key_mask(importer: &mut Importer<'_>, mask: TensorId, hidden: f32) -> Result<TensorId, Decline> {
    let shape = importer.shape(mask);
    let &[batch, keys] = &shape[..] else {
        return Err(refused(&format!("a mask of {shape:?}")));
    };
    let shown = importer.cast(mask, DType::Bool)?;
    let added = added(importer, shown, hidden)?;
    importer.reshape(added, &[batch, 1, 1, keys])
}

/// The mask of keys, which is operand `keys`, and the addend, which is operand 5.
fn contrib_mask(importer: &mut Importer<'_>, node: &OnnxNode<'_>, keys: usize) -> Result<Option<TensorId>, Decline> {
    let hidden = node.float_or("mask_filter_value", -10_000.0)?;
    let mask = node.optional(keys).map(|mask| key_mask(importer, mask, hidden)).transpose()?;
    let bias = node.optional(5).map(|bias| added(importer, bias, hidden)).transpose()?;
    both(importer, mask, bias)
}

/// Columns of queries, keys and values in a product of this shape.
fn packed_widths(node: &OnnxNode<'_>, product: &[usize]) -> Result<[usize; 3], Decline> {
    let &[_, _, wide] = product else {
        return Err(Decline::broken(format!("a product of {product:?} where rank 3 is expected")));
    };
    let widths = match node.ints("qkv_hidden_sizes")? {
        Some(&[q, k, v]) => [q, k, v].map(|n| usize::try_from(n).unwrap_or(usize::MAX)),
        Some(other) => return Err(Decline::broken(format!("{} widths", other.len()))),
        None => [wide / 3; 3],
    };
    let sum = widths.iter().try_fold(0_usize, |sum, &n| sum.checked_add(n));
    if sum == Some(wide) { Ok(widths) } else { Err(Decline::broken(format!("columns {widths:?} of {wide}"))) }
}

/// Attention of com.microsoft: queries, keys and values are columns of one product.
pub(super) fn packed(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    if node.optional(4).is_some() || node.optional(6).is_some() || node.wants(1) || node.flag("do_rotary")? {
        return Err(refused("past keys and values, or rotation"));
    }
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let (w, _) = importer.widened(node.input(1)?)?;
    let mut whole = products::product(importer, x, w)?;
    if let Some(bias) = node.optional(2) {
        let (bias, _) = importer.widened(bias)?;
        whole = importer.binary(Binary::Add, whole, bias)?;
    }
    let heads = count(node, "num_heads")?;
    let widths = packed_widths(node, &importer.shape(whole))?;
    let mut parts = Vec::new();
    let mut first = 0;
    for width in widths {
        let part = importer.slice(whole, 2, first, width, 1)?;
        parts.push(split_heads(importer, part, heads)?);
        first += width;
    }
    let mask = contrib_mask(importer, node, 3)?;
    let scale = scale(node, widths[0] / heads)?;
    let params = Params { scale, causal: node.flag("unidirectional")? };
    let y = attend(importer, [parts[0], parts[1], parts[2]], mask, params)?;
    let y = join_heads(importer, y)?;
    one(importer.cast(y, dtype)?)
}

/// Operands 0, 1 and 2, `[B, S, heads·D]`, with the parts of the bias, operand 3, that belong to them.
fn projections(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<TensorId>, Decline> {
    let mut parts = Vec::new();
    for i in 0..3 {
        let missing = || refused("packed queries, keys and values");
        let (part, _) = importer.widened(node.optional(i).ok_or_else(missing)?)?;
        importer.expect_dtype(part, DType::F32)?;
        if importer.rank(part) != 3 {
            return Err(refused("packed queries, keys and values"));
        }
        parts.push(part);
    }
    if let Some(bias) = node.optional(3) {
        let (bias, _) = importer.widened(bias)?;
        let mut first = 0;
        for part in &mut parts {
            let width = importer.shape(*part)[2];
            if importer.rank(bias) != 1 || first + width > importer.shape(bias)[0] {
                return Err(Decline::broken(format!("a bias of {:?}", importer.shape(bias))));
            }
            let own = importer.slice(bias, 0, first, width, 1)?;
            *part = importer.binary(Binary::Add, *part, own)?;
            first += width;
        }
    }
    Ok(parts)
}

/// MultiHeadAttention of com.microsoft, of separate queries, keys and values.
pub(super) fn multi_head(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    if (6..10).any(|i| node.optional(i).is_some()) || (1..4).any(|i| node.wants(i)) {
        return Err(refused("past keys and values"));
    }
    let heads = count(node, "num_heads")?;
    let dtype = importer.dtype(node.input(0)?);
    let mut parts = projections(importer, node)?;
    let depth = importer.shape(parts[0])[2] / heads;
    for part in &mut parts {
        *part = split_heads(importer, *part, heads)?;
    }
    let mask = contrib_mask(importer, node, 4)?;
    let causal = node.flag("unidirectional")?;
    let (s, t) = (importer.shape(parts[0])[2], importer.shape(parts[1])[2]);
    if causal && s != t {
        return Err(refused("one direction with more keys than queries"));
    }
    let scale = scale(node, depth)?;
    let y = attend(importer, [parts[0], parts[1], parts[2]], mask, Params { scale, causal })?;
    let y = join_heads(importer, y)?;
    one(importer.cast(y, dtype)?)
}
