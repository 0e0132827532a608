use std::format;
use std::vec::Vec;

use coulter_testkit::isa_coverage;
use coulter_testkit::rng::Rng;

use super::{DepthwiseKernel, KERNELS, Operands, PANEL, Shape};
use crate::activation::{Function, Kind};
use crate::parallel::Backwards;
use crate::test_images::{Pixels, random_axis};
use crate::{IsaSet, Parallel, SingleThread, activation_f32};

/// Kernels that this processor can run.
fn kernels() -> impl Iterator<Item = &'static DepthwiseKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

/// A convolution with its operands.
struct Case {
    shape: Shape,
    x: Pixels,
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
    residual: Option<Pixels>,
    f: Function,
}

impl Case {
    fn random(rng: &mut Rng) -> Self {
        let kernel = rng.pick(&[[3, 3], [3, 3], [5, 5], [3, 5], [5, 3], [1, 1], [1, 3], [7, 7], [2, 4]]);
        let stride = [rng.in_range(1..=3), rng.in_range(1..=3)];
        let dilation = rng.pick(&[[1, 1], [1, 1], [2, 1], [1, 2], [3, 3]]);
        let channels = rng.pick(&[1, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 48, 70]);
        let (vertical, _) = random_axis(rng, kernel[0], stride[0], dilation[0]);
        let (horizontal, _) = random_axis(rng, kernel[1], stride[1], dilation[1]);
        let shape = Shape { batch: rng.in_range(1..=2), vertical, horizontal, channels };
        let (inputs, outputs) = (vertical.input * horizontal.input, vertical.output * horizontal.output);
        let padded = channels.next_multiple_of(PANEL);
        let pad_panel = |mut values: Vec<f32>| {
            for (i, v) in values.iter_mut().enumerate() {
                *v = if i % padded < channels { *v } else { 0.0 };
            }
            values
        };
        Case {
            shape,
            x: Pixels::random(rng, shape.batch * inputs, channels),
            weights: pad_panel(rng.f32s(kernel[0] * kernel[1] * padded)),
            bias: rng.coin().then(|| pad_panel(rng.f32s(padded))),
            residual: rng.coin().then(|| Pixels::random(rng, shape.batch * outputs, channels)),
            f: rng.pick(&[
                Function::IDENTITY,
                Function::RELU,
                Function { kind: Kind::Clamp, a: -0.25, b: 0.5 },
                Function::new(Kind::HardSwish),
            ]),
        }
    }

    /// Runs into `y`, in place when it holds the residual.
    fn run(&self, kernel: &DepthwiseKernel, y: &mut Pixels, in_place: bool, parallel: &dyn Parallel) {
        let own = self.residual.as_ref().map(Pixels::rows);
        let y = y.rows_mut();
        // SAFETY: the same elements as the output's, which the kernel may be given as residual.
        let same = unsafe { crate::View::from_raw(y.as_ptr(), &[y.rows(), y.cols()], &[y.pitch() as isize, 1]) };
        let residual = if in_place { same.rows() } else { own };
        let operands = Operands { x: self.x.rows(), weights: &self.weights, bias: self.bias.as_deref(), residual, y };
        let activation = activation_f32::select(IsaSet::detect());
        kernel.apply(&self.shape, &operands, &self.f, activation, parallel);
    }

    /// The exact result, and the sum of the terms' magnitudes.
    fn oracle(&self, pixel: usize, c: usize) -> (f64, f64) {
        let Shape { vertical: v, horizontal: h, channels, .. } = self.shape;
        let (row, ox) = (pixel / h.output, pixel % h.output);
        let (image, oy) = (row / v.output, row % v.output);
        let padded = channels.next_multiple_of(PANEL);
        let bias = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[c]));
        let residual = self.residual.as_ref().map_or(0.0, |r| r.at(pixel, c));
        let (mut sum, mut size) = (bias + residual, bias.abs() + residual.abs());
        for ky in 0..v.kernel {
            for kx in 0..h.kernel {
                let (iy, ix) = (v.first(oy) + (ky * v.dilation) as isize, h.first(ox) + (kx * h.dilation) as isize);
                if (0..v.input as isize).contains(&iy) && (0..h.input as isize).contains(&ix) {
                    let x = self.x.at((image * v.input + iy as usize) * h.input + ix as usize, c);
                    let term = x * f64::from(self.weights[(ky * h.kernel + kx) * padded + c]);
                    sum += term;
                    size += term.abs();
                }
            }
        }
        let y = match self.f.kind {
            Kind::Identity => sum,
            Kind::Clamp => sum.max(f64::from(self.f.a)).min(f64::from(self.f.b)),
            _ => sum * (sum / 6.0 + 0.5).clamp(0.0, 1.0),
        };
        (y, size * 1e-6 + 1e-6)
    }
}

#[test]
fn every_kernel_agrees_with_the_oracle() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let mut covered = Vec::new();
    for kernel in kernels() {
        let mut rng = Rng::new(1);
        for i in 0..400 {
            let case = Case::random(&mut rng);
            let what = format!("{} case {i}: {:?} {:?}", kernel.name, case.shape, case.f);
            let outputs = case.shape.batch * case.shape.vertical.output * case.shape.horizontal.output;
            let mut y = Pixels::blank(&mut rng, outputs, case.shape.channels);
            case.run(kernel, &mut y, false, &SingleThread);
            y.expect(&what, |pixel, c| case.oracle(pixel, c));
            if let Some(residual) = &case.residual {
                let mut y = residual.to_output();
                case.run(kernel, &mut y, true, &SingleThread);
                y.expect(&what, |pixel, c| case.oracle(pixel, c));
            }
        }
        covered.push(kernel.isa.name());
    }
    isa_coverage::check("depthwise_f32", &offered, &covered);
}

#[test]
fn order_and_number_of_tasks_do_not_matter() {
    for kernel in kernels() {
        let mut rng = Rng::new(2);
        for _ in 0..200 {
            let case = Case::random(&mut rng);
            let outputs = case.shape.batch * case.shape.vertical.output * case.shape.horizontal.output;
            let blank = Pixels::blank(&mut rng, outputs, case.shape.channels);
            let (mut one, mut many) = (blank.clone(), blank);
            case.run(kernel, &mut one, false, &SingleThread);
            case.run(kernel, &mut many, false, &Backwards(4));
            assert!(one.bits() == many.bits(), "{}: {:?}", kernel.name, case.shape);
        }
    }
}
