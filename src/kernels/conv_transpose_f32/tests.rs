use std::format;
use std::vec::Vec;

use coulter_testkit::isa_coverage;
use coulter_testkit::rng::Rng;

use super::{ConvTransposeKernel, KERNELS, Operands, Shape};
use crate::activation::{Function, Kind};
use crate::parallel::Backwards;
use crate::test_images::Pixels;
use crate::window::Axis;
use crate::{IsaSet, Parallel, SingleThread, activation_f32};

/// Kernels that this processor can run.
fn kernels() -> impl Iterator<Item = &'static ConvTransposeKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

/// A transposed convolution with its operands.
struct Case {
    shape: Shape,
    x: Pixels,
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
    f: Function,
}

fn random_axis(rng: &mut Rng) -> Axis {
    loop {
        let (kernel, stride, dilation) = (rng.in_range(1..=5), rng.in_range(1..=3), rng.in_range(1..=2));
        let input = rng.in_range(1..=9);
        let full = (input - 1) * stride + dilation * (kernel - 1) + 1 + rng.in_range(0..=2);
        let (pad, after) = (rng.in_range(0..=4), rng.in_range(0..=4));
        if full > pad + after {
            return Axis { input, output: full - pad - after, kernel, stride, dilation, pad };
        }
    }
}

impl Case {
    fn random(rng: &mut Rng) -> Self {
        let groups = rng.pick(&[1, 1, 2, 3]);
        let channels = groups * rng.pick(&[1, 2, 4, 7, 8, 15, 16, 17, 33]);
        let outputs = groups * rng.pick(&[1, 3, 4, 5, 8]);
        let (vertical, horizontal) = (random_axis(rng), random_axis(rng));
        let shape = Shape { batch: rng.in_range(1..=2), vertical, horizontal, channels, outputs, groups };
        Case {
            shape,
            x: Pixels::random(rng, shape.batch * vertical.input * horizontal.input, channels),
            weights: rng.f32s(vertical.kernel * horizontal.kernel * outputs * channels / groups),
            bias: rng.coin().then(|| rng.f32s(outputs)),
            f: rng.pick(&[Function::IDENTITY, Function::RELU, Function::new(Kind::Abs)]),
        }
    }

    fn blank(&self, rng: &mut Rng) -> Pixels {
        let Shape { batch, vertical, horizontal, outputs, .. } = self.shape;
        Pixels::blank(rng, batch * vertical.output * horizontal.output, outputs)
    }

    fn run(&self, kernel: &ConvTransposeKernel, y: &mut Pixels, parallel: &dyn Parallel) {
        let (x, bias) = (self.x.rows(), self.bias.as_deref());
        let operands = Operands { x, weights: &self.weights, bias, y: y.rows_mut() };
        kernel.apply(&self.shape, &operands, &self.f, activation_f32::select(IsaSet::detect()), parallel);
    }

    /// All sums with the sums of their terms' magnitudes, by output pixel and channel: every input element is
    /// scattered to the outputs that it reaches.
    fn oracle(&self) -> Vec<(f64, f64)> {
        let Shape { batch, vertical: v, horizontal: h, channels, outputs, groups } = self.shape;
        let (depth, width) = (channels / groups, outputs / groups);
        let bias = |o: usize| self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[o]));
        let mut y: Vec<_> = (0..batch * v.output * h.output * outputs).map(|i| (bias(i % outputs), 1.0)).collect();
        let target = |axis: &Axis, i: usize, k: usize| {
            let o = (i * axis.stride + k * axis.dilation).checked_sub(axis.pad)?;
            (o < axis.output).then_some(o)
        };
        for (n, iy, ix) in
            (0..batch * v.input * h.input).map(|i| (i / h.input / v.input, i / h.input % v.input, i % h.input))
        {
            for (ky, kx) in (0..v.kernel * h.kernel).map(|k| (k / h.kernel, k % h.kernel)) {
                let (Some(oy), Some(ox)) = (target(&v, iy, ky), target(&h, ix, kx)) else { continue };
                for (o, c) in (0..outputs * depth).map(|i| (i / depth, i % depth)) {
                    let (group, o_in_group) = (o / width, o % width);
                    let tap = (group * v.kernel + ky) * h.kernel + kx;
                    let w = f64::from(self.weights[(tap * width + o_in_group) * depth + c]);
                    let term = w * self.x.at((n * v.input + iy) * h.input + ix, group * depth + c);
                    let y = &mut y[((n * v.output + oy) * h.output + ox) * outputs + o];
                    *y = (y.0 + term, y.1 + term.abs());
                }
            }
        }
        y
    }
}

#[test]
fn every_kernel_agrees_with_the_oracle() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let mut covered = Vec::new();
    for kernel in kernels() {
        let mut rng = Rng::new(5);
        for i in 0..300 {
            let case = Case::random(&mut rng);
            let expected = case.oracle();
            let mut y = case.blank(&mut rng);
            case.run(kernel, &mut y, &SingleThread);
            let what = format!("{} case {i}: {:?} {:?}", kernel.name, case.shape, case.f);
            y.expect(&what, |pixel, c| {
                let (sum, size) = expected[pixel * case.shape.outputs + c];
                let y = match case.f.kind {
                    Kind::Identity => sum,
                    Kind::Clamp => sum.max(0.0),
                    _ => sum.abs(),
                };
                (y, size * 1e-6)
            });
        }
        covered.push(kernel.isa.name());
    }
    isa_coverage::check("conv_transpose_f32", &offered, &covered);
}

#[test]
fn order_and_number_of_tasks_do_not_matter() {
    for kernel in kernels() {
        let mut rng = Rng::new(6);
        for _ in 0..150 {
            let case = Case::random(&mut rng);
            let blank = case.blank(&mut rng);
            let (mut one, mut many) = (blank.clone(), blank);
            case.run(kernel, &mut one, &SingleThread);
            case.run(kernel, &mut many, &Backwards(4));
            assert!(one.bits() == many.bits(), "{}: {:?}", kernel.name, case.shape);
        }
    }
}
