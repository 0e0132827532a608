//! Every kernel that this processor can run, on shapes of real models: `cargo bench --bench kernels -- gemm`.
//!
//! One group a family, one line a kernel and shape, all on one thread. Work is counted in multiply-accumulates, or in
//! elements where there are none, so that criterion's Gelem/s are GMAC/s. Each result is first compared with that of
//! the family's generic kernel. The rate of multiply-adds that the core reaches at most is printed before all else.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use coulter_kernels::activation::{Function, Kind};
use coulter_kernels::activation_f32::{self, ActivationKernel};
use coulter_kernels::conv_f32::{self, Conv};
use coulter_kernels::gemm_f32::{self, Gemm, packed_len};
use coulter_kernels::requantize::{Epilogue, Requantize};
use coulter_kernels::window::Axis;
use coulter_kernels::{
    Isa, IsaSet, Rows, RowsMut, SingleThread, View, ViewMut, binary, conv_i8, copy, depthwise_f32, gemm_i8,
    normalize_f32, pool_f32, reduce, softmax_f32, table, winograd_f32, winograd_i8,
};
use coulter_testkit::rng::Rng;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};

/// A family's kernels for this processor, best first, the generic one last.
macro_rules! kernels {
    ($family:ident) => {
        $family::KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa)).map(|k| (k.name, k.isa, k))
    };
}

#[path = "kernels/bytes.rs"]
mod bytes;

struct Bench<'c> {
    group: BenchmarkGroup<'c, WallTime>,
    rng: Rng,
}

impl<'c> Bench<'c> {
    fn new(criterion: &'c mut Criterion, family: &str) -> Self {
        let mut group = criterion.benchmark_group(family);
        group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800)).sample_size(20);
        Self { group, rng: Rng::new(1) }
    }

    fn f32s(&mut self, len: usize) -> Vec<f32> {
        self.rng.f32s(len)
    }

    /// Measures `run`, which fills `len` elements, with each kernel.
    fn case<K: Copy>(
        &mut self,
        kernels: impl Iterator<Item = (&'static str, Isa, K)> + Clone,
        shape: &str,
        (work, len): (usize, usize),
        run: impl Fn(K, Isa, &mut [f32]),
    ) {
        self.group.throughput(Throughput::Elements(work as u64));
        let result = |kernel, isa| {
            let mut y = vec![f32::NAN; len];
            run(kernel, isa, &mut y);
            y
        };
        let (_, isa, reference) = kernels.clone().last().expect("a generic kernel");
        let expected = result(reference, isa);
        let greatest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
        for (name, isa, kernel) in kernels {
            let mut y = result(kernel, isa);
            let worst = y.iter().zip(&expected).fold(0f32, |m, (y, e)| m.max((y - e).abs()));
            assert!(worst <= 1e-5 * greatest, "{name} {shape}: off by {worst} of {greatest}");
            self.group
                .bench_function(BenchmarkId::new(name, shape), |b| b.iter(|| run(kernel, isa, black_box(&mut y))));
        }
    }

    fn weights(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.rng.next_u64() as i8).collect()
    }
}

/// Bias and multipliers of a quantized product with sums of so many bytes.
fn scaling(depth: usize, columns: usize) -> (Vec<i32>, Vec<f32>) {
    let columns = columns.next_multiple_of(gemm_i8::PANEL);
    (vec![1000; columns], vec![0.01 / (depth as f32).sqrt(); columns])
}

/// An epilogue after an activation.
fn epilogue<'a>((bias, multiplier): &'a (Vec<i32>, Vec<f32>), isa: Isa) -> Epilogue<'a> {
    let requantize = Requantize { zero: 0, low: 0, high: 255 };
    let look_up = table::select(IsaSet::detect().capped(isa));
    Epilogue { bias, multiplier, requantize, residual: None, table: None, look_up }
}

impl Bench<'_> {
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.rng.next_u64() as u8).collect()
    }

    /// Measures `run`, which fills `len` elements, with each kernel; all must give the same.
    fn exact<K: Copy, T: Copy + Default + PartialEq>(
        &mut self,
        kernels: impl Iterator<Item = (&'static str, Isa, K)> + Clone,
        shape: &str,
        (work, len): (usize, usize),
        run: impl Fn(K, Isa, &mut [T]),
    ) {
        self.group.throughput(Throughput::Elements(work as u64));
        let mut expected = vec![T::default(); len];
        let (_, isa, reference) = kernels.clone().last().expect("a generic kernel");
        run(reference, isa, &mut expected);
        for (name, isa, kernel) in kernels {
            let mut y = vec![T::default(); len];
            run(kernel, isa, &mut y);
            assert!(y == expected, "{name} {shape} differs from the generic kernel");
            self.group
                .bench_function(BenchmarkId::new(name, shape), |b| b.iter(|| run(kernel, isa, black_box(&mut y))));
        }
    }
}

/// The kernel that applies functions for others of an instruction set.
fn activations(isa: Isa) -> &'static ActivationKernel {
    activation_f32::select(IsaSet::detect().capped(isa))
}

fn gemm(c: &mut Criterion) {
    let mut bench = Bench::new(c, "gemm_f32");
    let shapes = [
        ("mobilenetv2_expand", 12544, 16, 96),
        ("mobilenetv2_project", 3136, 144, 24),
        ("mobilenetv2_late", 49, 960, 160),
        ("mobilenetv2_last", 49, 320, 1280),
        ("mobilenetv2_classify", 1, 1280, 1000),
        ("dscnn_pointwise", 125, 64, 64),
        ("transformer_project", 128, 384, 384),
        ("transformer_expand", 128, 384, 1536),
    ];
    for (name, m, k, n) in shapes {
        let (x, w) = (bench.f32s(m * k), packed(&mut bench, k, n));
        let run = |kernel: &gemm_f32::GemmKernel, _, y: &mut [f32]| {
            let x = Rows::of(&x, m, k, k);
            let gemm = Gemm { x, w: &w, bias: None, residual: None, alpha: 1.0, activation: Function::RELU6 };
            kernel.run(&gemm, &mut RowsMut::of(y, m, n, n), &SingleThread);
        };
        bench.case(kernels!(gemm_f32), &format!("{name} {m}x{k}x{n}"), (m * k * n, m * n), run);
    }
}

fn packed(bench: &mut Bench<'_>, k: usize, n: usize) -> Vec<f32> {
    let (w, mut panels) = (bench.f32s(k * n), vec![0.0; packed_len(k, n)]);
    gemm_f32::pack_panels(&View::dense(&w, &[k, n]), &mut panels);
    panels
}

fn gemm_of_bytes(c: &mut Criterion) {
    let mut bench = Bench::new(c, "gemm_i8");
    let shapes = [
        ("mobilenetv2_expand", 12544, 16, 96),
        ("mobilenetv2_project", 3136, 144, 24),
        ("mobilenetv2_late", 49, 960, 160),
        ("mobilenetv2_last", 49, 320, 1280),
        ("mobilenetv2_classify", 1, 1280, 1000),
        ("dscnn_pointwise", 125, 64, 64),
        ("autoencoder", 1, 640, 128),
        ("transformer_project", 128, 384, 384),
        ("transformer_expand", 128, 384, 1536),
    ];
    for (name, m, k, n) in shapes {
        let (x, w, ends) = (bench.bytes(m * k), bench.weights(gemm_i8::packed_len(k, n)), scaling(k, n));
        let run = |kernel: &gemm_i8::GemmKernel, isa, y: &mut [u8]| {
            let (x, epilogue) = (Rows::of(&x, m, k, k), epilogue(&ends, isa));
            let gemm = gemm_i8::Gemm { x, w: &w, w_zero: 0, epilogue };
            kernel.run(&gemm, &mut RowsMut::of(y, m, n, n), &SingleThread);
        };
        bench.exact(kernels!(gemm_i8), &format!("{name} {m}x{k}x{n}"), (m * k * n, m * n), run);
    }
}

fn conv_of_bytes(c: &mut Criterion) {
    let mut bench = Bench::new(c, "conv_i8");
    for (name, [h, w], [kh, kw], stride, channels, outputs) in CONVOLUTIONS {
        let (vertical, horizontal) = (axis(h, kh, stride), axis(w, kw, stride));
        let shape = conv_i8::Shape { batch: 1, vertical, horizontal, channels, outputs, groups: 1 };
        let (depth, pixels) = (kh * kw * channels, vertical.output * horizontal.output);
        let packed = kh * kw * gemm_i8::packed_len(channels, outputs);
        let (x, weights, ends) = (bench.bytes(h * w * channels), bench.weights(packed), scaling(depth, outputs));
        let run = |kernel: &gemm_i8::GemmKernel, isa, y: &mut [u8]| {
            let (x, epilogue) = (Rows::of(&x, h * w, channels, channels), epilogue(&ends, isa));
            let conv = conv_i8::Conv { shape, x, x_zero: 128, w: &weights, w_zero: 0, epilogue };
            conv.run(kernel, &mut RowsMut::of(y, pixels, outputs, outputs), &SingleThread);
        };
        let shape = format!("{name} {h}x{w}x{channels} to {outputs}");
        bench.exact(kernels!(gemm_i8), &shape, (pixels * depth * outputs, pixels * outputs), run);
    }
}

/// Name, height and width, kernel, stride, channels and outputs of a convolution.
type Convolution = (&'static str, [usize; 2], [usize; 2], usize, usize, usize);

const CONVOLUTIONS: [Convolution; 6] = [
    ("mobilenetv2_first", [224, 224], [3, 3], 2, 3, 32),
    ("squeezenet_fire", [55, 55], [3, 3], 1, 16, 64),
    ("squeezenet_fire_late", [13, 13], [3, 3], 1, 64, 256),
    ("resnet8", [32, 32], [3, 3], 1, 16, 16),
    ("resnet8_late", [8, 8], [3, 3], 1, 64, 64),
    ("dscnn_first", [49, 10], [10, 4], 2, 1, 64),
];

/// A window that stands at every `stride`th place, with as much padding as keeps the length where the stride is 1.
fn axis(input: usize, kernel: usize, stride: usize) -> Axis {
    Axis { input, output: input.div_ceil(stride), kernel, stride, dilation: 1, pad: (kernel - 1) / 2 }
}

fn conv(c: &mut Criterion) {
    let mut bench = Bench::new(c, "conv_f32");
    for (name, [h, w], [kh, kw], stride, channels, outputs) in CONVOLUTIONS {
        let (vertical, horizontal) = (axis(h, kh, stride), axis(w, kw, stride));
        let shape = conv_f32::Shape { batch: 1, vertical, horizontal, channels, outputs, groups: 1 };
        let (depth, pixels) = (kh * kw * channels, vertical.output * horizontal.output);
        let (x, weights) = (bench.f32s(h * w * channels), packed(&mut bench, depth, outputs));
        let run = |kernel: &gemm_f32::GemmKernel, _, y: &mut [f32]| {
            let x = Rows::of(&x, h * w, channels, channels);
            let conv = Conv { shape, x, w: &weights, bias: None, residual: None, activation: Function::RELU };
            conv.run(kernel, &mut RowsMut::of(y, pixels, outputs, outputs), &SingleThread);
        };
        let shape = format!("{name} {h}x{w}x{channels} to {outputs}");
        bench.case(kernels!(gemm_f32), &shape, (pixels * depth * outputs, pixels * outputs), run);
    }
}

/// Those of 3×3 and stride 1 with whole panels of channels.
fn tiled() -> impl Iterator<Item = Convolution> {
    let whole = |count: usize| count.is_multiple_of(gemm_f32::PANEL);
    let fits = move |&(_, _, kernel, stride, channels, outputs): &Convolution| {
        (kernel, stride) == ([3, 3], 1) && whole(channels) && whole(outputs)
    };
    CONVOLUTIONS.into_iter().filter(fits)
}

/// Convolutions in tiles.
fn conv_in_tiles(c: &mut Criterion) {
    let mut bench = Bench::new(c, "winograd_f32");
    for (name, [h, w], _, _, channels, outputs) in tiled() {
        let (vertical, horizontal) = (axis(h, 3, 1), axis(w, 3, 1));
        let shape = conv_f32::Shape { batch: 1, vertical, horizontal, channels, outputs, groups: 1 };
        let (x, weights) = (bench.f32s(h * w * channels), bench.f32s(winograd_f32::packed_len(channels, outputs)));
        let room = 14 * winograd_f32::scratch_len(channels, outputs);
        let run = |kernel: &winograd_f32::WinogradKernel, isa, y: &mut [f32]| {
            let x = Rows::of(&x, h * w, channels, channels);
            let conv = Conv { shape, x, w: &weights, bias: None, residual: None, activation: Function::RELU };
            let gemm = gemm_f32::select(IsaSet::detect().capped(isa));
            let mut y = RowsMut::of(y, h * w, outputs, outputs);
            kernel.run(gemm, &conv, &mut y, &mut vec![0.0; room], &SingleThread);
        };
        let shape = format!("{name} {h}x{w}x{channels} to {outputs}");
        bench.case(kernels!(winograd_f32), &shape, (h * w * 9 * channels * outputs, h * w * outputs), run);
    }
}

/// The same of 8 bits.
fn conv_i8_in_tiles(c: &mut Criterion) {
    let mut bench = Bench::new(c, "winograd_i8");
    for (name, [h, w], _, _, channels, outputs) in tiled() {
        let (vertical, horizontal) = (axis(h, 3, 1), axis(w, 3, 1));
        let shape = conv_f32::Shape { batch: 1, vertical, horizontal, channels, outputs, groups: 1 };
        let weights = bench.weights(winograd_i8::packed_len(channels, outputs));
        let weights: Vec<i16> = weights.into_iter().map(i16::from).collect();
        let (x, ends) = (bench.bytes(h * w * channels), scaling(9 * channels, outputs));
        let mut scratch = vec![0.0; 12 * winograd_i8::scratch_len(channels)];
        let scratch = RefCell::new(&mut scratch[..]);
        let run = |kernel: &winograd_i8::WinogradKernel, isa, y: &mut [u8]| {
            let (x, epilogue) = (Rows::of(&x, h * w, channels, channels), epilogue(&ends, isa));
            let conv = winograd_i8::Conv { shape, x, x_zero: 128, w: &weights, epilogue };
            let mut y = RowsMut::of(y, h * w, outputs, outputs);
            kernel.run(&conv, &mut y, &mut scratch.borrow_mut(), &SingleThread);
        };
        let shape = format!("{name} {h}x{w}x{channels} to {outputs}");
        bench.exact(kernels!(winograd_i8), &shape, (h * w * 9 * channels * outputs, h * w * outputs), run);
    }
}

/// Name, height and width, stride and channels of depthwise convolutions of 3×3.
const DEPTHWISE: [(&str, [usize; 2], usize, usize); 6] = [
    ("vww", [48, 48], 1, 8),
    ("mobilenetv2", [112, 112], 1, 32),
    ("mobilenetv2", [56, 56], 2, 144),
    ("mobilenetv2", [14, 14], 1, 576),
    ("mobilenetv2", [7, 7], 1, 960),
    ("dscnn", [25, 5], 1, 64),
];

fn depthwise(c: &mut Criterion) {
    let mut bench = Bench::new(c, "depthwise_f32");
    for (name, [h, w], stride, channels) in DEPTHWISE {
        let (vertical, horizontal) = (axis(h, 3, stride), axis(w, 3, stride));
        let shape = depthwise_f32::Shape { batch: 1, vertical, horizontal, channels };
        let pixels = vertical.output * horizontal.output;
        let (x, weights) = (bench.f32s(h * w * channels), bench.f32s(9 * channels.next_multiple_of(16)));
        let run = |kernel: &depthwise_f32::DepthwiseKernel, isa, y: &mut [f32]| {
            let x = Rows::of(&x, h * w, channels, channels);
            let y = RowsMut::of(y, pixels, channels, channels);
            let operands = depthwise_f32::Operands { x, weights: &weights, bias: None, residual: None, y };
            kernel.apply(&shape, &operands, &Function::RELU6, activations(isa), &SingleThread);
        };
        let shape = format!("{name} {h}x{w}x{channels} by {stride}");
        bench.case(kernels!(depthwise_f32), &shape, (pixels * 9 * channels, pixels * channels), run);
    }
}

fn pool(c: &mut Criterion) {
    let mut bench = Bench::new(c, "pool_f32");
    let shapes = [
        ("squeezenet", pool_f32::Kind::Max, [111, 111], 3, 2, 64),
        ("squeezenet", pool_f32::Kind::Max, [27, 27], 3, 2, 256),
        ("resnet8", pool_f32::Kind::Average, [8, 8], 8, 8, 64),
    ];
    for (name, kind, [h, w], kernel, stride, channels) in shapes {
        let axis = |input| Axis { pad: 0, output: (input - kernel) / stride + 1, ..axis(input, kernel, stride) };
        let (vertical, horizontal) = (axis(h), axis(w));
        let shape = pool_f32::Shape { kind, batch: 1, vertical, horizontal, pad_after: [0, 0], channels };
        let pixels = vertical.output * horizontal.output;
        let x = bench.f32s(h * w * channels);
        let run = |pool: &pool_f32::PoolKernel, isa, y: &mut [f32]| {
            let (x, mut y) = (Rows::of(&x, h * w, channels, channels), RowsMut::of(y, pixels, channels, channels));
            pool.apply(&shape, x, &mut y, &Function::IDENTITY, activations(isa), &SingleThread);
        };
        let shape = format!("{name} {kind:?} {h}x{w}x{channels}");
        bench.case(kernels!(pool_f32), &shape, (pixels * kernel * kernel * channels, pixels * channels), run);
    }
}

fn activation(c: &mut Criterion) {
    let mut bench = Bench::new(c, "activation_f32");
    let n = 16_384;
    let x = bench.f32s(n);
    for kind in [Kind::Clamp, Kind::HardSwish, Kind::Sigmoid, Kind::Tanh, Kind::Silu, Kind::GeluErf, Kind::Exp] {
        let f = Function { kind, a: 0.0, b: 6.0 };
        let run = |kernel: &ActivationKernel, _, y: &mut [f32]| {
            kernel.run_strided(&f, &View::dense(&x, &[n]), &mut ViewMut::dense(y, &[n]), &SingleThread);
        };
        bench.case(kernels!(activation_f32), &format!("{kind:?} {n}"), (n, n), run);
    }
}

fn elementwise(c: &mut Criterion) {
    let mut bench = Bench::new(c, "binary_f32");
    let (dense, row, column, one) = ([0, 1], [0, 1], [1, 0], [0, 0]);
    let shapes = [
        ("residual", binary::Arithmetic::Add, [1, 56 * 56 * 24], dense),
        ("bias", binary::Arithmetic::Add, [3136, 144], row),
        ("bias_narrow", binary::Arithmetic::Add, [12544, 3], row),
        ("excite", binary::Arithmetic::Mul, [196, 480], row),
        ("scalar", binary::Arithmetic::Mul, [1, 128 * 384], one),
        ("column", binary::Arithmetic::Div, [128, 384], column),
    ];
    for (name, kind, dims @ [rows, cols], strides) in shapes {
        let (a, b) = (bench.f32s(rows * cols), bench.f32s(rows * cols));
        let b: Vec<f32> = b.iter().map(|v| v + 2.0).collect();
        let run = |kernel: &binary::BinaryKernel, isa, y: &mut [f32]| {
            let (a, b) = (View::dense(&a, &dims), View::of(&b, 0, &dims, &strides));
            let f = (&Function::RELU, activations(isa));
            kernel.run(kind, f, &a, &b, &mut ViewMut::dense(y, &dims), &SingleThread);
        };
        bench.case(kernels!(binary), &format!("{name} {rows}x{cols}"), (rows * cols, rows * cols), run);
    }
}

fn softmax(c: &mut Criterion) {
    let mut bench = Bench::new(c, "softmax_f32");
    for (rows, cols) in [(1, 1000), (12 * 128, 128), (12 * 16, 16)] {
        let x = bench.f32s(rows * cols);
        let run = |kernel: &softmax_f32::SoftmaxKernel, _, y: &mut [f32]| {
            let mut y = RowsMut::of(y, rows, cols, cols);
            kernel.apply(false, &Rows::of(&x, rows, cols, cols), &mut y, &SingleThread);
        };
        bench.case(kernels!(softmax_f32), &format!("{rows}x{cols}"), (rows * cols, rows * cols), run);
    }
}

fn normalize(c: &mut Criterion) {
    let mut bench = Bench::new(c, "normalize_f32");
    for (kind, rows, cols) in [
        (normalize_f32::Kind::Layer, 128, 384),
        (normalize_f32::Kind::Rms, 128, 384),
        (normalize_f32::Kind::Layer, 197, 192),
    ] {
        let (x, scale, shift) = (bench.f32s(rows * cols), bench.f32s(cols), bench.f32s(cols));
        let run = |kernel: &normalize_f32::NormalizeKernel, isa, y: &mut [f32]| {
            let row = |values| Some(Rows::of(values, 1, cols, cols));
            let (scale, shift) = (row(&scale), row(&shift));
            let activation = Function::IDENTITY;
            let how = normalize_f32::Normalization { kind, epsilon: 1e-5, scale, shift, activation };
            let (x, mut y) = (Rows::of(&x, rows, cols, cols), RowsMut::of(y, rows, cols, cols));
            kernel.apply(&how, activations(isa), &x, &mut y, &SingleThread);
        };
        bench.case(kernels!(normalize_f32), &format!("{kind:?} {rows}x{cols}"), (rows * cols, rows * cols), run);
    }
}

fn moves(c: &mut Criterion) {
    let mut bench = Bench::new(c, "copy");
    let shapes: [(&str, &[usize], &[isize], usize); 7] = [
        ("picture_to_nhwc", &[224 * 224, 3], &[1, 224 * 224], 224 * 224 * 3),
        ("picture_to_nchw", &[3, 224 * 224], &[1, 3], 224 * 224 * 3),
        ("features_to_nchw", &[96, 56 * 56], &[1, 96], 56 * 56 * 96),
        ("features_to_nhwc", &[56 * 56, 96], &[1, 56 * 56], 56 * 56 * 96),
        ("heads", &[12, 128, 32], &[32, 384, 1], 128 * 384),
        ("columns", &[3025, 64], &[128, 1], 3025 * 128),
        ("whole", &[56 * 56 * 96], &[1], 56 * 56 * 96),
    ];
    for (name, dims, strides, len) in shapes {
        let (x, n) = (bench.f32s(len), dims.iter().product());
        let run = |kernel: &copy::CopyKernel, _, y: &mut [f32]| {
            kernel.run(&View::of(&x, 0, dims, strides), &mut ViewMut::dense(y, dims), &SingleThread);
        };
        bench.case(kernels!(copy), &format!("{name} {dims:?}"), (n, n), run);
    }
}

fn reductions(c: &mut Criterion) {
    let mut bench = Bench::new(c, "reduce_f32");
    let shapes: [(reduce::Kind, &[usize], u32); 6] = [
        (reduce::Kind::Mean, &[1, 7, 7, 1280], 0b0110),
        (reduce::Kind::Mean, &[1, 25, 5, 64], 0b0110),
        (reduce::Kind::Mean, &[1, 1000, 13, 13], 0b1100),
        (reduce::Kind::Mean, &[128, 384], 0b10),
        (reduce::Kind::Max, &[128, 384], 0b10),
        (reduce::Kind::LogSumExp, &[128, 384], 0b10),
    ];
    for (kind, dims, axes) in shapes {
        let n = dims.iter().product();
        let output: Vec<usize> =
            dims.iter().enumerate().map(|(i, &d)| if axes >> i & 1 == 1 { 1 } else { d }).collect();
        let x = bench.f32s(n);
        let run = |kernel: &reduce::ReduceKernel, isa, y: &mut [f32]| {
            let (x, mut y) = (View::dense(&x, dims), ViewMut::dense(y, &output));
            kernel.run((kind, axes), (&Function::IDENTITY, activations(isa)), &x, &mut y, &SingleThread);
        };
        bench.case(kernels!(reduce), &format!("{kind:?} {dims:?}"), (n, output.iter().product()), run);
    }
}

/// Prints how many f32 multiply-adds a second this core reaches at most, with each width of vector.
/// Prints how many multiply-adds a second this core reaches at most, of f32 with each width of vector, and of bytes.
fn print_peaks() {
    const ROUNDS: usize = 200_000;
    let rate = |run: &dyn Fn(f32) -> (f32, usize)| {
        let best = (0..20).map(|_| {
            let start = Instant::now();
            let (sum, multiply_adds) = run(black_box(1e-9));
            black_box(sum);
            multiply_adds as f64 / start.elapsed().as_nanos() as f64
        });
        best.fold(0.0, f64::max)
    };
    let mut peaks = vec![];
    #[cfg(target_arch = "x86_64")]
    {
        let isas = IsaSet::detect();
        if isas.contains(Isa::Avx512) {
            // SAFETY: the processor was asked for AVX-512.
            peaks.push(("avx512", rate(&|x| unsafe { peak::avx512(x, ROUNDS) })));
        }
        if isas.contains(Isa::Avx512Vnni) {
            // SAFETY: the processor was asked for AVX-512 VNNI.
            peaks.push(("avx512vnni, of bytes", rate(&|x| unsafe { peak::avx512vnni(x, ROUNDS) })));
        }
        if isas.contains(Isa::Avx2) {
            // SAFETY: the processor was asked for AVX2 and FMA.
            peaks.push(("avx2", rate(&|x| unsafe { peak::avx2(x, ROUNDS) })));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    peaks.push(("mul_add", rate(&|x| peak::portable(x, ROUNDS))));
    for (name, rate) in peaks {
        println!("peak rate of one core, {name}: {rate:.1} GMAC/s");
    }
}

/// Independent chains of multiply-adds, more than latency times throughput.
mod peak {
    #[cfg(target_arch = "x86_64")]
    use core::arch::x86_64::*;

    const CHAINS: usize = 12;

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    pub fn avx512(x: f32, rounds: usize) -> (f32, usize) {
        let factor = _mm512_set1_ps(x);
        let mut sums = [factor; CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, factor);
            }
        }
        let sum = sums.into_iter().fold(factor, |a, b| _mm512_add_ps(a, b));
        (_mm512_reduce_add_ps(sum), rounds * CHAINS * 16)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub fn avx512vnni(x: f32, rounds: usize) -> (f32, usize) {
        let factor = _mm512_set1_epi32(x.to_bits() as i32);
        let mut sums = [factor; CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, factor, factor);
            }
        }
        let sum = sums.into_iter().fold(factor, |a, b| _mm512_add_epi32(a, b));
        (_mm512_reduce_add_epi32(sum) as f32, rounds * CHAINS * 64)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    pub fn avx2(x: f32, rounds: usize) -> (f32, usize) {
        let factor = _mm256_set1_ps(x);
        let mut sums = [factor; CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, factor);
            }
        }
        let sum = sums.into_iter().fold(factor, |a, b| _mm256_add_ps(a, b));
        (_mm256_cvtss_f32(sum), rounds * CHAINS * 8)
    }

    #[cfg(not(target_arch = "x86_64"))]
    pub fn portable(x: f32, rounds: usize) -> (f32, usize) {
        let mut sums = [[x; 4]; 2 * CHAINS];
        for _ in 0..rounds {
            for sum in sums.as_flattened_mut() {
                *sum = sum.mul_add(x, x);
            }
        }
        (sums.as_flattened().iter().sum(), rounds * 2 * CHAINS * 4)
    }
}

fn main() {
    print_peaks();
    let mut criterion = Criterion::default().configure_from_args();
    for family in [
        gemm,
        conv,
        conv_in_tiles,
        conv_i8_in_tiles,
        gemm_of_bytes,
        conv_of_bytes,
        depthwise,
        pool,
        activation,
        elementwise,
        softmax,
        normalize,
        moves,
        reductions,
        bytes::conversions,
        bytes::functions_of_bytes,
        bytes::elementwise_bytes,
        bytes::pool_bytes,
        bytes::depthwise_bytes,
        bytes::dynamic,
    ] {
        family(&mut criterion);
    }
    criterion.final_summary();
}
