use std::format;
use std::vec::Vec;

use coulter_testkit::isa_coverage;
use coulter_testkit::rng::Rng;

use super::{KERNELS, Kind, PoolKernel, Shape};
use crate::activation::{Function, Kind as FunctionKind};
use crate::parallel::Backwards;
use crate::test_images::{Pixels, random_axis};
use crate::window::Axis;
use crate::{IsaSet, Parallel, SingleThread, activation_f32};

/// Kernels that this processor can run.
fn kernels() -> impl Iterator<Item = &'static PoolKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

/// A pooling with its input.
struct Case {
    shape: Shape,
    x: Pixels,
    f: Function,
}

/// One more position, as ceil mode has where it begins inside the input or the padding before it.
fn with_ceil(axis: Axis, rng: &mut Rng) -> Axis {
    let inside = axis.output * axis.stride < axis.input + axis.pad;
    if inside && rng.coin() { Axis { output: axis.output + 1, ..axis } } else { axis }
}

impl Case {
    fn random(rng: &mut Rng) -> Self {
        let kernel = rng.pick(&[[3, 3], [2, 2], [3, 2], [1, 1], [5, 4], [1, 6]]);
        let dilation = rng.pick(&[[1, 1], [1, 1], [2, 1], [1, 2], [3, 3]]);
        let (stride, global) = ([rng.in_range(1..=3), rng.in_range(1..=3)], rng.in_range(0..=4) == 0);
        let (mut vertical, bottom) = random_axis(rng, kernel[0], stride[0], dilation[0]);
        let (mut horizontal, right) = random_axis(rng, kernel[1], stride[1], dilation[1]);
        let mut pad_after = [bottom, right];
        if global {
            let whole = |input| Axis { input, output: 1, kernel: input, stride: 1, dilation: 1, pad: 0 };
            (vertical, horizontal, pad_after) = (whole(vertical.input), whole(horizontal.input), [0, 0]);
        } else {
            (vertical, horizontal) = (with_ceil(vertical, rng), with_ceil(horizontal, rng));
        }
        let kind = rng.pick(&[Kind::Max, Kind::Average, Kind::AverageWithPad]);
        let channels = rng.pick(&[1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 70, 140]);
        let shape = Shape { kind, batch: rng.in_range(1..=2), vertical, horizontal, pad_after, channels };
        let x = Pixels::random(rng, shape.batch * vertical.input * horizontal.input, channels);
        let clamp = Function { kind: FunctionKind::Clamp, a: -0.25, b: 0.5 };
        Case { shape, x, f: rng.pick(&[Function::IDENTITY, clamp, Function::new(FunctionKind::Square)]) }
    }

    fn blank(&self, rng: &mut Rng) -> Pixels {
        let Shape { batch, vertical, horizontal, channels, .. } = self.shape;
        Pixels::blank(rng, batch * vertical.output * horizontal.output, channels)
    }

    fn run(&self, kernel: &PoolKernel, y: &mut Pixels, parallel: &dyn Parallel) {
        let activation = activation_f32::select(IsaSet::detect());
        kernel.apply(&self.shape, self.x.rows(), &mut y.rows_mut(), &self.f, activation, parallel);
    }

    fn oracle(&self, pixel: usize, c: usize) -> (f64, f64) {
        let Shape { kind, vertical: v, horizontal: h, pad_after, .. } = self.shape;
        let (row, ox) = (pixel / h.output, pixel % h.output);
        let (image, oy) = (row / v.output, row % v.output);
        let (mut sum, mut greatest, mut inside, mut padded) = (0.0, f64::NEG_INFINITY, 0, 0);
        for ky in 0..v.kernel {
            for kx in 0..h.kernel {
                let (iy, ix) = (v.first(oy) + (ky * v.dilation) as isize, h.first(ox) + (kx * h.dilation) as isize);
                if iy < (v.input + pad_after[0]) as isize && ix < (h.input + pad_after[1]) as isize {
                    padded += 1;
                }
                if (0..v.input as isize).contains(&iy) && (0..h.input as isize).contains(&ix) {
                    let x = self.x.at((image * v.input + iy as usize) * h.input + ix as usize, c);
                    sum += x;
                    greatest = x.max(greatest);
                    inside += 1;
                }
            }
        }
        let y = match kind {
            Kind::Max => greatest,
            Kind::Average => sum / f64::from(inside.max(1)),
            Kind::AverageWithPad => sum / f64::from(padded),
        };
        let y = match self.f.kind {
            FunctionKind::Identity => y,
            FunctionKind::Clamp => y.max(f64::from(self.f.a)).min(f64::from(self.f.b)),
            _ => y * y,
        };
        (y, if kind == Kind::Max && self.f.kind != FunctionKind::Square { 0.0 } else { 1e-6 })
    }
}

#[test]
fn every_kernel_agrees_with_the_oracle() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let mut covered = Vec::new();
    for kernel in kernels() {
        let mut rng = Rng::new(3);
        for i in 0..400 {
            let case = Case::random(&mut rng);
            let mut y = case.blank(&mut rng);
            case.run(kernel, &mut y, &SingleThread);
            let what = format!("{} case {i}: {:?} {:?}", kernel.name, case.shape, case.f);
            y.expect(&what, |pixel, c| case.oracle(pixel, c));
        }
        covered.push(kernel.isa.name());
    }
    isa_coverage::check("pool_f32", &offered, &covered);
}

#[test]
fn instruction_sets_and_tasks_do_not_change_a_bit() {
    let mut rng = Rng::new(4);
    for _ in 0..200 {
        let case = Case::random(&mut rng);
        let blank = case.blank(&mut rng);
        let mut expected = blank.clone();
        case.run(&super::generic::KERNEL, &mut expected, &SingleThread);
        for kernel in kernels() {
            for parallel in [&SingleThread as &dyn Parallel, &Backwards(4)] {
                let mut y = blank.clone();
                case.run(kernel, &mut y, parallel);
                assert!(y.bits() == expected.bits(), "{}: {:?}", kernel.name, case.shape);
            }
        }
    }
}
