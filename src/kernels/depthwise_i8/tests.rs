use std::format;
use std::vec;
use std::vec::Vec;

use coulter_testkit::cases::cases;
use coulter_testkit::isa_coverage;
use coulter_testkit::rng::Rng;

use super::{DepthwiseKernel, KERNELS, Operands, PANEL, QUAD, Shape};
use crate::parallel::Backwards;
use crate::test_epilogues::{Bytes, Ends, own_rows, random_weights};
use crate::test_images::random_axis;
use crate::window::Axis;
use crate::{IsaSet, Parallel, SingleThread};

/// Channel counts at, and on both sides of, what vectors hold.
const CHANNELS: [usize; 34] = [
    1, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 47, 48, 49, 56, 63, 64, 65, 70, 72, 80, 88, 96, 100, 112, 120, 128,
    129, 144, 200, 240, 255,
];

/// Kernels that this processor can run.
fn kernels() -> impl Iterator<Item = &'static DepthwiseKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

/// A convolution with its operands.
struct Case {
    shape: Shape,
    x: Bytes,
    x_zero: u8,
    w_zero: i32,
    packed: Vec<i8>,
    ends: Ends,
    /// Without bias.
    sums: Vec<i64>,
}

impl Case {
    fn new(rng: &mut Rng, shape: Shape, w_zero: i32) -> Self {
        let Shape { batch, vertical: v, horizontal: h, channels } = shape;
        let (taps, padded) = (v.kernel * h.kernel, channels.next_multiple_of(PANEL));
        // `[taps][channels]`.
        let weights = random_weights(rng, taps * channels);
        let mut packed = vec![0; v.kernel.div_ceil(QUAD) * h.kernel * padded * QUAD];
        for (i, &w) in weights.iter().enumerate() {
            let (ky, kx, c) = (i / channels / h.kernel, i / channels % h.kernel, i % channels);
            packed[((ky / QUAD * h.kernel + kx) * padded + c) * QUAD + ky % QUAD] = w;
        }
        let pixels = batch * v.output * h.output;
        let mut case = Case {
            shape,
            x: Bytes::random(rng, batch * v.input * h.input, channels),
            x_zero: rng.pick(&[0, 7, 128, 255]),
            w_zero,
            packed,
            ends: Ends::random(rng, taps, pixels, channels, 1),
            sums: Vec::new(),
        };
        case.sums = (0..pixels * channels).map(|i| case.sum(i / channels, i % channels, &weights)).collect();
        case
    }

    fn sum(&self, pixel: usize, c: usize, weights: &[i8]) -> i64 {
        let Shape { vertical: v, horizontal: h, channels, .. } = self.shape;
        let (row, ox) = (pixel / h.output, pixel % h.output);
        let (image, oy) = (row / v.output, row % v.output);
        let mut sum = 0;
        for tap in 0..v.kernel * h.kernel {
            let iy = v.first(oy) + (tap / h.kernel * v.dilation) as isize;
            let ix = h.first(ox) + (tap % h.kernel * h.dilation) as isize;
            let inside = (0..v.input as isize).contains(&iy) && (0..h.input as isize).contains(&ix);
            let at = |y: isize, x: isize| (image * v.input + y as usize) * h.input + x as usize;
            let x = if inside { self.x.at(at(iy, ix), c) } else { self.x_zero };
            sum += i64::from(x) * (i64::from(weights[tap * channels + c]) - i64::from(self.w_zero));
        }
        sum
    }

    /// Of a shape that kernels have ways of their own for.
    fn usual(rng: &mut Rng) -> Self {
        let (kernel, stride) = (rng.pick(&[3, 3, 5]), rng.in_range(1..=2));
        let (vertical, _) = random_axis(rng, kernel, stride, 1);
        let (horizontal, _) = random_axis(rng, kernel, stride, 1);
        let (batch, channels) = (rng.in_range(1..=2), rng.pick(&CHANNELS));
        let w_zero = rng.pick(&[0, 0, 0, 5, -128, 127]);
        let mut case = Self::new(rng, Shape { batch, vertical, horizontal, channels }, w_zero);
        case.ends.residual = case.ends.residual.filter(|_| rng.in_range(0..=4) == 0);
        case
    }

    /// Of any shape.
    fn random(rng: &mut Rng) -> Self {
        let kernel = rng.pick(&[[3, 3], [5, 5], [3, 5], [5, 3], [1, 1], [1, 3], [7, 7], [2, 4], [9, 2], [4, 1]]);
        let stride = [rng.in_range(1..=3), rng.in_range(1..=3)];
        let dilation = rng.pick(&[[1, 1], [2, 1], [1, 2], [3, 3]]);
        let (vertical, _) = random_axis(rng, kernel[0], stride[0], dilation[0]);
        let (horizontal, _) = random_axis(rng, kernel[1], stride[1], dilation[1]);
        let (batch, channels) = (rng.in_range(1..=2), rng.pick(&CHANNELS));
        let w_zero = rng.pick(&[0, 0, -128, 5, 127]);
        Self::new(rng, Shape { batch, vertical, horizontal, channels }, w_zero)
    }

    fn run(&self, kernel: &DepthwiseKernel, y: &mut Bytes, in_place: bool, parallel: &dyn Parallel) {
        let y = y.rows_mut();
        let operands = Operands {
            x: self.x.rows(),
            x_zero: self.x_zero,
            weights: &self.packed,
            w_zero: self.w_zero,
            epilogue: self.ends.epilogue(in_place.then(|| own_rows(&y))),
            y,
        };
        kernel.apply(&self.shape, &operands, parallel);
    }

    fn check(&self, rng: &mut Rng, kernel: &DepthwiseKernel) {
        let what = format!("{}: {:?}, w_zero {}, {:?}", kernel.name, self.shape, self.w_zero, self.ends);
        let Shape { batch, vertical, horizontal, channels } = self.shape;
        let expected = |pixel, c| self.ends.expected(pixel, c, self.sums[pixel * channels + c]);
        let blank = Bytes::blank(rng, batch * vertical.output * horizontal.output, channels);
        let (mut one, mut many) = (blank.clone(), blank);
        self.run(kernel, &mut one, false, &SingleThread);
        one.expect(&what, expected);
        self.run(kernel, &mut many, false, &Backwards(4));
        assert!(one == many, "{what}: threads differ");
        if let Some((residual, _)) = &self.ends.residual {
            let mut y = residual.clone();
            self.run(kernel, &mut y, true, &SingleThread);
            y.expect(&what, expected);
        }
    }
}

#[test]
fn every_kernel_gives_the_contracts_bytes() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let mut covered = Vec::new();
    for kernel in kernels() {
        let mut rng = Rng::new(1);
        for _ in 0..cases(150) {
            Case::random(&mut rng).check(&mut rng, kernel);
            Case::usual(&mut rng).check(&mut rng, kernel);
        }
        covered.push(kernel.isa.name());
    }
    isa_coverage::check("depthwise_i8", &offered, &covered);
}

fn axis(input: usize, kernel: usize, stride: usize, pad: usize) -> Axis {
    Axis { input, output: (input + 2 * pad - kernel) / stride + 1, kernel, stride, dilation: 1, pad }
}

#[test]
fn borders_and_lengths_of_all_kinds() {
    for kernel in kernels() {
        let mut rng = Rng::new(2);
        for (size, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            for (height, width, channels) in
                [(1, 1, 64), (1, 40, 16), (40, 1, 8), (2, 3, 48), (9, 75, 64), (17, 37, 40)]
            {
                for pad in [size / 2, size - 1, size + 1] {
                    let (vertical, horizontal) = (axis(height, size, stride, pad), axis(width, size, stride, pad));
                    let shape = Shape { batch: 1, vertical, horizontal, channels };
                    Case::new(&mut rng, shape, 0).check(&mut rng, kernel);
                }
            }
        }
    }
}

#[test]
fn multipliers_beyond_all_bytes() {
    let shape = Shape { batch: 1, vertical: axis(6, 3, 1, 1), horizontal: axis(6, 3, 1, 1), channels: 70 };
    for kernel in kernels() {
        let mut rng = Rng::new(3);
        for multiplier in [1.0, -0.5, 3e4, -3e4, 1e30, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE] {
            for _ in 0..4 {
                let mut case = Case::new(&mut rng, shape, 0);
                case.ends.residual = None;
                case.ends.scale_by(multiplier);
                case.check(&mut rng, kernel);
            }
        }
    }
}
