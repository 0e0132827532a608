use std::vec::Vec;

use coulter_plan::ops::depthwise_conv2d::Params;
use coulter_plan::{Activation, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, is_untouched, run_all};

const CHANNELS: usize = 19;
const WEIGHTS: usize = 32;

fn params(activation: Activation) -> Params {
    Params { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], pad: [1, 0, 0, 2], activation }
}

/// The sums at every output pixel of a 2 × 5 × 6 input whose pixels lie `pitch` apart: 2 × 2 × 6.
fn sums(x: &[f32], pitch: usize, weights: &[f32], bias: &[f32]) -> Vec<f64> {
    let mut y = Vec::new();
    for (n, oy, ox) in (0..24usize).map(|i| (i / 12, i / 6 % 2, i % 6)) {
        for c in 0..CHANNELS {
            let mut sum = f64::from(bias[c]);
            for (ky, kx) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)] {
                let (iy, ix) = ((oy * 2 + ky).wrapping_sub(1), ox + 2 * kx);
                if iy < 5 && ix < 6 {
                    let x = x[((n * 5 + iy) * 6 + ix) * pitch + c];
                    sum += f64::from(x) * f64::from(weights[(ky * 2 + kx) * WEIGHTS + c]);
                }
            }
            y.push(sum);
        }
    }
    y
}

fn constants(rng: &mut Rng) -> (Vec<f32>, Vec<f32>) {
    let padded = |mut values: Vec<f32>| {
        values.iter_mut().enumerate().for_each(|(i, v)| *v *= f32::from(u8::from(i % WEIGHTS < CHANNELS)));
        values
    };
    (padded(rng.f32s(6 * WEIGHTS)), padded(rng.f32s(WEIGHTS)))
}

#[test]
fn columns_of_a_wider_buffer() {
    let mut rng = Rng::new(1);
    let (x, (weights, bias)) = (rng.f32s(60 * 20), constants(&mut rng));
    let draft = || {
        let mut d = Draft::new();
        let y = d.room(DType::F32, &[24, 25]);
        let base = d.f32(&[60, 20], &x);
        let from = d.view(base, 0, &[2, 5, 6, 19], &[600, 120, 20, 1]);
        let to = d.view(y, 4, &[2, 2, 6, 19], &[300, 150, 25, 1]);
        let (weights, bias) = (d.weights(&[6, 32], &weights), d.weights(&[32], &bias));
        d.step(&params(Activation::RELU), &[Some(from), Some(weights), Some(bias)], &[Some(to)]);
        (d, y)
    };
    let expected = sums(&x, 20, &weights, &bias);
    run_all(draft, |results, y| {
        for (y, expected) in results.f32(y).chunks_exact(25).zip(expected.chunks_exact(CHANNELS)) {
            for (y, expected) in y[4..23].iter().zip(expected) {
                assert!((f64::from(*y) - expected.max(0.0)).abs() < 2e-6, "{y} {expected}");
            }
            assert!(y[..4].iter().chain(&y[23..]).all(|&y| is_untouched(y)));
        }
    });
}

#[test]
fn the_output_may_be_the_residual() {
    let mut rng = Rng::new(2);
    let (x, residual, (weights, _)) = (rng.f32s(60 * CHANNELS), rng.f32s(24 * CHANNELS), constants(&mut rng));
    let hard_swish = Activation::new(coulter_plan::ActivationKind::HardSwish);
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.f32(&[2, 5, 6, 19], &x), d.f32(&[2, 2, 6, 19], &residual));
        let weights = d.weights(&[6, 32], &weights);
        d.step(&params(hard_swish), &[Some(x), Some(weights), None, Some(y)], &[Some(y)]);
        (d, y)
    };
    let expected = sums(&x, CHANNELS, &weights, &[0.0; WEIGHTS]);
    run_all(draft, |results, y| {
        for ((y, sum), residual) in results.f32(y).iter().zip(&expected).zip(&residual) {
            let sum = sum + f64::from(*residual);
            let expected = sum * (sum / 6.0 + 0.5).clamp(0.0, 1.0);
            assert!((f64::from(*y) - expected).abs() < 4e-6, "{y} {expected}");
        }
    });
}
