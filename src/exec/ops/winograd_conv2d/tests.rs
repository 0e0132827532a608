use std::vec;
use std::vec::Vec;

use coulter_plan::ops::winograd_conv2d::{Params, packed_len, scratch_len};
use coulter_plan::{Activation, ActivationKind, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, is_untouched, run_all};

/// C and O.
const INPUTS: usize = 16;
const OUTPUTS: usize = 32;

/// Weights of kernels all of whose elements but the middle one are 0, [C][O], packed: U = v·vᵀ times that element.
fn packed(middle: &[f32]) -> Vec<f32> {
    let third = core::f32::consts::SQRT_2 / 3.0;
    let v = [0.0, -third, third, 0.5 * third, -0.5 * third, 0.0];
    let mut packed = vec![0.0; packed_len(INPUTS as u32, OUTPUTS as u32).unwrap() as usize];
    for (at, w) in packed.iter_mut().enumerate() {
        let (point, at) = (at / (INPUTS * OUTPUTS), at % (INPUTS * OUTPUTS));
        let (panel, k, o) = (at / (INPUTS * 16), at / 16 % INPUTS, at % 16);
        *w = v[point / 6] * v[point % 6] * middle[k * OUTPUTS + panel * 16 + o];
    }
    packed
}

/// The sums at every pixel of 5 × 7, whose channels lie `pitch` apart.
fn sums(x: &[f32], pitch: usize, w: &[f32]) -> Vec<f64> {
    let of = |x: &[f32], o: usize| (0..INPUTS).map(|k| f64::from(x[k]) * f64::from(w[k * OUTPUTS + o])).sum::<f64>();
    x.chunks_exact(pitch).flat_map(|x| (0..OUTPUTS).map(move |o| of(x, o))).collect()
}

#[test]
fn columns_of_wider_buffers() {
    let mut rng = Rng::new(1);
    let (x, w, bias) = (rng.f32s(35 * 20), rng.f32s(INPUTS * OUTPUTS), rng.f32s(OUTPUTS));
    let packed = packed(&w);
    for tiles in [1, 3, 9] {
        let draft = || {
            let mut d = Draft::new();
            let y = d.room(DType::F32, &[35, 40]);
            let base = d.f32(&[35, 20], &x);
            let from = d.view(base, 0, &[1, 5, 7, 16], &[700, 140, 20, 1]);
            let to = d.view(y, 3, &[1, 5, 7, 32], &[1400, 280, 40, 1]);
            let (w, bias) = (d.weights(&[packed.len() as u32], &packed), d.weights(&[OUTPUTS as u32], &bias));
            let scratch = d.room(DType::F32, &[tiles * scratch_len(INPUTS as u32, OUTPUTS as u32) as u32]);
            let params = Params { pad: [1; 4], activation: Activation::RELU };
            d.step(&params, &[Some(from), Some(w), Some(bias), None, Some(scratch)], &[Some(to)]);
            (d, y)
        };
        let expected = sums(&x, 20, &w);
        run_all(draft, |results, y| {
            for (y, sums) in results.f32(y).chunks_exact(40).zip(expected.chunks_exact(OUTPUTS)) {
                for ((y, sum), bias) in y[3..35].iter().zip(sums).zip(&bias) {
                    let expected = (sum + f64::from(*bias)).max(0.0);
                    assert!((f64::from(*y) - expected).abs() < 2e-5, "{y} {expected}");
                }
                assert!(y[..3].iter().chain(&y[35..]).all(|&y| is_untouched(y)));
            }
        });
    }
}

#[test]
fn the_output_may_be_the_residual() {
    let mut rng = Rng::new(2);
    let (x, w, residual) = (rng.f32s(35 * INPUTS), rng.f32s(INPUTS * OUTPUTS), rng.f32s(35 * OUTPUTS));
    let packed = packed(&w);
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.f32(&[1, 5, 7, 16], &x), d.f32(&[1, 5, 7, 32], &residual));
        let w = d.weights(&[packed.len() as u32], &packed);
        let scratch = d.room(DType::F32, &[3 * scratch_len(INPUTS as u32, OUTPUTS as u32) as u32]);
        let params = Params { pad: [1; 4], activation: Activation::new(ActivationKind::HardSwish) };
        d.step(&params, &[Some(x), Some(w), None, Some(y), Some(scratch)], &[Some(y)]);
        (d, y)
    };
    let expected = sums(&x, INPUTS, &w);
    run_all(draft, |results, y| {
        for ((y, sum), residual) in results.f32(y).iter().zip(&expected).zip(&residual) {
            let sum = sum + f64::from(*residual);
            let expected = sum * (sum / 6.0 + 0.5).clamp(0.0, 1.0);
            assert!((f64::from(*y) - expected).abs() < 4e-5, "{y} {expected}");
        }
    });
}
