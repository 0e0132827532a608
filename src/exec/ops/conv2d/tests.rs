use std::vec;
use std::vec::Vec;

use coulter_plan::ops::conv2d::{Params, packed_bias_len, packed_len};
use coulter_plan::{Activation, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, is_untouched, run_all};

/// C and O, in two groups.
const INPUTS: usize = 6;
const OUTPUTS: usize = 36;

fn params(activation: Activation) -> Params {
    Params { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], pad: [1, 0, 0, 2], groups: 2, activation }
}

/// Weight of an element of the kernel, an input channel of the group, and an output channel.
fn weight(w: &[f32], element: usize, k: usize, o: usize) -> f64 {
    f64::from(w[(element * INPUTS / 2 + k) * OUTPUTS + o])
}

/// Weights and bias, packed: 18 outputs in the two panels of each group.
fn pack(w: &[f32], bias: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let len = packed_len(OUTPUTS as u32, INPUTS as u32, 2, [3, 2]).unwrap() as usize;
    let (mut packed, mut padded) = (vec![0.0; len], vec![0.0; packed_bias_len(OUTPUTS as u32, 2).unwrap() as usize]);
    for o in 0..OUTPUTS {
        let panel = o / 18 * 2 + o % 18 / 16;
        padded[panel * 16 + o % 18 % 16] = bias[o];
        for row in 0..18 {
            packed[(panel * 18 + row) * 16 + o % 18 % 16] = w[row * OUTPUTS + o];
        }
    }
    (packed, padded)
}

/// The sums at every output pixel of a 2 × 5 × 6 input whose pixels lie `pitch` apart: 2 × 2 × 6.
fn sums(x: &[f32], pitch: usize, w: &[f32], bias: &[f32]) -> Vec<f64> {
    let mut y = Vec::new();
    for (n, oy, ox) in (0..24usize).map(|i| (i / 12, i / 6 % 2, i % 6)) {
        for (o, bias) in bias.iter().enumerate() {
            let mut sum = f64::from(*bias);
            for (ky, kx) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)] {
                let (iy, ix) = ((oy * 2 + ky).wrapping_sub(1), ox + 2 * kx);
                if iy < 5 && ix < 6 {
                    for k in 0..INPUTS / 2 {
                        let x = x[((n * 5 + iy) * 6 + ix) * pitch + o / 18 * (INPUTS / 2) + k];
                        sum += f64::from(x) * weight(w, ky * 2 + kx, k, o);
                    }
                }
            }
            y.push(sum);
        }
    }
    y
}

#[test]
fn groups_become_columns_of_a_wider_buffer() {
    let mut rng = Rng::new(1);
    let (x, w, bias) = (rng.f32s(60 * 8), rng.f32s(18 * OUTPUTS), rng.f32s(OUTPUTS));
    let (packed, padded) = pack(&w, &bias);
    let draft = || {
        let mut d = Draft::new();
        let y = d.room(DType::F32, &[24, 40]);
        let base = d.f32(&[60, 8], &x);
        let from = d.view(base, 0, &[2, 5, 6, 6], &[240, 48, 8, 1]);
        let to = d.view(y, 3, &[2, 2, 6, 36], &[480, 240, 40, 1]);
        let (w, bias) = (d.weights(&[packed.len() as u32], &packed), d.weights(&[padded.len() as u32], &padded));
        d.step(&params(Activation::RELU), &[Some(from), Some(w), Some(bias)], &[Some(to)]);
        (d, y)
    };
    let expected = sums(&x, 8, &w, &bias);
    run_all(draft, |results, y| {
        for (y, expected) in results.f32(y).chunks_exact(40).zip(expected.chunks_exact(OUTPUTS)) {
            for (y, expected) in y[3..39].iter().zip(expected) {
                assert!((f64::from(*y) - expected.max(0.0)).abs() < 4e-6, "{y} {expected}");
            }
            assert!(y[..3].iter().chain(&y[39..]).all(|&y| is_untouched(y)));
        }
    });
}

#[test]
fn the_output_may_be_the_residual() {
    let mut rng = Rng::new(2);
    let (x, w, residual) = (rng.f32s(60 * INPUTS), rng.f32s(18 * OUTPUTS), rng.f32s(24 * OUTPUTS));
    let (packed, _) = pack(&w, &[0.0; OUTPUTS]);
    let hard_swish = Activation::new(coulter_plan::ActivationKind::HardSwish);
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.f32(&[2, 5, 6, 6], &x), d.f32(&[2, 2, 6, 36], &residual));
        let w = d.weights(&[packed.len() as u32], &packed);
        d.step(&params(hard_swish), &[Some(x), Some(w), None, Some(y)], &[Some(y)]);
        (d, y)
    };
    let expected = sums(&x, INPUTS, &w, &[0.0; OUTPUTS]);
    run_all(draft, |results, y| {
        for ((y, sum), residual) in results.f32(y).iter().zip(&expected).zip(&residual) {
            let sum = sum + f64::from(*residual);
            let expected = sum * (sum / 6.0 + 0.5).clamp(0.0, 1.0);
            assert!((f64::from(*y) - expected).abs() < 1e-5, "{y} {expected}");
        }
    });
}
