use std::format;
use std::vec;
use std::vec::Vec;

use coulter_testkit::cases::cases;
use coulter_testkit::isa_coverage;
use coulter_testkit::rng::Rng;

use super::{Conv, Shape};
use crate::activation::{Function, Kind};
use crate::gemm_f32::{GemmKernel, KERNELS, PANEL, pack_panels, packed_len};
use crate::parallel::Backwards;
use crate::test_images::{Pixels, random_axis, random_ends};
use crate::window::Axis;
use crate::{IsaSet, Parallel, SingleThread, View};

/// Kernels that this processor can run.
fn kernels() -> impl Iterator<Item = &'static GemmKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

/// A convolution with its operands.
struct Case {
    shape: Shape,
    x: Pixels,
    /// `[groups][kernel_h][kernel_w][C/groups][O/groups]`.
    weights: Vec<f32>,
    packed: Vec<f32>,
    /// O numbers.
    bias: Option<Vec<f32>>,
    padded_bias: Option<Vec<f32>>,
    residual: Option<Pixels>,
    f: Function,
}

impl Case {
    fn new(rng: &mut Rng, shape: Shape) -> Self {
        let of_group = shape.outputs / shape.groups;
        let weights = rng.f32s(shape.groups * shape.depth() * of_group);
        let mut packed = vec![f32::NAN; shape.groups * packed_len(shape.depth(), of_group)];
        for group in 0..shape.groups {
            let w = &weights[group * shape.depth() * of_group..][..shape.depth() * of_group];
            let panels = &mut packed[group * packed_len(shape.depth(), of_group)..];
            pack_panels(&View::dense(w, &[shape.depth(), of_group]), panels);
        }
        let bias = rng.coin().then(|| rng.f32s(shape.outputs));
        let padded_bias = bias.as_ref().map(|bias| {
            let mut padded = vec![0.0; shape.groups * of_group.next_multiple_of(PANEL)];
            for (group, bias) in bias.chunks_exact(of_group).enumerate() {
                padded[group * of_group.next_multiple_of(PANEL)..][..of_group].copy_from_slice(bias);
            }
            padded
        });
        let inputs = shape.batch * shape.vertical.input * shape.horizontal.input;
        let x = Pixels::random(rng, inputs, shape.channels);
        let (residual, f) = random_ends(rng, shape.pixels(), shape.outputs);
        Case { shape, x, weights, packed, bias, padded_bias, residual, f }
    }

    fn random(rng: &mut Rng) -> Self {
        let kernel = rng.pick(&[[3, 3], [3, 3], [5, 5], [3, 5], [1, 1], [1, 1], [1, 9], [7, 7], [2, 4]]);
        let stride = [rng.in_range(1..=3), rng.in_range(1..=3)];
        let dilation = rng.pick(&[[1, 1], [1, 1], [2, 1], [1, 2], [3, 3]]);
        let (vertical, _) = random_axis(rng, kernel[0], stride[0], dilation[0]);
        let (horizontal, _) = random_axis(rng, kernel[1], stride[1], dilation[1]);
        let groups = rng.pick(&[1, 1, 1, 2, 3]);
        let channels = groups * rng.pick(&[1, 2, 3, 4, 7, 16, 17, 40]);
        let outputs = groups * rng.pick(&[1, 5, 15, 16, 17, 32, 33, 48, 70]);
        let batch = rng.in_range(1..=2);
        Self::new(rng, Shape { batch, vertical, horizontal, channels, outputs, groups })
    }

    /// Runs into `y`, in place when it holds the residual.
    fn run(&self, kernel: &GemmKernel, y: &mut Pixels, in_place: bool, parallel: &dyn Parallel) {
        let own = self.residual.as_ref().map(Pixels::rows);
        let mut y = y.rows_mut();
        // SAFETY: the same elements as the output's, which the kernel may be given as residual.
        let same = unsafe { View::from_raw(y.as_ptr(), &[y.rows(), y.cols()], &[y.pitch() as isize, 1]) };
        let conv = Conv {
            shape: self.shape,
            x: self.x.rows(),
            w: &self.packed,
            bias: self.padded_bias.as_deref(),
            residual: if in_place { same.rows() } else { own },
            activation: self.f,
        };
        conv.run(kernel, &mut y, parallel);
    }

    /// The exact result, and its allowed error.
    fn oracle(&self, pixel: usize, c: usize) -> (f64, f64) {
        let Shape { vertical: v, horizontal: h, channels, outputs, groups, .. } = self.shape;
        let (row, ox) = (pixel / h.output, pixel % h.output);
        let (image, oy) = (row / v.output, row % v.output);
        let (depth, of_group) = (channels / groups, outputs / groups);
        let (group, column) = (c / of_group, c % of_group);
        let bias = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[c]));
        let residual = self.residual.as_ref().map_or(0.0, |r| r.at(pixel, c));
        let (mut sum, mut size) = (bias + residual, bias.abs() + residual.abs());
        for ky in 0..v.kernel {
            for kx in 0..h.kernel {
                let (iy, ix) = (v.first(oy) + (ky * v.dilation) as isize, h.first(ox) + (kx * h.dilation) as isize);
                if !(0..v.input as isize).contains(&iy) || !(0..h.input as isize).contains(&ix) {
                    continue;
                }
                for k in 0..depth {
                    let at = (image * v.input + iy as usize) * h.input + ix as usize;
                    let x = self.x.at(at, group * depth + k);
                    let row = ((group * v.kernel + ky) * h.kernel + kx) * depth + k;
                    let term = x * f64::from(self.weights[row * of_group + column]);
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
        (y, 2.0 * (self.shape.depth() + 2) as f64 * (-24f64).exp2() * size + 1e-7)
    }

    fn check(&self, rng: &mut Rng, kernel: &GemmKernel) {
        let what = format!("{}: {:?} {:?}", kernel.name, self.shape, self.f);
        let blank = Pixels::blank(rng, self.shape.pixels(), self.shape.outputs);
        let (mut one, mut many) = (blank.clone(), blank);
        self.run(kernel, &mut one, false, &SingleThread);
        one.expect(&what, |pixel, c| self.oracle(pixel, c));
        self.run(kernel, &mut many, false, &Backwards(4));
        assert!(one.bits() == many.bits(), "{what}: threads differ");
        if let Some(residual) = &self.residual {
            let mut y = residual.to_output();
            self.run(kernel, &mut y, true, &SingleThread);
            y.expect(&what, |pixel, c| self.oracle(pixel, c));
        }
    }
}

fn axis(input: usize, kernel: usize, stride: usize, dilation: usize, pad: usize) -> Axis {
    let output = (input + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
    Axis { input, output, kernel, stride, dilation, pad }
}

#[test]
fn every_kernel_agrees_with_the_oracle() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let mut covered = Vec::new();
    for kernel in kernels() {
        let mut rng = Rng::new(1);
        for _ in 0..cases(200) {
            Case::random(&mut rng).check(&mut rng, kernel);
        }
        covered.push(kernel.isa.name());
    }
    isa_coverage::check("conv_f32", &offered, &covered);
}

#[test]
fn sums_of_many_segments_are_carried_on() {
    let shapes = [
        // Channels beyond a piece, elements of the kernel beyond the table.
        (axis(4, 3, 1, 1, 1), axis(5, 3, 1, 1, 1), 600, 40, 1),
        (axis(9, 7, 2, 1, 3), axis(8, 7, 1, 1, 3), 5, 33, 1),
        (axis(15, 7, 1, 2, 6), axis(9, 7, 1, 1, 3), 34, 20, 2),
        // Long rows of the kernel, inside and partly in the padding.
        (axis(1, 1, 1, 1, 0), axis(2000, 512, 100, 1, 256), 1, 50, 1),
        (axis(1, 1, 1, 1, 0), axis(300, 200, 13, 1, 190), 4, 18, 1),
        (axis(3, 2, 1, 1, 0), axis(500, 300, 20, 1, 20), 1, 18, 1),
        // Padding beyond the kernel.
        (axis(3, 2, 1, 1, 5), axis(3, 3, 1, 2, 7), 3, 17, 1),
    ];
    let mut rng = Rng::new(3);
    for kernel in kernels() {
        for (vertical, horizontal, channels, outputs, groups) in shapes {
            for batch in [1, 2] {
                let shape = Shape { batch, vertical, horizontal, channels, outputs, groups };
                Case::new(&mut rng, shape).check(&mut rng, kernel);
            }
        }
    }
}

#[test]
fn what_is_not_finite_reaches_the_outputs_that_see_it() {
    let shape = Shape {
        batch: 1,
        vertical: axis(5, 3, 1, 1, 1),
        horizontal: axis(6, 3, 1, 1, 1),
        channels: 1,
        outputs: 3,
        groups: 1,
    };
    for kernel in kernels() {
        let mut x = vec![1.0; 30];
        x[6] = f32::NAN;
        let w = vec![1.0; 9 * PANEL];
        let mut y = vec![0.0; 90];
        let (x, out) = (crate::Rows::of(&x, 30, 1, 1), &mut crate::RowsMut::of(&mut y, 30, 3, 3));
        let conv = Conv { shape, x, w: &w, bias: None, residual: None, activation: Function::RELU6 };
        conv.run(kernel, out, &SingleThread);
        for (i, y) in y.iter().enumerate() {
            let (row, col) = (i / 18, i / 3 % 6);
            assert_eq!(y.is_nan(), row <= 2 && col <= 1, "{} at {row}, {col}: {y}", kernel.name);
        }
    }
}
