use std::format;
use std::vec;
use std::vec::Vec;

use coulter_testkit::cases::cases;
use coulter_testkit::isa_coverage;
use coulter_testkit::rng::Rng;

use super::{Conv, KERNELS, WinogradKernel, packed_len, scratch_len};
use crate::conv_f32::Shape;
use crate::gemm_i8::PANEL;
use crate::parallel::Backwards;
use crate::test_epilogues::{Bytes, Ends, own_rows, random_weights};
use crate::test_images::random_axis;
use crate::window::Axis;
use crate::winograd::{POINTS, SPAN};
use crate::{IsaSet, Parallel, SingleThread};

/// G of the plan's operator, whose products are the weights.
const G: [[i32; 3]; SPAN] = [[6, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 6]];

/// Kernels that this processor can run.
fn kernels() -> impl Iterator<Item = &'static WinogradKernel> {
    let detected = IsaSet::detect();
    KERNELS.iter().filter(move |k| detected.contains(k.isa)).copied()
}

/// A convolution with its operands.
struct Case {
    shape: Shape,
    x: Bytes,
    x_zero: u8,
    packed: Vec<i16>,
    ends: Ends,
    /// Without bias.
    sums: Vec<i64>,
}

impl Case {
    /// With weights `[O][9][C]`, of which the zero point has been taken.
    fn new(rng: &mut Rng, shape: Shape, weights: &[i32]) -> Self {
        let Shape { vertical: v, horizontal: h, channels, outputs, .. } = shape;
        let mut packed = vec![0; packed_len(channels, outputs)];
        for (i, to) in packed.iter_mut().enumerate() {
            let (panel, point) = (i / (POINTS * channels * PANEL), i / (channels * PANEL) % POINTS);
            let (pair, o) = (i / (2 * PANEL) % (channels / 2), panel * PANEL + i / 2 % PANEL);
            let weight = |tap: usize| weights[(o * 9 + tap) * channels + 2 * pair + i % 2];
            let u: i32 = (0..9).map(|t| G[point / SPAN][t / 3] * G[point % SPAN][t % 3] * weight(t)).sum();
            *to = i16::try_from(u).expect("weights of 16 bits");
        }
        let mut case = Case {
            shape,
            x: Bytes::random(rng, shape.batch * v.input * h.input, channels),
            x_zero: rng.pick(&[0, 7, 128, 255]),
            packed,
            ends: Ends::random(rng, 9 * channels, shape.pixels(), outputs, 1),
            sums: Vec::new(),
        };
        let pixels = 0..shape.pixels() * outputs;
        case.sums = pixels.map(|i| case.sum(i / outputs, i % outputs, weights)).collect();
        case
    }

    fn sum(&self, pixel: usize, o: usize, weights: &[i32]) -> i64 {
        let Shape { vertical: v, horizontal: h, channels, .. } = self.shape;
        let (row, ox) = (pixel / h.output, pixel % h.output);
        let (image, oy) = (row / v.output, row % v.output);
        let mut sum = 0;
        for tap in 0..9 {
            let (iy, ix) = (v.first(oy) + (tap / 3) as isize, h.first(ox) + (tap % 3) as isize);
            let inside = (0..v.input as isize).contains(&iy) && (0..h.input as isize).contains(&ix);
            for k in 0..channels {
                let at = || (image * v.input + iy as usize) * h.input + ix as usize;
                let x = if inside { self.x.at(at(), k) } else { self.x_zero };
                sum += i64::from(x) * i64::from(weights[(o * 9 + tap) * channels + k]);
            }
        }
        sum
    }

    fn random(rng: &mut Rng) -> Self {
        let (vertical, horizontal) = (random_axis(rng, 3, 1, 1).0, random_axis(rng, 3, 1, 1).0);
        let (channels, outputs) = (rng.pick(&[16, 16, 32, 48, 64]), rng.pick(&[16, 16, 32, 48]));
        let shape = Shape { batch: rng.in_range(1..=2), vertical, horizontal, channels, outputs, groups: 1 };
        // Sums of more channels with such zero points could leave the bounds.
        let zero = if channels > 48 { 0 } else { rng.pick(&[0, 0, 0, -128, 5, 127]) };
        let weights = random_weights(rng, 9 * channels * outputs);
        Self::new(rng, shape, &weights.iter().map(|&w| i32::from(w) - zero).collect::<Vec<_>>())
    }

    /// Runs into `y`, in place when it holds the residual, with room for so many tiles.
    fn run(&self, kernel: &WinogradKernel, y: &mut Bytes, in_place: bool, tiles: usize, parallel: &dyn Parallel) {
        let mut y = y.rows_mut();
        let conv = Conv {
            shape: self.shape,
            x: self.x.rows(),
            x_zero: self.x_zero,
            w: &self.packed,
            epilogue: self.ends.epilogue(in_place.then(|| own_rows(&y))),
        };
        let mut scratch = vec![f32::NAN; tiles * scratch_len(self.shape.channels)];
        kernel.run(&conv, &mut y, &mut scratch, parallel);
    }

    fn check(&self, rng: &mut Rng) {
        for kernel in kernels() {
            let what = format!("{}: {:?} {:?}", kernel.name, self.shape, self.ends);
            let expected = |pixel, o| self.ends.expected(pixel, o, self.sums[pixel * self.shape.outputs + o]);
            let blank = Bytes::blank(rng, self.shape.pixels(), self.shape.outputs);
            for (tiles, threads) in [(1, 1), (3, 1), (50, 1), (2, 2), (9, 3)] {
                let mut y = blank.clone();
                self.run(kernel, &mut y, false, tiles, &Backwards(threads));
                y.expect(&format!("{what}, room for {tiles} tiles, {threads} threads"), expected);
            }
            if let Some((residual, _)) = &self.ends.residual {
                let mut y = residual.clone();
                self.run(kernel, &mut y, true, 4, &SingleThread);
                y.expect(&what, expected);
            }
        }
    }
}

#[test]
fn every_kernel_gives_the_contracts_bytes() {
    let mut rng = Rng::new(1);
    for _ in 0..cases(60) {
        Case::random(&mut rng).check(&mut rng);
    }
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|k| k.isa.name()).collect();
    isa_coverage::check("winograd_i8", &offered, &covered);
}

#[test]
fn sums_up_to_the_bounds_are_exact() {
    let mut rng = Rng::new(2);
    let axis = Axis { input: 9, output: 9, kernel: 3, stride: 1, dilation: 1, pad: 1 };
    let shape = Shape { batch: 1, vertical: axis, horizontal: axis, channels: 144, outputs: 16, groups: 1 };
    // 131586 · 255 is 2²⁵ − 2.
    let weights = |sign: i32| {
        let (most, whole) = (131_586, 9 * 144);
        let of = move |i: i32| sign * (most / whole + i32::from(i < most % whole));
        (0..16).flat_map(move |_| (0..whole).map(of)).collect::<Vec<_>>()
    };
    for (sign, sum) in [(1, (1 << 25) - 2), (-1, 2 - (1 << 25))] {
        let mut case = Case::new(&mut rng, shape, &weights(sign));
        case.x = Bytes::new(&mut rng, 81, 144, |_| 255);
        case.x_zero = 255;
        case.sums.fill(sum);
        case.ends.scale_by(2e-4);
        case.check(&mut rng);
    }
}

#[test]
fn padding_beyond_the_kernel_and_no_images() {
    let mut rng = Rng::new(3);
    let axis = Axis { input: 2, output: 19, kernel: 3, stride: 1, dilation: 1, pad: 9 };
    for batch in [0, 2] {
        let shape = Shape { batch, vertical: axis, horizontal: axis, channels: 16, outputs: 16, groups: 1 };
        let weights = random_weights(&mut rng, 9 * 256);
        Case::new(&mut rng, shape, &weights.iter().map(|&w| w.into()).collect::<Vec<_>>()).check(&mut rng);
    }
}

/// Plans may hold any weights: sums wrap alike everywhere then.
#[test]
fn weights_that_no_compiler_makes_give_the_same_bytes_everywhere() {
    let mut rng = Rng::new(4);
    let axis = Axis { input: 6, output: 6, kernel: 3, stride: 1, dilation: 1, pad: 1 };
    let shape = Shape { batch: 1, vertical: axis, horizontal: axis, channels: 48, outputs: 16, groups: 1 };
    for extreme in [true, false] {
        let mut case = Case::new(&mut rng, shape, &[0; 9 * 48 * 16]);
        let any = |rng: &mut Rng| if extreme { rng.pick(&[i16::MIN, i16::MAX]) } else { rng.next_u64() as i16 };
        case.packed.fill_with(|| any(&mut rng));
        let blank = Bytes::blank(&mut rng, 36, 16);
        let results: Vec<_> = kernels()
            .map(|kernel| {
                let mut y = blank.clone();
                case.run(kernel, &mut y, false, 4, &SingleThread);
                y
            })
            .collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
