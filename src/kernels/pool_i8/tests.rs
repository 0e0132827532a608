use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{KERNELS, Kind, PoolKernel, Scale, Shape};
use crate::parallel::Backwards;
use crate::requantize::Requantize;
use crate::test_images::random_axis;
use crate::window::Axis;
use crate::{IsaSet, Parallel, Rows, RowsMut, SingleThread};

fn kernels() -> impl Iterator<Item = &'static PoolKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

#[test]
fn every_instruction_set_is_covered() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|k| k.isa.name()).collect();
    coulter_testkit::isa_coverage::check("pool_i8", &offered, &covered);
}

const UNTOUCHED: u8 = 0xa5;

/// A pooling with its input.
struct Case {
    shape: Shape,
    how: Scale,
    x: Vec<u8>,
    x_pitch: usize,
    y_pitch: usize,
}

fn whole(input: usize) -> Axis {
    Axis { input, output: 1, kernel: input, stride: 1, dilation: 1, pad: 0 }
}

impl Case {
    fn new(rng: &mut Rng, shape: Shape) -> Self {
        let Shape { batch, vertical, horizontal, channels, .. } = shape;
        let (x_pitch, y_pitch) = (channels + rng.pick(&[0, 0, 1, 5]), channels + rng.pick(&[0, 0, 1, 5]));
        let most = rng.pick(&[255, 255, 0]);
        let x = (0..batch * vertical.input * horizontal.input * x_pitch).map(|_| rng.next_u64() as u8 | most);
        let x = x.collect();
        let requantize =
            Requantize { zero: rng.pick(&[0, 128, 255]), low: rng.pick(&[0, 100]), high: rng.pick(&[150, 255]) };
        let (scale, x_scale) = (rng.pick(&[1.0, 0.37, 3.0]), rng.pick(&[0.0, 0.37, 0.11, 3.0]));
        let how = Scale { scale, x_scale, x_zero: rng.pick(&[0, 128, 255]), requantize };
        Case { shape, how, x, x_pitch, y_pitch }
    }

    fn random(rng: &mut Rng) -> Self {
        let kernel = rng.pick(&[[3, 3], [2, 2], [3, 2], [1, 1], [5, 4], [1, 6]]);
        let dilation = rng.pick(&[[1, 1], [1, 1], [2, 1], [1, 2], [3, 3]]);
        let stride = [rng.in_range(1..=3), rng.in_range(1..=3)];
        let (mut vertical, bottom) = random_axis(rng, kernel[0], stride[0], dilation[0]);
        let (mut horizontal, right) = random_axis(rng, kernel[1], stride[1], dilation[1]);
        let mut pad_after = [bottom, right];
        if rng.in_range(0..=4) == 0 {
            (vertical, horizontal, pad_after) = (whole(vertical.input), whole(horizontal.input), [0, 0]);
        }
        for axis in [&mut vertical, &mut horizontal] {
            axis.output +=
                usize::from(axis.output > 1 && axis.output * axis.stride < axis.input + axis.pad && rng.coin());
        }
        let kind = rng.pick(&[Kind::Max, Kind::Average, Kind::AverageWithPad]);
        let channels = rng.pick(&[1, 3, 7, 16, 31, 32, 33, 63, 64, 65, 100, 130]);
        let batch = rng.in_range(1..=2);
        Case::new(rng, Shape { kind, batch, vertical, horizontal, pad_after, channels })
    }

    fn run(&self, kernel: &PoolKernel, parallel: &dyn Parallel) -> Vec<u8> {
        let Shape { batch, vertical: v, horizontal: h, channels, .. } = self.shape;
        let (inputs, outputs) = (batch * v.input * h.input, batch * v.output * h.output);
        let mut y = vec![UNTOUCHED; outputs * self.y_pitch];
        let x = Rows::of(&self.x, inputs, channels, self.x_pitch);
        let mut rows = RowsMut::of(&mut y, outputs, channels, self.y_pitch);
        kernel.apply(&self.shape, &self.how, x, &mut rows, parallel);
        y
    }

    fn oracle(&self, pixel: usize, c: usize) -> u8 {
        let Shape { kind, vertical: v, horizontal: h, pad_after, .. } = self.shape;
        let (row, ox) = (pixel / h.output, pixel % h.output);
        let (image, oy) = (row / v.output, row % v.output);
        let (mut sum, mut real, mut greatest, mut inside, mut padded) = (0i64, 0.0, 0, 0, 0);
        for ky in 0..v.kernel {
            for kx in 0..h.kernel {
                let (iy, ix) = (v.first(oy) + (ky * v.dilation) as isize, h.first(ox) + (kx * h.dilation) as isize);
                padded += i32::from(iy < (v.input + pad_after[0]) as isize && ix < (h.input + pad_after[1]) as isize);
                if (0..v.input as isize).contains(&iy) && (0..h.input as isize).contains(&ix) {
                    let x = self.x[((image * v.input + iy as usize) * h.input + ix as usize) * self.x_pitch + c];
                    sum += i64::from(x) - i64::from(self.how.x_zero);
                    real += (f32::from(x) - f32::from(self.how.x_zero)) * self.how.x_scale;
                    greatest = x.max(greatest);
                    inside += 1;
                }
            }
        }
        let Requantize { zero, low, high } = self.how.requantize;
        let n = if kind == Kind::AverageWithPad { padded } else { inside };
        let mean = match self.how.x_scale {
            0.0 => sum as f32 * (self.how.scale / n.max(1) as f32),
            _ => real / n.max(1) as f32 / self.how.scale,
        };
        let y = if kind == Kind::Max { greatest.into() } else { mean.round_ties_even() as i64 + i64::from(zero) };
        y.clamp(low.into(), high.into()) as u8
    }

    fn check(&self) {
        let Shape { batch, vertical, horizontal, channels, .. } = self.shape;
        let mut expected = vec![UNTOUCHED; batch * vertical.output * horizontal.output * self.y_pitch];
        for (i, y) in expected.iter_mut().enumerate().filter(|(i, _)| i % self.y_pitch < channels) {
            *y = self.oracle(i / self.y_pitch, i % self.y_pitch);
        }
        for kernel in kernels() {
            for parallel in [&SingleThread as &dyn Parallel, &Backwards(4)] {
                let y = self.run(kernel, parallel);
                assert!(y == expected, "{} {:?} {:?}: {y:?} not {expected:?}", kernel.name, self.shape, self.how);
            }
        }
    }
}

#[test]
fn every_kernel_agrees_with_the_oracle() {
    let mut rng = Rng::new(3);
    (0..400).for_each(|_| Case::random(&mut rng).check());
}

#[test]
fn sums_of_many_bytes_are_exact() {
    let mut rng = Rng::new(4);
    for [height, width] in [[16, 16], [257, 1], [1, 257], [43, 6], [1, 1000], [30, 70]] {
        let (vertical, horizontal) = (whole(height), whole(width));
        for kind in [Kind::Average, Kind::Max] {
            let shape = Shape { kind, batch: 2, vertical, horizontal, pad_after: [0, 0], channels: 70 };
            let mut case = Case::new(&mut rng, shape);
            case.how.x_scale = 0.0;
            case.check();
        }
    }
}
