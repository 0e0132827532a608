//! Kernels on bytes other than products.

use coulter_kernels::activation::Function;
use coulter_kernels::window::Axis;
use coulter_kernels::{
    Isa, IsaSet, Rows, RowsMut, SingleThread, View, ViewMut, binary_i8, depthwise_i8, dequantize, dynamic_i8, gemm_i8,
    pool_i8, quantize, requantize, softmax_i8, table,
};
use criterion::Criterion;

use super::{Bench, DEPTHWISE, activations, axis, epilogue, scaling};

pub(super) fn conversions(c: &mut Criterion) {
    const PIXELS: usize = 224 * 224;
    let mut bench = Bench::new(c, "quantize");
    let how = quantize::Quantization { inverse_scale: 100.0, zero_point: 120 };
    let planes: [isize; 4] = [3 * PIXELS as isize, 224, 1, PIXELS as isize];
    let shapes: [(&str, &[usize], &[isize], usize); 4] = [
        ("planes_to_quads", &[1, 224, 224, 3], &planes, 4),
        ("triples_to_quads", &[1, PIXELS, 3], &[0, 3, 1], 4),
        ("planes_to_triples", &[PIXELS, 3], &[1, PIXELS as isize], 3),
        ("whole", &[3 * PIXELS], &[1], 3 * PIXELS),
    ];
    let x = bench.f32s(3 * PIXELS);
    for (name, dims, strides, channels) in shapes {
        let (mut y_dims, last) = (dims.to_vec(), dims.len() - 1);
        y_dims[last] = channels;
        let run = |kernel: &quantize::QuantizeKernel, _, y: &mut [u8]| {
            kernel.run(&how, &View::of(&x, 0, dims, strides), &mut ViewMut::dense(y, &y_dims), &SingleThread);
        };
        bench.exact(kernels!(quantize), name, (3 * PIXELS, y_dims.iter().product()), run);
    }
    drop(bench);
    let mut bench = Bench::new(c, "dequantize");
    let (how, n) = (dequantize::Scale { scale: 0.1, zero_point: 3 }, 16_384);
    let x = bench.bytes(n);
    let run = |kernel: &dequantize::DequantizeKernel, _, y: &mut [f32]| {
        kernel.run(&how, &View::dense(&x, &[n]), &mut ViewMut::dense(y, &[n]), &SingleThread);
    };
    bench.exact(kernels!(dequantize), &format!("{n}"), (n, n), run);
}

pub(super) fn functions_of_bytes(c: &mut Criterion) {
    let mut bench = Bench::new(c, "table");
    let entries = core::array::from_fn(|i| (i * 7) as u8);
    for n in [64, 640, 14 * 14 * 480] {
        let x = bench.bytes(n);
        let run = |kernel: &table::TableKernel, _, y: &mut [u8]| {
            kernel.run(&entries, &View::dense(&x, &[n]), &mut ViewMut::dense(y, &[n]), &SingleThread);
        };
        bench.exact(kernels!(table), &format!("{n}"), (n, n), run);
    }
    drop(bench);
    let mut bench = Bench::new(c, "softmax_i8");
    let exponentials = core::array::from_fn(|i| (2f64.powi(30) * (0.05 * (i as f64 - 255.0)).exp()).round() as u32);
    let how = softmax_i8::Softmax { exponentials: &exponentials, inverse_scale: 256.0, zero: 0 };
    for (rows, cols) in [(1, 2), (1, 12), (1, 1001), (12 * 64, 64)] {
        let x = bench.bytes(rows * cols);
        let run = |kernel: &softmax_i8::SoftmaxKernel, isa, y: &mut [u8]| {
            let tables = table::select(IsaSet::detect().capped(isa));
            let mut y = RowsMut::of(y, rows, cols, cols);
            kernel.apply(&how, tables, &Rows::of(&x, rows, cols, cols), &mut y, &SingleThread);
        };
        bench.exact(kernels!(softmax_i8), &format!("{rows}x{cols}"), (rows * cols, rows * cols), run);
    }
}

/// Bounds of a ReLU.
const BYTES: requantize::Requantize = requantize::Requantize { zero: 100, low: 100, high: 255 };

pub(super) fn elementwise_bytes(c: &mut Criterion) {
    let mut bench = Bench::new(c, "binary_i8");
    let shapes = [
        ("residual", binary_i8::Kind::Add, [1, 56 * 56 * 24], [0, 1]),
        ("excite", binary_i8::Kind::Mul, [196, 480], [0, 1]),
        ("excite_narrow", binary_i8::Kind::Mul, [3136, 16], [0, 1]),
        ("scalar", binary_i8::Kind::Mul, [1, 196 * 480], [0, 0]),
    ];
    let operand = |scale, zero| binary_i8::Operand { scale, zero };
    for (name, kind, dims @ [rows, cols], strides) in shapes {
        let (a, b) = (bench.bytes(rows * cols), bench.bytes(rows * cols));
        let how = binary_i8::Binary { kind, a: operand(0.01, 5), b: operand(0.02, 9), requantize: BYTES };
        let run = |kernel: &binary_i8::BinaryKernel, _, y: &mut [u8]| {
            let (a, b) = (View::dense(&a, &dims), View::of(&b, 0, &dims, &strides));
            kernel.run(&how, &a, &b, &mut ViewMut::dense(y, &dims), &SingleThread);
        };
        bench.exact(kernels!(binary_i8), &format!("{name} {rows}x{cols}"), (rows * cols, rows * cols), run);
    }
}

pub(super) fn pool_bytes(c: &mut Criterion) {
    use pool_i8::Kind::{Average, Max};
    let mut bench = Bench::new(c, "pool_i8");
    let shapes = [
        ("resnet", Max, [112, 112], [2, 2], 2, 64),
        ("squeezenet", Max, [111, 111], [3, 3], 2, 64),
        ("inception", Max, [14, 14], [3, 3], 1, 512),
        ("mobilenetv2", Average, [7, 7], [7, 7], 1, 1280),
        ("vww", Average, [14, 14], [14, 14], 1, 512),
        ("dscnn", Average, [25, 5], [25, 5], 1, 64),
        ("resnet8", Average, [8, 8], [8, 8], 1, 64),
    ];
    for (name, kind, [h, w], kernel, stride, channels) in shapes {
        let axis = |input, k| Axis { pad: 0, output: (input - k) / stride + 1, ..axis(input, k, stride) };
        let (vertical, horizontal) = (axis(h, kernel[0]), axis(w, kernel[1]));
        let shape = pool_i8::Shape { kind, batch: 1, vertical, horizontal, pad_after: [0, 0], channels };
        let pixels = vertical.output * horizontal.output;
        let how = pool_i8::Scale { scale: 1.1, x_scale: 0.0, x_zero: 3, requantize: BYTES };
        let x = bench.bytes(h * w * channels);
        let run = |pool: &pool_i8::PoolKernel, _, y: &mut [u8]| {
            let (x, mut y) = (Rows::of(&x, h * w, channels, channels), RowsMut::of(y, pixels, channels, channels));
            pool.apply(&shape, &how, x, &mut y, &SingleThread);
        };
        let taps = kernel[0] * kernel[1];
        let shape = format!("{name} {kind:?} {h}x{w}x{channels}");
        bench.exact(kernels!(pool_i8), &shape, (pixels * taps * channels, pixels * channels), run);
    }
}

pub(super) fn depthwise_bytes(c: &mut Criterion) {
    let mut bench = Bench::new(c, "depthwise_i8");
    let shapes = DEPTHWISE.map(|(name, size, stride, channels)| (name, size, 3, stride, channels));
    let wide = [("mobilenet_v3", [14, 14], 5, 1, 240), ("efficientnet", [28, 28], 5, 2, 240)];
    for (name, [h, w], kernel, stride, channels) in shapes.into_iter().chain(wide) {
        let (vertical, horizontal) = (axis(h, kernel, stride), axis(w, kernel, stride));
        let shape = depthwise_i8::Shape { batch: 1, vertical, horizontal, channels };
        let (pixels, taps, quad) = (vertical.output * horizontal.output, kernel * kernel, depthwise_i8::QUAD);
        let padded = channels.next_multiple_of(depthwise_i8::PANEL);
        let x = bench.bytes(h * w * channels);
        let mut weights = bench.weights(kernel.div_ceil(quad) * kernel * padded * quad);
        for (i, w) in weights.iter_mut().enumerate() {
            if i / (kernel * padded * quad) * quad + i % quad >= kernel {
                *w = 0;
            }
        }
        let ends = scaling(taps, channels);
        let run = |depthwise: &depthwise_i8::DepthwiseKernel, isa, y: &mut [u8]| {
            let (x, epilogue) = (Rows::of(&x, h * w, channels, channels), epilogue(&ends, isa));
            let y = RowsMut::of(y, pixels, channels, channels);
            let operands = depthwise_i8::Operands { x, x_zero: 128, weights: &weights, w_zero: 0, epilogue, y };
            depthwise.apply(&shape, &operands, &SingleThread);
        };
        let shape = format!("{name} {h}x{w}x{channels} {kernel}x{kernel} by {stride}");
        bench.exact(kernels!(depthwise_i8), &shape, (pixels * taps * channels, pixels * channels), run);
    }
}

pub(super) fn dynamic(c: &mut Criterion) {
    let mut bench = Bench::new(c, "dynamic_i8");
    for (m, k, n) in [(1, 384, 384), (128, 384, 384), (128, 384, 1536), (128, 1536, 384)] {
        let (x, w) = (bench.f32s(m * k), bench.bytes(gemm_i8::packed_len(k, n)));
        let w: Vec<i8> = w.into_iter().map(|w| w as i8).collect();
        let (sums, scale) = (vec![7; n], bench.f32s(n));
        let columns = dynamic_i8::Columns { sums: &sums, scale: &scale, bias: None };
        let run = |finish: &'static dynamic_i8::FinishKernel, isa, y: &mut [f32]| {
            // AVX-512 multiplies with VNNI where there is any.
            let cap = if isa == Isa::Avx512 { Isa::Avx512Vnni } else { isa };
            let isas = IsaSet::detect().capped(cap);
            let (quantize, gemm) = (quantize::select(isas), gemm_i8::select(isas));
            let kernels = dynamic_i8::Kernels { quantize, gemm, finish, activation: activations(cap) };
            let (x, activation) = (Rows::of(&x, m, k, k), Function::IDENTITY);
            let product = dynamic_i8::Product { x, w: &w, w_zero: 0, columns, per_row: true, activation };
            let mut scratch = vec![0.0; dynamic_i8::scratch_len(m, k)];
            kernels.run(&product, &mut RowsMut::of(y, m, n, n), &mut scratch, &SingleThread);
        };
        bench.exact(kernels!(dynamic_i8), &format!("{m}x{k}x{n}"), (m * k * n, m * n), run);
    }
}
