//! Small valid plans: at least one for each operator.

use alloc::vec::Vec;
use std::boxed::Box;

use crate::builder::{NewTensor, PlanBuilder, TensorId};
use crate::format::ALIGN;
use crate::ops::*;
use crate::requantize::{Requantize, Residual, ResidualKind};
use crate::{Activation, ActivationKind, DType, OpCode, Space};

/// Bytes aligned as [`crate::Plan::parse`] wants them.
pub(super) struct Aligned {
    bytes: Box<[u8]>,
    at: usize,
    len: usize,
}

impl Aligned {
    pub(super) fn new(plan: &[u8]) -> Self {
        let mut bytes = alloc::vec![0; plan.len() + ALIGN].into_boxed_slice();
        let at = bytes.as_ptr().align_offset(ALIGN);
        bytes[at..at + plan.len()].copy_from_slice(plan);
        Self { bytes, at, len: plan.len() }
    }
}

impl core::ops::Deref for Aligned {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[self.at..self.at + self.len]
    }
}

impl core::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.at..self.at + self.len]
    }
}

/// A plan in the making whose tensors lie one after another.
pub(super) struct Draft {
    pub(super) builder: PlanBuilder,
    arena: u64,
}

impl Draft {
    pub(super) fn new(name: &str) -> Self {
        Self { builder: PlanBuilder::new(name), arena: 0 }
    }

    /// A dense arena tensor behind all others.
    pub(super) fn room(&mut self, dtype: DType, dims: &[u32]) -> TensorId {
        let offset = self.arena;
        let bytes = dims.iter().map(|&d| u64::from(d)).product::<u64>() * dtype.size() as u64;
        self.arena = (offset + bytes).next_multiple_of(ALIGN as u64);
        self.builder.tensor(&NewTensor { name: "room", dtype, space: Space::Arena, offset, dims, strides: None })
    }

    pub(super) fn f32(&mut self, dims: &[u32]) -> TensorId {
        self.room(DType::F32, dims)
    }

    /// An arena tensor anywhere.
    pub(super) fn view(&mut self, dtype: DType, offset: u64, dims: &[u32], strides: &[i32]) -> TensorId {
        let strides = Some(strides);
        self.builder.tensor(&NewTensor { name: "", dtype, space: Space::Arena, offset, dims, strides })
    }

    /// Dense f32 constants.
    pub(super) fn weights(&mut self, dims: &[u32]) -> TensorId {
        self.constants(DType::F32, dims)
    }

    /// Dense constants.
    pub(super) fn constants(&mut self, dtype: DType, dims: &[u32]) -> TensorId {
        let count: usize = dims.iter().map(|&d| d as usize).product();
        let offset = self.builder.weights(&alloc::vec![0; count * dtype.size()]);
        let space = Space::Weights;
        self.builder.tensor(&NewTensor { name: "constant", dtype, space, offset, dims, strides: None })
    }

    /// A step whose inputs and outputs are all there.
    pub(super) fn step<P: Params>(&mut self, params: &P, inputs: &[TensorId], outputs: &[TensorId]) {
        let all = |ids: &[TensorId]| ids.iter().map(|&id| Some(id)).collect::<Vec<_>>();
        self.builder.step("step", params, &all(inputs), &all(outputs), 1);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.builder.memory(self.arena, 0);
        self.finish_as_is()
    }

    pub(super) fn finish_as_is(self) -> Vec<u8> {
        self.builder.finish(|_| [7; 32])
    }
}

pub(super) const RELU: Activation = Activation::RELU;

pub(super) fn conv_params() -> conv2d::Params {
    conv2d::Params { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], pad: [1, 0, 1, 2], groups: 2, activation: RELU }
}

pub(super) fn conv2d() -> Vec<u8> {
    let mut d = Draft::new("conv2d");
    let (x, y) = (d.f32(&[1, 5, 4, 4]), d.f32(&[1, 3, 4, 6]));
    let (w, b) = (d.weights(&[2 * 16 * 6 * 2]), d.weights(&[32]));
    d.step(&conv_params(), &[x, w, b, y], &[y]);
    d.finish()
}

fn winograd_conv2d() -> Vec<u8> {
    let mut d = Draft::new("winograd");
    let (x, y) = (d.f32(&[1, 5, 4, 16]), d.f32(&[1, 5, 3, 32]));
    let (w, b, s) = (d.weights(&[36 * 16 * 32]), d.weights(&[32]), d.f32(&[36 * 48]));
    let params = winograd_conv2d::Params { pad: [1, 0, 1, 1], activation: RELU };
    d.step(&params, &[x, w, b, y, s], &[y]);
    d.finish()
}

fn depthwise_conv2d() -> Vec<u8> {
    let mut d = Draft::new("depthwise");
    let (x, y, r) = (d.f32(&[2, 4, 4, 5]), d.f32(&[2, 2, 2, 5]), d.f32(&[2, 2, 2, 5]));
    let (w, b) = (d.weights(&[9, 16]), d.weights(&[16]));
    let params = depthwise_conv2d::Params {
        kernel: [3, 3],
        stride: [2, 2],
        dilation: [1, 1],
        pad: [0, 0, 1, 1],
        activation: Activation::RELU6,
    };
    d.step(&params, &[x, w, b, r], &[y]);
    d.finish()
}

fn conv_transpose2d() -> Vec<u8> {
    let mut d = Draft::new("transposed");
    let (x, y) = (d.f32(&[1, 2, 3, 4]), d.f32(&[1, 5, 6, 2]));
    let (w, b) = (d.weights(&[2, 3, 3, 1, 2]), d.weights(&[2]));
    let params = conv_transpose2d::Params {
        kernel: [3, 3],
        stride: [2, 2],
        dilation: [1, 1],
        pad: [0, 1, 0, 1],
        output_pad: [0, 1],
        groups: 2,
        activation: Activation::IDENTITY,
    };
    d.step(&params, &[x, w, b], &[y]);
    d.finish()
}

fn fully_connected() -> Vec<u8> {
    let mut d = Draft::new("mlp");
    let (x, y) = (d.f32(&[2, 3, 5]), d.f32(&[2, 3, 20]));
    let (w, b) = (d.weights(&[32 * 5]), d.weights(&[32]));
    d.step(&fully_connected::Params { activation: RELU }, &[x, w, b, y], &[y]);
    d.finish()
}

/// Bias and multiplier of a quantized product.
fn scaling(d: &mut Draft, columns: u32) -> [TensorId; 2] {
    [DType::I32, DType::F32].map(|dtype| d.constants(dtype, &[columns]))
}

fn qconv_params() -> qconv2d::Params {
    qconv2d::Params {
        kernel: [3, 2],
        stride: [2, 1],
        dilation: [1, 2],
        pad: [1, 0, 1, 2],
        groups: 2,
        x_zero: 200,
        w_zero: -128,
        requantize: Requantize { zero: 3, low: 3, high: 250 },
        residual: Residual { kind: ResidualKind::Rounded, scale: 0.5, inner_scale: 2.0, ..Residual::default() },
    }
}

fn qconv2d() -> Vec<u8> {
    let mut d = Draft::new("qconv2d");
    let [x, y] = [[1, 5, 4, 6], [1, 3, 4, 6]].map(|dims| d.room(DType::U8, &dims));
    let (w, [bias, multiplier]) = (d.constants(DType::I8, &[2 * 16 * 6 * 4]), scaling(&mut d, 32));
    let table = d.constants(DType::U8, &[256]);
    d.step(&qconv_params(), &[x, w, bias, multiplier, y, table], &[y]);
    d.finish()
}

fn qwinograd_conv2d() -> Vec<u8> {
    let mut d = Draft::new("qwinograd");
    let [x, y] = [[1, 5, 4, 16], [1, 5, 3, 32]].map(|dims| d.room(DType::U8, &dims));
    let (w, [bias, multiplier]) = (d.constants(DType::I16, &[36 * 16 * 32]), scaling(&mut d, 32));
    let (table, s) = (d.constants(DType::U8, &[256]), d.f32(&[36 * 24]));
    let qconv2d::Params { x_zero, requantize, residual, .. } = qconv_params();
    let params = qwinograd_conv2d::Params { pad: [1, 0, 1, 1], x_zero, requantize, residual };
    d.step(&params, &[x, w, bias, multiplier, y, table, s], &[y]);
    d.finish()
}

fn qdepthwise_conv2d() -> Vec<u8> {
    let mut d = Draft::new("qdepthwise");
    let [x, y] = [[2, 4, 4, 5], [2, 2, 2, 5]].map(|dims| d.room(DType::U8, &dims));
    let (w, [bias, multiplier]) = (d.constants(DType::I8, &[2 * 3 * 16 * 4]), scaling(&mut d, 16));
    let params = qdepthwise_conv2d::Params {
        kernel: [5, 3],
        stride: [2, 2],
        dilation: [1, 1],
        pad: [1, 0, 2, 1],
        x_zero: 7,
        w_zero: 1,
        requantize: Requantize::default(),
        residual: Residual { scale: 0.5, zero: 128, ..Residual::default() },
    };
    d.step(&params, &[x, w, bias, multiplier, y], &[y]);
    d.finish()
}

fn qfully_connected() -> Vec<u8> {
    let mut d = Draft::new("qmlp");
    let [x, y] = [[2, 3, 5], [2, 3, 20]].map(|dims| d.room(DType::U8, &dims));
    let (w, [bias, multiplier]) = (d.constants(DType::I8, &[32 * 8]), scaling(&mut d, 32));
    let params =
        qfully_connected::Params { w_zero: 0, requantize: Requantize::default(), residual: Residual::default() };
    d.step(&params, &[x, w, bias, multiplier, y], &[y]);
    d.step(&params, &[x, w, bias, multiplier], &[y]);
    d.finish()
}

fn matmul() -> Vec<u8> {
    let mut d = Draft::new("matmul");
    let a = d.view(DType::F32, 0, &[2, 3, 5], &[0, 1, 3]);
    d.f32(&[15]);
    let (b, y, s) = (d.f32(&[2, 5, 7]), d.f32(&[2, 3, 7]), d.f32(&[5 * 16 + 15]));
    let params = matmul::Params { alpha: 0.5, activation: Activation::IDENTITY };
    d.step(&params, &[a, b, s], &[y]);
    d.finish()
}

fn attention() -> Vec<u8> {
    let mut d = Draft::new("attention");
    let (q, y) = (d.f32(&[1, 2, 3, 4]), d.f32(&[1, 2, 3, 6]));
    let (k, v) = (d.f32(&[1, 2, 5, 4]), d.f32(&[1, 2, 5, 6]));
    let base = d.arena;
    d.f32(&[5]);
    let mask = d.view(DType::F32, base, &[1, 2, 3, 5], &[0, 0, 0, 1]);
    let scratch = d.f32(&[16 * (16 + 4) + 5 * 16]);
    d.step(&attention::Params { scale: 0.5, causal: true }, &[q, k, v, mask, scratch], &[y]);
    d.finish()
}

pub(super) fn pool_params() -> pool2d::Params {
    pool2d::Params {
        kind: pool2d::Kind::Max,
        kernel: [3, 3],
        stride: [2, 2],
        dilation: [1, 1],
        pad: [1, 1, 1, 1],
        ceil: true,
        activation: Activation::IDENTITY,
    }
}

fn pool2d() -> Vec<u8> {
    let mut d = Draft::new("pool");
    let (x, y) = (d.f32(&[1, 5, 6, 3]), d.f32(&[1, 3, 4, 3]));
    d.step(&pool_params(), &[x], &[y]);
    d.finish()
}

fn reduce() -> Vec<u8> {
    let mut d = Draft::new("reduce");
    let (x, y, z) = (d.f32(&[2, 3, 4]), d.f32(&[1, 3, 1]), d.room(DType::I64, &[2, 1, 4]));
    d.step(&reduce::Params { kind: reduce::Kind::Mean, axes: 0b101, activation: RELU }, &[x], &[y]);
    let arg = reduce::Params { kind: reduce::Kind::ArgMax, axes: 0b010, activation: Activation::IDENTITY };
    d.step(&arg, &[x], &[z]);
    d.finish()
}

fn unary() -> Vec<u8> {
    let mut d = Draft::new("unary");
    let x = d.f32(&[2, 3]);
    let reversed = d.view(DType::F32, 20, &[2, 3], &[-3, -1]);
    let y = d.f32(&[2, 3]);
    let params = unary::Params { function: Activation::new(ActivationKind::Tanh) };
    d.step(&params, &[x], &[x]);
    d.step(&params, &[reversed], &[y]);
    d.finish()
}

fn binary() -> Vec<u8> {
    let mut d = Draft::new("binary");
    let (x, y) = (d.f32(&[2, 3]), d.f32(&[3]));
    let row = d.view(DType::F32, 64, &[2, 3], &[0, 1]);
    let less = d.room(DType::Bool, &[2, 3]);
    let params = |kind, activation| binary::Params { kind, activation };
    d.step(&params(binary::Kind::Add, RELU), &[x, row], &[x]);
    d.step(&params(binary::Kind::Less, Activation::IDENTITY), &[x, row], &[less]);
    d.step(&params(binary::Kind::Xor, Activation::IDENTITY), &[less, less], &[less]);
    let _ = y;
    d.finish()
}

fn select() -> Vec<u8> {
    let mut d = Draft::new("select");
    let (c, a, b) = (d.room(DType::Bool, &[4]), d.room(DType::I64, &[4]), d.room(DType::I64, &[4]));
    d.step(&select::Params {}, &[c, a, b], &[b]);
    d.finish()
}

fn cast() -> Vec<u8> {
    let mut d = Draft::new("cast");
    let (x, y) = (d.room(DType::U8, &[2, 2]), d.f32(&[2, 2]));
    d.step(&cast::Params {}, &[x], &[y]);
    d.finish()
}

fn softmax() -> Vec<u8> {
    let mut d = Draft::new("softmax");
    let x = d.f32(&[3, 5]);
    d.step(&softmax::Params { log: false }, &[x], &[x]);
    d.finish()
}

fn normalize() -> Vec<u8> {
    let mut d = Draft::new("normalize");
    let (x, y, scale) = (d.f32(&[3, 5]), d.f32(&[3, 5]), d.weights(&[5]));
    let params = normalize::Params { kind: normalize::Kind::Layer, epsilon: 1e-5, activation: Activation::IDENTITY };
    d.builder.step("norm", &params, &[Some(x), Some(scale), None], &[Some(y)], 0);
    d.step(&params, &[y], &[y]);
    d.finish()
}

/// A concatenation along the last dimension: two copies into the columns of one buffer, and a step that reads
/// one column block and writes the other.
fn copy() -> Vec<u8> {
    let mut d = Draft::new("concat");
    let (a, b, whole) = (d.f32(&[3, 2]), d.f32(&[3, 4]), d.f32(&[3, 6]));
    let left = d.view(DType::F32, 128, &[3, 2], &[6, 1]);
    let right = d.view(DType::F32, 128 + 8, &[3, 4], &[6, 1]);
    d.step(&copy::Params {}, &[a], &[left]);
    d.step(&copy::Params {}, &[b], &[right]);
    let middle = d.view(DType::F32, 128 + 8, &[3, 2], &[6, 1]);
    d.step(&copy::Params {}, &[left], &[middle]);
    let params = binary::Params { kind: binary::Kind::Mul, activation: RELU };
    d.step(&params, &[left, middle], &[left]);
    d.builder.output("whole", whole);
    d.finish()
}

fn pad() -> Vec<u8> {
    let mut d = Draft::new("pad");
    let (x, y) = (d.f32(&[2, 3]), d.f32(&[4, 6]));
    let params = pad::Params { mode: pad::Mode::Reflect, value: [0; 2], before: [1, 2, 0, 0, 0, 0, 0, 0] };
    d.step(&params, &[x], &[y]);
    d.finish()
}

fn gather() -> Vec<u8> {
    let mut d = Draft::new("gather");
    let (x, i, y) = (d.f32(&[2, 5, 3]), d.room(DType::I64, &[2, 2]), d.f32(&[2, 2, 2, 3]));
    d.step(&gather::Params { axis: 1 }, &[x, i], &[y]);
    d.finish()
}

pub(super) fn resize_params() -> resize::Params {
    resize::Params {
        mode: resize::Mode::Linear,
        coordinates: resize::Coordinates::HalfPixel,
        nearest: resize::Nearest::RoundPreferFloor,
        scales: [2.0, 1.5],
        cubic_a: -0.75,
    }
}

fn resize() -> Vec<u8> {
    let mut d = Draft::new("resize");
    let (x, y) = (d.f32(&[1, 2, 2, 3]), d.f32(&[1, 4, 3, 3]));
    d.step(&resize_params(), &[x], &[y]);
    d.finish()
}

pub(super) fn recurrent_params(kind: recurrent::Kind) -> recurrent::Params {
    recurrent::Params {
        kind,
        reverse: false,
        linear_before_reset: false,
        activations: [Activation::new(ActivationKind::Sigmoid); 3],
        clip: f32::INFINITY,
    }
}

fn recurrent() -> Vec<u8> {
    let mut d = Draft::new("recurrent");
    let (x, state) = (d.f32(&[4, 2, 3]), d.f32(&[2, 5]));
    let base = d.arena;
    d.f32(&[4, 2, 2, 5]);
    let y = d.view(DType::F32, base, &[4, 2, 5], &[20, 5, 1]);
    let (h, c, peephole) = (d.f32(&[2, 5]), d.f32(&[2, 5]), d.weights(&[15]));
    let (w, r, b) = (d.weights(&[32 * 3]), d.weights(&[32 * 5]), d.weights(&[32]));
    let scratch = d.f32(&[4 * 2 * 32 + 2 * 32 + 3 * 2 * 5]);
    let lstm = recurrent_params(recurrent::Kind::Lstm);
    let inputs = [x, w, r, b, state, state, peephole, scratch].map(Some);
    d.builder.step("lstm", &lstm, &inputs, &[Some(y), Some(h), Some(c)], 0);
    let (w, r, b) = (d.weights(&[16 * 3]), d.weights(&[16 * 5]), d.weights(&[32]));
    let gru = recurrent_params(recurrent::Kind::Gru);
    let inputs = [Some(x), Some(w), Some(r), Some(b), None, None, None, Some(scratch)];
    d.builder.step("gru", &gru, &inputs, &[None, Some(h)], 0);
    d.finish()
}

fn fallback() -> Vec<u8> {
    let mut d = Draft::new("fallback");
    let (x, i, y) = (d.f32(&[2, 3]), d.room(DType::I64, &[3]), d.room(DType::F64, &[2, 3]));
    let offset = d.builder.fallback(b"a sub-model");
    d.step(&fallback::Params { offset, length: 11 }, &[x, i], &[y]);
    d.finish()
}

/// Planes that become pixels of four channels.
fn quantize() -> Vec<u8> {
    let mut d = Draft::new("quantize");
    let (y, base) = (d.room(DType::U8, &[1, 4, 5, 4]), d.arena);
    d.f32(&[1, 3, 4, 5]);
    let x = d.view(DType::F32, base, &[1, 4, 5, 3], &[60, 5, 1, 20]);
    d.step(&quantize::Params { inverse_scale: 127.5, zero_point: 128 }, &[x], &[y]);
    d.finish()
}

fn dequantize() -> Vec<u8> {
    let mut d = Draft::new("dequantize");
    let (x, y) = (d.room(DType::U8, &[2, 3]), d.f32(&[2, 3]));
    d.step(&dequantize::Params { scale: 0.5, zero_point: 7 }, &[x], &[y]);
    d.finish()
}

fn table() -> Vec<u8> {
    let mut d = Draft::new("table");
    let (x, y) = (d.room(DType::I8, &[2, 3]), d.room(DType::U8, &[2, 3]));
    let (one, three) = (d.constants(DType::U8, &[256]), d.constants(DType::U8, &[3, 256]));
    d.step(&table::Params {}, &[x, one], &[y]);
    d.step(&table::Params {}, &[y, three], &[y]);
    d.finish()
}

pub(super) fn qbinary_params() -> qbinary::Params {
    let kind = qbinary::Kind::Mul;
    qbinary::Params { kind, a_scale: 0.5, b_scale: 1.5, a_zero: 1, b_zero: 2, y_zero: 3, low: 3, high: 200 }
}

/// Pixels times one number a channel.
fn qbinary() -> Vec<u8> {
    let mut d = Draft::new("excite");
    let (a, base) = (d.room(DType::U8, &[1, 2, 2, 3]), d.arena);
    d.room(DType::U8, &[3]);
    let b = d.view(DType::U8, base, &[1, 2, 2, 3], &[0, 0, 0, 1]);
    d.step(&qbinary_params(), &[a, b], &[a]);
    d.finish()
}

pub(super) fn qpool_params() -> qpool2d::Params {
    let pool2d::Params { kernel, stride, dilation, pad, ceil, .. } = pool_params();
    let kind = pool2d::Kind::AverageWithPad;
    let (scale, x_zero, y_zero, low, high, x_scale) = (0.5, 10, 20, 20, 255, 0.25);
    qpool2d::Params { kind, kernel, stride, dilation, pad, ceil, scale, x_zero, y_zero, low, high, x_scale }
}

fn qpool2d() -> Vec<u8> {
    let mut d = Draft::new("pool of bytes");
    let (x, y) = (d.room(DType::U8, &[1, 5, 6, 3]), d.room(DType::U8, &[1, 3, 4, 3]));
    d.step(&qpool_params(), &[x], &[y]);
    d.finish()
}

fn qsoftmax() -> Vec<u8> {
    let mut d = Draft::new("softmax of bytes");
    let (x, e) = (d.room(DType::U8, &[3, 5]), d.constants(DType::U32, &[256]));
    d.step(&qsoftmax::Params { inverse_scale: 256.0, zero: 0 }, &[x, e], &[x]);
    d.finish()
}

pub(super) fn dynamic_params() -> dynamic_fully_connected::Params {
    dynamic_fully_connected::Params { per_row: true, w_zero: -3, activation: RELU }
}

fn dynamic_fully_connected() -> Vec<u8> {
    let mut d = Draft::new("quantized as it comes");
    let (x, y, scratch) = (d.f32(&[2, 3, 5]), d.f32(&[2, 3, 20]), d.f32(&[6 * 4]));
    let (w, sums) = (d.constants(DType::I8, &[32 * 8]), d.constants(DType::I32, &[32]));
    let (scale, bias) = (d.weights(&[32]), d.weights(&[32]));
    d.step(&dynamic_params(), &[x, w, sums, scale, bias, scratch], &[y]);
    d.finish()
}

/// Outputs over their inputs: below, above, and a residual in the output's place.
pub(super) fn overlapping() -> Vec<u8> {
    let mut d = Draft::new("overlapping");
    d.room(DType::U8, &[512]);
    let view = |d: &mut Draft, offset, dims: [u32; 4]| {
        let [_, h, w, c] = dims.map(|dim| dim as i32);
        d.view(DType::U8, offset, &dims, &[h * w * c, w * c, c, 1])
    };
    let (x, y, z) = (view(&mut d, 64, [1, 5, 4, 6]), view(&mut d, 0, [1, 3, 4, 6]), view(&mut d, 160, [1, 3, 3, 6]));
    let (w, [bias, multiplier]) = (d.constants(DType::I8, &[2 * 16 * 6 * 4]), scaling(&mut d, 32));
    d.step(&qconv_params(), &[x, w, bias, multiplier, y], &[y]);
    d.step(&qpool_params(), &[x], &[z]);
    d.finish()
}

/// Every section, every space.
pub(super) fn full() -> Vec<u8> {
    let mut d = Draft::new("full");
    let (x, y) = (d.f32(&[2, 3]), d.f32(&[2, 3]));
    let weights = d.weights(&[3]);
    let row = NewTensor {
        name: "row",
        dtype: DType::F32,
        space: Space::Weights,
        offset: 0,
        dims: &[2, 3],
        strides: Some(&[0, 1]),
    };
    let row = d.builder.tensor(&row);
    let state = NewTensor { name: "state", space: Space::State, offset: 64, dims: &[2, 3], strides: None, ..row_of() };
    let state = d.builder.tensor(&state);
    let add = binary::Params { kind: binary::Kind::Add, activation: RELU };
    d.step(&add, &[x, row], &[y]);
    d.step(&add, &[state, y], &[state]);
    let offset = d.builder.fallback(b"nnef");
    d.step(&fallback::Params { offset, length: 4 }, &[state, weights], &[x]);
    d.builder.input("x", x);
    d.builder.output("y", y);
    d.builder.output("y again", y);
    for case in 0..2u8 {
        d.builder.golden(1e-4, &[&[case; 24], &[case + 10; 24], &[case + 20; 24]]);
    }
    d.builder.checksums(&[1, 2, 3]);
    d.builder.metadata(r#"{"labels":["ä"]}"#.into());
    d.builder.memory(d.arena, 100);
    d.finish_as_is()
}

fn row_of() -> NewTensor<'static> {
    NewTensor { name: "", dtype: DType::F32, space: Space::Arena, offset: 0, dims: &[], strides: None }
}

/// The operator that each plan is about, and the plan.
pub(super) fn all() -> Vec<(OpCode, Vec<u8>)> {
    OpCode::ALL.iter().map(|&op| (op, of(op))).collect()
}

fn of(op: OpCode) -> Vec<u8> {
    match op {
        OpCode::Conv2d => conv2d(),
        OpCode::DepthwiseConv2d => depthwise_conv2d(),
        OpCode::ConvTranspose2d => conv_transpose2d(),
        OpCode::FullyConnected => fully_connected(),
        OpCode::QConv2d => qconv2d(),
        OpCode::QWinogradConv2d => qwinograd_conv2d(),
        OpCode::QDepthwiseConv2d => qdepthwise_conv2d(),
        OpCode::QFullyConnected => qfully_connected(),
        OpCode::Quantize => quantize(),
        OpCode::Dequantize => dequantize(),
        OpCode::Table => table(),
        OpCode::QBinary => qbinary(),
        OpCode::QPool2d => qpool2d(),
        OpCode::QSoftmax => qsoftmax(),
        OpCode::DynamicFullyConnected => dynamic_fully_connected(),
        OpCode::WinogradConv2d => winograd_conv2d(),
        OpCode::MatMul => matmul(),
        OpCode::Attention => attention(),
        OpCode::Pool2d => pool2d(),
        OpCode::Reduce => reduce(),
        OpCode::Unary => unary(),
        OpCode::Binary => binary(),
        OpCode::Select => select(),
        OpCode::Cast => cast(),
        OpCode::Softmax => softmax(),
        OpCode::Normalize => normalize(),
        OpCode::Copy => copy(),
        OpCode::Pad => pad(),
        OpCode::Gather => gather(),
        OpCode::Resize => resize(),
        OpCode::Recurrent => recurrent(),
        OpCode::Fallback => fallback(),
    }
}
