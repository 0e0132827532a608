//! The compiler's own graph.
//!
//! Tensors are logical: a shape and, if constant, a value; where they lie is decided at the end. Convolutions,
//! pools and resampling are NHWC; the front end wraps them in transpositions, which the layout rules cancel.
//! Nodes stand in topological order. Compute operators share their parameters with the plan's steps; the others
//! (reshape, transpose, slice, concat, broadcast) become views or copies.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use coulter_plan::DType;
use coulter_plan::ops;

/// Index of a tensor in [`Graph::tensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub usize);

/// A constant: dense row-major bytes, little-endian.
#[derive(Clone, Debug, PartialEq)]
pub struct Value(pub Arc<[u8]>);

impl Value {
    /// From `f32`s.
    pub fn from_f32(values: &[f32]) -> Self {
        Self(values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// As `f32`s; the tensor's type must be [`DType::F32`].
    pub fn to_f32(&self) -> Vec<f32> {
        self.0.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    /// From `i64`s.
    pub fn from_i64(values: &[i64]) -> Self {
        Self(values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// As `i64`s; the tensor's type must be [`DType::I64`].
    pub fn to_i64(&self) -> Vec<i64> {
        self.0.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().expect("chunks of eight"))).collect()
    }
}

/// Quantization of a tensor: real = scale · (q − zero_point).
#[derive(Clone, Debug, PartialEq)]
pub struct Quantization {
    /// One scale, or one per index of `axis`.
    pub scales: Vec<f32>,
    /// One zero point, or as many as scales.
    pub zero_points: Vec<i32>,
    /// Dimension of per-channel parameters.
    pub axis: Option<usize>,
}

impl Quantization {
    /// Of a whole tensor.
    pub fn whole(scale: f32, zero_point: i32) -> Self {
        Self { scales: vec![scale], zero_points: vec![zero_point], axis: None }
    }

    /// That of what an operator makes of a tensor of the shape `from` by moving its elements; `None` where it does more
    /// than that, or takes apart what has the same scale.
    pub(crate) fn moved(&self, op: &Op, from: &[usize], to: &[usize]) -> Option<Self> {
        let moves = matches!(op, Op::Reshape | Op::Transpose(_) | Op::Slice { .. } | Op::Broadcast | Op::Copy);
        let Some(axis) = self.axis else { return moves.then(|| self.clone()) };
        let axis = match op {
            Op::Transpose(permutation) => permutation.iter().position(|&p| p == axis)?,
            Op::Reshape => {
                let before: usize = from[..axis].iter().product();
                let stays = |&i: &usize| to[i] == from[axis] && to[..i].iter().product::<usize>() == before;
                (0..to.len()).find(stays)?
            }
            Op::Copy => axis,
            _ => return None,
        };
        Some(Self { axis: Some(axis), ..self.clone() })
    }

    /// As weights that are multiplied by these positive factors, one, or one for each index of `axis`.
    pub(crate) fn scaled(&self, factors: &[f64], axis: Option<usize>) -> Option<Self> {
        if factors.iter().all(|&factor| factor == 1.0) {
            return Some(self.clone());
        }
        let positive = factors.iter().all(|factor| *factor > 0.0 && factor.is_finite());
        let (own, others) = (self.scales.len(), factors.len());
        let count = own.max(others);
        let agree = (own == 1 || self.axis == axis) || others == 1;
        if !positive || !agree || [own, others].iter().any(|&n| n != 1 && n != count) {
            return None;
        }
        let scale = |i: usize| (f64::from(self.scales[i.min(own - 1)]) * factors[i.min(others - 1)]) as f32;
        Some(Self {
            scales: (0..count).map(scale).collect(),
            zero_points: (0..count).map(|i| self.zero_points[i.min(self.zero_points.len() - 1)]).collect(),
            axis: if others == 1 { self.axis } else { axis },
        })
    }
}

/// An edge of the graph.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Name in the ONNX model, or made of one.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Its value, if constant.
    pub value: Option<Value>,
    /// Its quantization, if it has one.
    pub quantization: Option<Quantization>,
    /// What a person needs to compare it with the model's tensor `.0`: transposing that one by the permutation gives this one.
    pub origin: Option<(String, Vec<usize>)>,
}

impl Tensor {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of its elements.
    pub fn bytes(&self) -> usize {
        self.len() * self.dtype.size()
    }
}

/// What a node computes. Inputs and outputs are those of the plan's operator of the same name, except that weights
/// and biases are not packed yet, as told here, and there is no scratch operand.
#[derive(Clone, Debug)]
pub enum Op {
    /// `x [N,H,W,C]`, `w [O, kh, kw, C/groups]`, `bias [O]`?, `residual`?
    Conv2d(ops::conv2d::Params),
    /// `x [N,H,W,C]`, `w [kh, kw, C]`, `bias [C]`?, `residual`?
    DepthwiseConv2d(ops::depthwise_conv2d::Params),
    /// `x [N,H,W,C]`, `w [groups, kh, kw, O/groups, C/groups]`, `bias [O]`?
    ConvTranspose2d(ops::conv_transpose2d::Params),
    /// `x [.., K]`, `w [K, N]` constant, `bias [N]`?, `residual`?
    FullyConnected(ops::fully_connected::Params),
    /// `a [B.., M, K]`, `b [B.., K, N]`, batch dimensions broadcast.
    MatMul(ops::matmul::Params),
    /// `q [B,H,S,D]`, `k [B,H,T,D]`, `v [B,H,T,E]`, `mask` broadcastable to `[B,H,S,T]`?
    Attention(ops::attention::Params),
    /// `x [N,H,W,C]`
    Pool2d(ops::pool2d::Params),
    /// `x`; the output keeps the reduced dimensions as 1.
    Reduce(ops::reduce::Params),
    /// `x`
    Unary(ops::unary::Params),
    /// `a`, `b`, broadcast as in numpy, of equal rank.
    Binary(ops::binary::Params),
    /// `condition`, `a`, `b`, broadcast, of equal rank.
    Select,
    /// `x`; the types say what it does.
    Cast,
    /// `x`, over the last dimension.
    Softmax(ops::softmax::Params),
    /// `x`, `scale [C]`?, `shift [C]`?, over the last dimension.
    Normalize(ops::normalize::Params),
    /// `x`
    Pad(ops::pad::Params),
    /// `x`, `indices`
    Gather(ops::gather::Params),
    /// `x [N,H,W,C]`
    Resize(ops::resize::Params),
    /// `x [T,B,I]`, `w [I, G·H]`, `r [H, G·H]` constant, `bias`?, `h0`?, `c0`?, `peephole`?, as in the plan but not packed.
    Recurrent(ops::recurrent::Params),
    /// `x` f32
    Quantize(ops::quantize::Params),
    /// `x` u8
    Dequantize(ops::dequantize::Params),
    /// `x`, `table [256]` or `[C, 256]` constant.
    Table,
    /// `x [N,H,W,C]`, `w [O, kh, kw, C/groups]` i8 constant, `bias [O]` i32, `multiplier [O]` f32, `residual`?, `table`?
    QConv2d(ops::qconv2d::Params),
    /// `x [N,H,W,C]`, `w [kh, kw, C]` i8 constant, `bias [C]` i32, `multiplier [C]` f32, `residual`?, `table`?
    QDepthwiseConv2d(ops::qdepthwise_conv2d::Params),
    /// `x [.., K]`, `w [K, N]` i8 constant, `bias [N]` i32, `multiplier [N]` f32, `residual`?, `table`?
    QFullyConnected(ops::qfully_connected::Params),
    /// `a`, `b`, broadcast as in numpy, of equal rank.
    QBinary(ops::qbinary::Params),
    /// `x [N,H,W,C]`
    QPool2d(ops::qpool2d::Params),
    /// `x`, `exponentials [256]` u32 constant, over the last dimension.
    QSoftmax(ops::qsoftmax::Params),
    /// `x [.., K]`, `w [K, N]` i8 constant, `scale [N]` f32 constant, `bias [N]` f32 constant?
    DynamicFullyConnected(ops::dynamic_fully_connected::Params),
    /// `x`; same elements in row-major order.
    Reshape,
    /// `x`; output dimension i is input dimension `.0[i]`.
    Transpose(Vec<usize>),
    /// `x`; for each dimension the first index and a step, which may be negative.
    Slice {
        /// First index of each dimension.
        start: Vec<usize>,
        /// Step of each dimension; not 0.
        step: Vec<isize>,
    },
    /// Any number of inputs, along this dimension.
    Concat(usize),
    /// `x`; dimensions of 1 are repeated to the output's shape, of equal rank.
    Broadcast,
    /// Same elements into a tensor of its own.
    Copy,
    /// A sub-model that tract-core runs: serialized by the front end.
    Fallback(Fallback),
}

/// See [`Op::Fallback`].
#[derive(Clone, Debug)]
pub struct Fallback {
    /// What the fallback crate loads.
    pub model: Arc<[u8]>,
    /// tract's names of the operators inside.
    pub ops: Vec<String>,
    /// Why they are not lowered.
    pub reason: String,
}

impl Op {
    /// Name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Conv2d(_) => "conv2d",
            Op::DepthwiseConv2d(_) => "depthwise_conv2d",
            Op::ConvTranspose2d(_) => "conv_transpose2d",
            Op::FullyConnected(_) => "fully_connected",
            Op::MatMul(_) => "matmul",
            Op::Attention(_) => "attention",
            Op::Pool2d(_) => "pool2d",
            Op::Reduce(_) => "reduce",
            Op::Unary(_) => "unary",
            Op::Binary(_) => "binary",
            Op::Select => "select",
            Op::Cast => "cast",
            Op::Softmax(_) => "softmax",
            Op::Normalize(_) => "normalize",
            Op::Pad(_) => "pad",
            Op::Gather(_) => "gather",
            Op::Resize(_) => "resize",
            Op::Recurrent(_) => "recurrent",
            Op::Quantize(_) => "quantize",
            Op::Dequantize(_) => "dequantize",
            Op::Table => "table",
            Op::QConv2d(_) => "qconv2d",
            Op::QDepthwiseConv2d(_) => "qdepthwise_conv2d",
            Op::QFullyConnected(_) => "qfully_connected",
            Op::QBinary(_) => "qbinary",
            Op::QPool2d(_) => "qpool2d",
            Op::QSoftmax(_) => "qsoftmax",
            Op::DynamicFullyConnected(_) => "dynamic_fully_connected",
            Op::Reshape => "reshape",
            Op::Transpose(_) => "transpose",
            Op::Slice { .. } => "slice",
            Op::Concat(_) => "concat",
            Op::Broadcast => "broadcast",
            Op::Copy => "copy",
            Op::Fallback(_) => "fallback",
        }
    }
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Node {
    /// Name: that of the ONNX node it comes from, or of the first of several.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Operands; `None` for one left out.
    pub inputs: Vec<Option<TensorId>>,
    /// Results; `None` for one left out.
    pub outputs: Vec<Option<TensorId>>,
    /// Names of the ONNX nodes whose work this one does.
    pub onnx_nodes: Vec<String>,
}

/// A model on its way.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The model's name.
    pub name: String,
    /// Version of ONNX's operator set that the model is written in.
    pub opset: i64,
    /// Edges.
    pub tensors: Vec<Tensor>,
    /// Operations, in topological order.
    pub nodes: Vec<Node>,
    /// Graph inputs with their ONNX names.
    pub inputs: Vec<(String, TensorId)>,
    /// Graph outputs with their ONNX names.
    pub outputs: Vec<(String, TensorId)>,
    /// ONNX nodes that left nothing to run, and why (folded into a constant, without effect).
    pub folded: Vec<(String, String)>,
    /// Of ONNX nodes that multiply bytes, why they do it in f32 where they do.
    pub reasons: BTreeMap<String, String>,
}

impl Graph {
    /// Adds a tensor.
    pub fn add(&mut self, name: impl Into<String>, dtype: DType, shape: &[usize]) -> TensorId {
        self.tensors.push(Tensor {
            name: name.into(),
            dtype,
            shape: shape.to_vec(),
            value: None,
            quantization: None,
            origin: None,
        });
        TensorId(self.tensors.len() - 1)
    }

    /// Adds a constant.
    pub fn constant(&mut self, name: impl Into<String>, dtype: DType, shape: &[usize], value: Value) -> TensorId {
        let id = self.add(name, dtype, shape);
        self.tensors[id.0].value = Some(value);
        id
    }

    /// The tensor with this index.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// For each tensor, the nodes that read it.
    pub fn consumers(&self) -> HashMap<TensorId, Vec<usize>> {
        let mut consumers: HashMap<TensorId, Vec<usize>> = HashMap::new();
        for (i, node) in self.nodes.iter().enumerate() {
            for id in node.inputs.iter().flatten() {
                let readers = consumers.entry(*id).or_default();
                if readers.last() != Some(&i) {
                    readers.push(i);
                }
            }
        }
        consumers
    }

    /// The node that makes each tensor.
    pub fn producers(&self) -> HashMap<TensorId, usize> {
        let outputs = self.nodes.iter().enumerate().flat_map(|(i, n)| n.outputs.iter().flatten().map(move |&t| (t, i)));
        outputs.collect()
    }

    /// Whether a tensor is a graph output.
    pub fn is_output(&self, id: TensorId) -> bool {
        self.outputs.iter().any(|(_, t)| *t == id)
    }
}
