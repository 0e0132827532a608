//! Products of numbers that are quantized as they come: DynamicQuantizeLinear, MatMulInteger or ConvInteger, Cast and
//! Mul, as onnxruntime's dynamic quantization writes them, or the operators of com.microsoft that it makes of those, are
//! one operator on bytes.
//!
//! Each node still gives what it gives alone; what only the next one reads goes when nothing needs it any more.

use std::collections::HashMap;

use coulter_plan::ops::binary::Kind;
use coulter_plan::ops::dynamic_fully_connected::Params;
use coulter_plan::{Activation, DType};

use super::bytes;
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId, Value};
use crate::quantize::{Stored, stored};

/// What DynamicQuantizeLinear made.
#[derive(Clone)]
struct Bytes {
    /// f32
    x: TensorId,
    scale: TensorId,
    zero_point: TensorId,
    /// Names of the ONNX nodes so far.
    nodes: Vec<String>,
}

/// Sums of products of such bytes with constant weights.
#[derive(Clone)]
struct Sums {
    bytes: Bytes,
    weights: Weights,
    /// Whether rows are the pixels of an image with channels before height and width.
    of_image: bool,
}

/// A matrix `[K, N]` of constant weights.
#[derive(Clone)]
struct Weights {
    name: String,
    shape: [usize; 2],
    stored: Stored,
}

/// A scale of bytes times constant scales of weights.
#[derive(Clone)]
struct Scales {
    bytes: TensorId,
    weights: TensorId,
    node: String,
}

/// What is known of the tensors between the nodes of such a product.
#[derive(Default)]
pub(crate) struct Known {
    bytes: HashMap<TensorId, Bytes>,
    sums: HashMap<TensorId, Sums>,
    scales: HashMap<TensorId, Scales>,
}

impl Known {
    /// Forgets tensors from the one with this index on.
    pub(crate) fn truncate(&mut self, tensors: usize) {
        self.bytes.retain(|id, _| id.0 < tensors);
        self.sums.retain(|id, _| id.0 < tensors);
        self.scales.retain(|id, _| id.0 < tensors);
    }
}

/// DynamicQuantizeLinear made these of `x`.
pub(super) fn quantized(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    x: TensorId,
    [y, scale, zero_point]: [TensorId; 3],
) {
    if !importer.is_constant(x) {
        let nodes = vec![node.name.clone()];
        importer.dynamic.bytes.insert(y, Bytes { x, scale, zero_point, nodes });
    }
}

/// MatMulInteger made `sums` of `a`, `b` and their zero points, which are operands 0 to 3 of the node.
pub(super) fn multiplied(importer: &mut Importer<'_>, node: &OnnxNode<'_>, sums: TensorId) {
    let found = || {
        let bytes = importer.dynamic.bytes.get(&node.optional(0)?)?;
        let matrix = node.optional(1).filter(|&b| importer.rank(b) == 2)?;
        let rows = importer.rank(bytes.x) >= 2 && node.optional(2) == Some(bytes.zero_point);
        let weights = Weights::of(importer, matrix, node.optional(3), false)?;
        rows.then(|| Sums { bytes: bytes.after(&node.name), weights, of_image: false })
    };
    if let Some(found) = found() {
        importer.dynamic.sums.insert(sums, found);
    }
}

/// ConvInteger, whose operands are as those of MatMulInteger, made `sums` with a kernel of one pixel.
pub(super) fn convolved(importer: &mut Importer<'_>, node: &OnnxNode<'_>, sums: TensorId) {
    let found = || {
        let bytes = importer.dynamic.bytes.get(&node.optional(0)?)?;
        let kernel = node.optional(1)?;
        let image = importer.rank(bytes.x) == 4 && node.optional(2) == Some(bytes.zero_point);
        let weights = Weights::of(importer, kernel, node.optional(3), true)?;
        image.then(|| Sums { bytes: bytes.after(&node.name), weights, of_image: true })
    };
    if let Some(found) = found() {
        importer.dynamic.sums.insert(sums, found);
    }
}

/// Cast made `y` of `x`.
pub(super) fn cast(importer: &mut Importer<'_>, node: &OnnxNode<'_>, x: TensorId, y: TensorId) {
    if importer.dtype(y) == DType::F32
        && let Some(mut sums) = importer.dynamic.sums.get(&x).cloned()
    {
        sums.bytes = sums.bytes.after(&node.name);
        importer.dynamic.sums.insert(y, sums);
    }
}

/// Mul made `y` of `a` and `b`.
pub(super) fn scaled(importer: &mut Importer<'_>, node: &OnnxNode<'_>, [a, b]: [TensorId; 2], y: TensorId) {
    let is_scale = |importer: &Importer<'_>, id| importer.dynamic.bytes.values().any(|bytes| bytes.scale == id);
    for (bytes, weights) in [(a, b), (b, a)] {
        if importer.is_constant(weights) && importer.dtype(weights) == DType::F32 && is_scale(importer, bytes) {
            importer.dynamic.scales.insert(y, Scales { bytes, weights, node: node.name.clone() });
        }
    }
}

/// The product of sums and their scales, if that is what `a` and `b` are.
pub(super) fn product(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    [a, b]: [TensorId; 2],
) -> Result<Option<TensorId>, Decline> {
    for (sums, scales) in [(a, b), (b, a)] {
        let known = &importer.dynamic;
        let (Some(sums), Some(scales)) = (known.sums.get(&sums), known.scales.get(&scales)) else { continue };
        if importer.dtype(a) != DType::F32 || sums.bytes.scale != scales.bytes {
            continue;
        }
        let (mut sums, scales) = (sums.clone(), scales.clone());
        sums.bytes = sums.bytes.after(&scales.node).after(&node.name);
        if let Some(scale) = sums.scales(importer, scales.weights) {
            return sums.emit(importer, &scale).map(Some);
        }
    }
    Ok(None)
}

/// DynamicQuantizeMatMul: `a` f32, `b`, its scales, its zero points?, `bias`?
pub(super) fn quantize_mat_mul(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let x = node.input(0)?;
    importer.expect_dtype(x, DType::F32)?;
    let weights = Weights::of(importer, node.input(1)?, node.optional(3), false);
    let bytes = Bytes { x, scale: x, zero_point: x, nodes: Vec::new() };
    let sums = weights.map(|weights| Sums { bytes, weights, of_image: false });
    with_bias(importer, node, sums, node.input(2)?, node.optional(4))
}

/// MatMulIntegerToFloat: `a`, `b`, their scales, their zero points?, `bias`?
pub(super) fn mat_mul_to_float(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let known = importer.dynamic.bytes.get(&node.input(0)?).cloned();
    let own = |bytes: &Bytes| Some(bytes.zero_point) == node.optional(4) && Some(bytes.scale) == node.optional(2);
    let weights = Weights::of(importer, node.input(1)?, node.optional(5), false);
    let sums = known.filter(own).zip(weights);
    let sums = sums.map(|(bytes, weights)| Sums { bytes: bytes.after(&node.name), weights, of_image: false });
    with_bias(importer, node, sums, node.input(3)?, node.optional(6))
}

fn with_bias(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    sums: Option<Sums>,
    scale: TensorId,
    bias: Option<TensorId>,
) -> Imported {
    let sums = sums.filter(|sums| importer.rank(sums.bytes.x) >= 2);
    let found = sums.and_then(|sums| sums.scales(importer, scale).map(|scale| (sums, scale)));
    let Some((sums, scale)) = found else {
        let what = node.qualified();
        return Err(Decline::fallback(format!("{what} of other than constant weights has no native form")));
    };
    let y = sums.emit(importer, &scale)?;
    one(match bias {
        Some(bias) => importer.binary(Kind::Add, y, bias)?,
        None => y,
    })
}

impl Bytes {
    /// After one more node.
    fn after(&self, node: &str) -> Self {
        let mut bytes = self.clone();
        bytes.nodes.push(node.to_owned());
        bytes
    }
}

impl Weights {
    /// A constant `[K, N]`, or with `outputs_first` `[N, K, 1..]`, less its zero points, one or one an output.
    fn of(importer: &Importer<'_>, id: TensorId, zero_point: Option<TensorId>, outputs_first: bool) -> Option<Self> {
        let (values, shape) = (bytes::integers(importer, id)?, importer.shape(id));
        let [k, n] = match shape[..] {
            [k, n] if !outputs_first => [k, n],
            [n, k, ref kernel @ ..] if outputs_first && kernel.iter().all(|&size| size == 1) => [k, n],
            _ => return None,
        };
        let zero_points = match zero_point {
            Some(id) => bytes::integers(importer, id)?,
            None => vec![0],
        };
        if ![1, n].contains(&zero_points.len()) || k == 0 || n == 0 {
            return None;
        }
        let at = |k_of: usize, o: usize| if outputs_first { o * k + k_of } else { k_of * n + o };
        let step = |i: usize| values[at(i / n, i % n)] - zero_points[i % n % zero_points.len()];
        let stored = stored(&(0..k * n).map(step).collect::<Vec<_>>())?;
        Some(Self { name: importer.graph.tensor(id).name.clone(), shape: [k, n], stored })
    }
}

impl Sums {
    /// One scale for each output, of a constant that has one for all or one for each.
    fn scales(&self, importer: &Importer<'_>, id: TensorId) -> Option<Vec<f32>> {
        let (n, scales, shape) = (self.weights.shape[1], importer.f32s(id)?, importer.shape(id));
        let outputs = match shape[..] {
            [.., outputs, 1, 1] if self.of_image => outputs,
            [.., outputs] if !self.of_image => outputs,
            _ => 1,
        };
        match scales.len() {
            1 => Some(vec![scales[0]; n]),
            count if count == n && outputs == n => Some(scales),
            _ => None,
        }
    }

    /// The whole product.
    fn emit(self, importer: &mut Importer<'_>, scale: &[f32]) -> Result<TensorId, Decline> {
        let Self { bytes, weights: Weights { name, shape, stored }, of_image } = self;
        let w = importer.graph.constant(name, DType::I8, &shape, Value(stored.bytes.into()));
        let scale = importer.constant_f32(&[scale.len()], scale);
        let x = if of_image { importer.to_nhwc(bytes.x)? } else { bytes.x };
        let mut rows = importer.shape(x);
        *rows.last_mut().ok_or_else(|| Decline::broken("a factor of rank 0"))? = shape[1];
        let params = Params { per_row: false, w_zero: stored.zero, activation: Activation::IDENTITY };
        let y = importer.emit(Op::DynamicFullyConnected(params), &[x, w, scale], DType::F32, &rows)?;
        if let Some(node) = importer.graph.nodes.last_mut() {
            node.onnx_nodes.extend(bytes.nodes);
            let mut seen = std::collections::HashSet::new();
            node.onnx_nodes.retain(|name| seen.insert(name.clone()));
        }
        if of_image { importer.from_nhwc(y, 2) } else { Ok(y) }
    }
}
