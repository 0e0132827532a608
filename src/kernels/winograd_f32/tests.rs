use std::format;
use std::vec;
use std::vec::Vec;

use coulter_testkit::cases::cases;
use coulter_testkit::isa_coverage;
use coulter_testkit::rng::Rng;

use super::{KERNELS, POINTS, WinogradKernel, packed_len, scratch_len};
use crate::activation::{Function, Kind};
use crate::conv_f32::{Conv, Shape};
use crate::gemm_f32::{GemmKernel, PANEL, select};
use crate::parallel::Backwards;
use crate::test_images::{Pixels, random_axis, random_ends};
use crate::window::Axis;
use crate::winograd::{SPAN, TILE};
use crate::{IsaSet, Parallel, SingleThread, View};

const R: f64 = core::f64::consts::SQRT_2;

/// G, Bᵀ and Aᵀ of the plan's operator.
const G: [[f64; 3]; SPAN] = [
    [1.0, 0.0, 0.0],
    [-2.0 / 3.0, -R / 3.0, -1.0 / 3.0],
    [-2.0 / 3.0, R / 3.0, -1.0 / 3.0],
    [1.0 / 6.0, R / 6.0, 1.0 / 3.0],
    [1.0 / 6.0, -R / 6.0, 1.0 / 3.0],
    [0.0, 0.0, 1.0],
];
const B: [[f64; SPAN]; SPAN] = [
    [1.0, 0.0, -2.5, 0.0, 1.0, 0.0],
    [0.0, -R, -2.0, R / 2.0, 1.0, 0.0],
    [0.0, R, -2.0, -R / 2.0, 1.0, 0.0],
    [0.0, -R / 2.0, -0.5, R, 1.0, 0.0],
    [0.0, R / 2.0, -0.5, -R, 1.0, 0.0],
    [0.0, 1.0, 0.0, -2.5, 0.0, 1.0],
];
const A: [[f64; SPAN]; TILE] = [
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    [0.0, R / 2.0, -R / 2.0, R, -R, 0.0],
    [0.0, 0.5, 0.5, 2.0, 2.0, 0.0],
    [0.0, R / 4.0, -R / 4.0, 2.0 * R, -2.0 * R, 1.0],
];

/// Kernels that this processor can run, each with one that multiplies for the same instruction set.
fn kernels() -> impl Iterator<Item = (&'static WinogradKernel, &'static GemmKernel)> {
    let detected = IsaSet::detect();
    let of = move |k: &&'static WinogradKernel| detected.contains(k.isa).then(|| (*k, select(detected.capped(k.isa))));
    KERNELS.iter().filter_map(of)
}

/// A convolution with its operands.
struct Case {
    shape: Shape,
    x: Pixels,
    /// `[3][3][C][O]`.
    weights: Vec<f32>,
    packed: Vec<f32>,
    bias: Option<Vec<f32>>,
    residual: Option<Pixels>,
    f: Function,
}

impl Case {
    fn new(rng: &mut Rng, shape: Shape) -> Self {
        let (channels, outputs) = (shape.channels, shape.outputs);
        let weights = rng.f32s(9 * channels * outputs);
        let mut packed = vec![f32::NAN; packed_len(channels, outputs)];
        for (point, k, o) in indices([POINTS, channels, outputs]) {
            let u = (0..9).map(|t| transformed(point, t) * f64::from(weights[(t * channels + k) * outputs + o]));
            let at = ((point * outputs + o / PANEL * PANEL) * channels) + k * PANEL + o % PANEL;
            packed[at] = u.sum::<f64>() as f32;
        }
        let pixels = shape.batch * shape.vertical.input * shape.horizontal.input;
        let x = Pixels::random(rng, pixels, channels);
        let bias = rng.coin().then(|| rng.f32s(outputs));
        let (residual, f) = random_ends(rng, shape.pixels(), outputs);
        Case { shape, x, weights, packed, bias, residual, f }
    }

    fn random(rng: &mut Rng) -> Self {
        let (vertical, horizontal) = (random_axis(rng, 3, 1, 1).0, random_axis(rng, 3, 1, 1).0);
        let (channels, outputs) = (rng.pick(&[16, 16, 32, 48]), rng.pick(&[16, 32, 48, 80]));
        let batch = rng.in_range(1..=2);
        Self::new(rng, Shape { batch, vertical, horizontal, channels, outputs, groups: 1 })
    }

    /// Runs into `y`, in place when it holds the residual, with room for so many tiles.
    fn run(
        &self,
        (kernel, gemm): (&WinogradKernel, &GemmKernel),
        y: &mut Pixels,
        in_place: bool,
        tiles: usize,
        parallel: &dyn Parallel,
    ) {
        let own = self.residual.as_ref().map(Pixels::rows);
        let mut y = y.rows_mut();
        // SAFETY: the same elements as the output's, which the kernel may be given as residual.
        let same = unsafe { View::from_raw(y.as_ptr(), &[y.rows(), y.cols()], &[y.pitch() as isize, 1]) };
        let conv = Conv {
            shape: self.shape,
            x: self.x.rows(),
            w: &self.packed,
            bias: self.bias.as_deref(),
            residual: if in_place { same.rows() } else { own },
            activation: self.f,
        };
        let mut scratch = vec![f32::NAN; tiles * scratch_len(self.shape.channels, self.shape.outputs) + 5];
        kernel.run(gemm, &conv, &mut y, &mut scratch, parallel);
    }

    /// For each output its exact value and the allowed error.
    fn oracle(&self) -> Vec<(f64, f64)> {
        let Shape { vertical: v, horizontal: h, channels, outputs, .. } = self.shape;
        let rounding = (channels + 20) as f64 * (-24f64).exp2();
        let (mut all, mut sizes) = (Vec::new(), Vec::new());
        for (pixel, o) in (0..self.shape.pixels()).flat_map(|pixel| (0..outputs).map(move |o| (pixel, o))) {
            let (line, column) = (pixel / h.output, pixel % h.output);
            let (image, line) = (line / v.output, line % v.output);
            let patch = |line: usize, column: usize, k: usize| {
                let (iy, ix) = (v.first(line), h.first(column));
                let inside = (0..v.input as isize).contains(&iy) && (0..h.input as isize).contains(&ix);
                let at = (image * v.input).wrapping_add_signed(iy).wrapping_mul(h.input).wrapping_add_signed(ix);
                if inside { self.x.at(at, k) } else { 0.0 }
            };
            if o == 0 {
                let (line, column) = (line / TILE * TILE, column / TILE * TILE);
                sizes = (0..channels).map(|k| size_of(|i, j| patch(line + i, column + j, k))).collect();
            }
            let bias = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[o]));
            let residual = self.residual.as_ref().map_or(0.0, |r| r.at(pixel, o));
            let (mut sum, mut size) = (bias + residual, bias.abs() + residual.abs());
            for (t, k) in (0..9).flat_map(|t| (0..channels).map(move |k| (t, k))) {
                let w = f64::from(self.weights[(t * channels + k) * outputs + o]);
                sum += patch(line + t / 3, column + t % 3, k) * w;
            }
            for point in 0..POINTS {
                let a = A[line % TILE][point / SPAN].abs() * A[column % TILE][point % SPAN].abs();
                for (k, sizes) in sizes.iter().enumerate() {
                    let at = ((point * outputs + o / PANEL * PANEL) * channels) + k * PANEL + o % PANEL;
                    size += a * f64::from(self.packed[at].abs()) * sizes[point];
                }
            }
            let y = match self.f.kind {
                Kind::Identity => sum,
                Kind::Clamp => sum.max(f64::from(self.f.a)).min(f64::from(self.f.b)),
                _ => sum * (sum / 6.0 + 0.5).clamp(0.0, 1.0),
            };
            all.push((y, 1.5 * rounding * size + 1e-7));
        }
        all
    }

    fn check(&self, rng: &mut Rng) {
        let oracle = self.oracle();
        let expected = |pixel: usize, o: usize| oracle[pixel * self.shape.outputs + o];
        kernels().for_each(|kernels| self.check_kernel(rng, kernels, expected));
    }

    fn check_kernel(
        &self,
        rng: &mut Rng,
        kernels: (&WinogradKernel, &GemmKernel),
        expected: impl Fn(usize, usize) -> (f64, f64),
    ) {
        let what = format!("{}: {:?} {:?}", kernels.0.name, self.shape, self.f);
        let blank = Pixels::blank(rng, self.shape.pixels(), self.shape.outputs);
        let mut one = blank.clone();
        self.run(kernels, &mut one, false, 1, &SingleThread);
        one.expect(&what, &expected);
        for (tiles, threads) in [(3, 1), (50, 1), (2, 4), (9, 3)] {
            let mut many = blank.clone();
            self.run(kernels, &mut many, false, tiles, &Backwards(threads));
            assert!(one.bits() == many.bits(), "{what}: room for {tiles} tiles, {threads} threads differ");
        }
        if let Some(residual) = &self.residual {
            let mut y = residual.to_output();
            self.run(kernels, &mut y, true, 4, &SingleThread);
            y.expect(&what, &expected);
        }
    }
}

/// All indices of three dimensions.
fn indices([a, b, c]: [usize; 3]) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |i| (i / (b * c), i / c % b, i % c))
}

/// How much weight `t` of a kernel adds to element `point` of U.
fn transformed(point: usize, t: usize) -> f64 {
    G[point / SPAN][t / 3] * G[point % SPAN][t % 3]
}

/// |Bᵀ|·|d|·|B|
fn size_of(d: impl Fn(usize, usize) -> f64) -> [f64; POINTS] {
    core::array::from_fn(|point| {
        let of = |i: usize, j: usize| B[point / SPAN][i].abs() * d(i, j).abs() * B[point % SPAN][j].abs();
        indices([1, SPAN, SPAN]).map(|(_, i, j)| of(i, j)).sum()
    })
}

#[test]
fn every_kernel_agrees_with_the_oracle() {
    let mut rng = Rng::new(1);
    for _ in 0..cases(24) {
        Case::random(&mut rng).check(&mut rng);
    }
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|(k, _)| k.isa.name()).collect();
    isa_coverage::check("winograd_f32", &offered, &covered);
}

#[test]
fn sums_of_many_channels() {
    let mut rng = Rng::new(2);
    let (vertical, horizontal) = (random_axis(&mut rng, 3, 1, 1).0, random_axis(&mut rng, 3, 1, 1).0);
    let shape = Shape { batch: 1, vertical, horizontal, channels: 272, outputs: 16, groups: 1 };
    Case::new(&mut rng, shape).check(&mut rng);
}

#[test]
fn padding_beyond_the_kernel_is_zero() {
    let mut rng = Rng::new(3);
    let axis = Axis { input: 2, output: 19, kernel: 3, stride: 1, dilation: 1, pad: 9 };
    let shape = Shape { batch: 2, vertical: axis, horizontal: axis, channels: 16, outputs: 16, groups: 1 };
    Case::new(&mut rng, shape).check(&mut rng);
}

#[test]
fn no_images_are_no_work() {
    let mut rng = Rng::new(4);
    let axis = random_axis(&mut rng, 3, 1, 1).0;
    let shape = Shape { batch: 0, vertical: axis, horizontal: axis, channels: 16, outputs: 16, groups: 1 };
    Case::new(&mut rng, shape).check(&mut rng);
}
