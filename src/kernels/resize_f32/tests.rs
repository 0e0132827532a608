use std::format;
use std::vec::Vec;

use coulter_testkit::cases::cases;
use coulter_testkit::isa_coverage;
use coulter_testkit::rng::Rng;

use super::{Coordinates, KERNELS, Mode, ResizeKernel, Rounding, Scaling, Shape};
use crate::parallel::Backwards;
use crate::test_images::Pixels;
use crate::{IsaSet, Parallel, Rows, RowsMut, SingleThread};

/// Kernels that this processor can run.
fn kernels() -> impl Iterator<Item = &'static ResizeKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

const COORDINATES: [Coordinates; 4] =
    [Coordinates::HalfPixel, Coordinates::Asymmetric, Coordinates::AlignCorners, Coordinates::PytorchHalfPixel];
const ROUNDINGS: [Rounding; 4] = [Rounding::PreferFloor, Rounding::PreferCeil, Rounding::Floor, Rounding::Ceil];

/// A resampling with its input.
struct Case {
    shape: Shape,
    x: Pixels,
}

/// Scales that are exact in f32, so that ties of the nearest mode fall as in f64, or any.
fn random_scaling(rng: &mut Rng, exact: bool) -> Scaling {
    let coordinates = rng.pick(&COORDINATES);
    if exact {
        let (input, factor) = (rng.in_range(1..=7) * 4, rng.pick(&[0.25, 0.5, 1.0, 2.0, 4.0]));
        let output = (input as f32 * factor) as usize;
        let corners = coordinates == Coordinates::AlignCorners;
        return Scaling {
            input,
            output,
            scale: factor,
            coordinates: if corners { Coordinates::HalfPixel } else { coordinates },
        };
    }
    let (input, output) = (rng.in_range(1..=20), rng.in_range(1..=45));
    Scaling { input, output, scale: output as f32 / input as f32, coordinates }
}

impl Case {
    fn random(rng: &mut Rng) -> Self {
        let mode = rng.pick(&[
            Mode::Nearest(Rounding::Floor),
            Mode::Linear,
            Mode::Cubic(-0.75),
            Mode::Cubic(-0.5),
            Mode::Linear,
        ]);
        let exact = matches!(mode, Mode::Nearest(_));
        let mode = if exact { Mode::Nearest(rng.pick(&ROUNDINGS)) } else { mode };
        let (vertical, horizontal) = (random_scaling(rng, exact), random_scaling(rng, exact));
        let channels = rng.pick(&[1, 3, 4, 7, 8, 15, 16, 17, 40]);
        let shape = Shape { mode, batch: rng.in_range(1..=2), vertical, horizontal, channels };
        Case { shape, x: Pixels::random(rng, shape.batch * vertical.input * horizontal.input, channels) }
    }

    fn blank(&self, rng: &mut Rng) -> Pixels {
        let Shape { batch, vertical, horizontal, channels, .. } = self.shape;
        Pixels::blank(rng, batch * vertical.output * horizontal.output, channels)
    }

    fn run(&self, kernel: &ResizeKernel, y: &mut Pixels, parallel: &dyn Parallel) {
        kernel.apply(&self.shape, self.x.rows(), &mut y.rows_mut(), parallel);
    }

    fn oracle(&self, pixel: usize, c: usize) -> f64 {
        let Shape { mode, vertical: v, horizontal: h, .. } = self.shape;
        let (row, ox) = (pixel / h.output, pixel % h.output);
        let (image, oy) = (row / v.output, row % v.output);
        let mut sum = 0.0;
        for (iy, down) in taps(mode, &v, oy) {
            for &(ix, across) in &taps(mode, &h, ox) {
                sum += down * across * self.x.at((image * v.input + iy) * h.input + ix, c);
            }
        }
        sum
    }
}

/// Positions and weights along one dimension, straight from the operator's definition.
fn taps(mode: Mode, s: &Scaling, o: usize) -> Vec<(usize, f64)> {
    let (x, scale) = (o as f64, f64::from(s.scale));
    let source = match s.coordinates {
        Coordinates::Asymmetric => x / scale,
        Coordinates::AlignCorners => x * (s.input - 1) as f64 / (s.output.max(2) - 1) as f64,
        Coordinates::PytorchHalfPixel if s.output == 1 => 0.0,
        _ => (x + 0.5) / scale - 0.5,
    };
    let inside = |at: f64| at.clamp(0.0, (s.input - 1) as f64) as usize;
    let floor = source.floor();
    match mode {
        Mode::Nearest(rounding) => {
            let tie = source - floor == 0.5;
            let at = match rounding {
                Rounding::PreferFloor if tie => floor,
                Rounding::PreferCeil if tie => floor + 1.0,
                Rounding::PreferFloor | Rounding::PreferCeil => source.round(),
                Rounding::Floor => floor,
                Rounding::Ceil => source.ceil(),
            };
            [(inside(at), 1.0)].into()
        }
        Mode::Linear => [(inside(floor), floor + 1.0 - source), (inside(floor + 1.0), source - floor)].into(),
        Mode::Cubic(a) => {
            let a = f64::from(a);
            let weight = |distance: f64| {
                let d = distance.abs();
                if d <= 1.0 {
                    (a + 2.0) * d.powi(3) - (a + 3.0) * d.powi(2) + 1.0
                } else {
                    a * d.powi(3) - 5.0 * a * d.powi(2) + 8.0 * a * d - 4.0 * a
                }
            };
            [-1.0, 0.0, 1.0, 2.0].map(|i| (inside(floor + i), weight(source - floor - i))).into()
        }
    }
}

#[test]
fn every_kernel_agrees_with_the_oracle() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let mut covered = Vec::new();
    for kernel in kernels() {
        let mut rng = Rng::new(7);
        for i in 0..cases(150) {
            let case = Case::random(&mut rng);
            let mut y = case.blank(&mut rng);
            case.run(kernel, &mut y, &SingleThread);
            let nearest = matches!(case.shape.mode, Mode::Nearest(_));
            let allowed = if nearest { 0.0 } else { 5e-5 };
            let what = format!("{} case {i}: {:?}", kernel.name, case.shape);
            y.expect(&what, |pixel, c| (case.oracle(pixel, c), allowed));
        }
        covered.push(kernel.isa.name());
    }
    isa_coverage::check("resize_f32", &offered, &covered);
}

#[test]
fn instruction_sets_and_tasks_do_not_change_a_bit() {
    let mut rng = Rng::new(8);
    for _ in 0..100 {
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

fn row(mode: Mode, coordinates: Coordinates, x: &[f32], output: usize) -> Vec<f32> {
    let unit = Scaling { input: 1, output: 1, scale: 1.0, coordinates };
    let scale = output as f32 / x.len() as f32;
    let horizontal = Scaling { input: x.len(), output, scale, coordinates };
    let shape = Shape { mode, batch: 1, vertical: unit, horizontal, channels: 1 };
    let mut y = std::vec![0.0; output];
    let (from, mut to) = (Rows::of(x, x.len(), 1, 1), RowsMut::of(&mut y, output, 1, 1));
    super::generic::KERNEL.apply(&shape, from, &mut to, &SingleThread);
    y
}

#[test]
fn quotients_that_are_whole_are_not_missed() {
    // 4 / (12 / 9) is 3, which a scale kept in f32 and a quotient in f64 would miss.
    let x: Vec<f32> = (0..9).map(|v| v as f32).collect();
    let y = row(Mode::Nearest(Rounding::Floor), Coordinates::Asymmetric, &x, 12);
    assert_eq!(y, [0.0, 0.0, 1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 6.0, 6.0, 7.0, 8.0]);
}

#[test]
fn a_line_of_two_is_stretched() {
    let x = [1.0, 3.0];
    assert_eq!(row(Mode::Linear, Coordinates::HalfPixel, &x, 4), [1.0, 1.5, 2.5, 3.0]);
    assert_eq!(row(Mode::Linear, Coordinates::AlignCorners, &x, 5), [1.0, 1.5, 2.0, 2.5, 3.0]);
    assert_eq!(row(Mode::Linear, Coordinates::Asymmetric, &x, 4), [1.0, 2.0, 3.0, 3.0]);
    assert_eq!(row(Mode::Nearest(Rounding::PreferFloor), Coordinates::HalfPixel, &x, 4), [1.0, 1.0, 3.0, 3.0]);
}
