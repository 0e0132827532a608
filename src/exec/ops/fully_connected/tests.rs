use std::vec;
use std::vec::Vec;

use coulter_kernels::View;
use coulter_kernels::gemm_f32::{PANEL, pack_panels};
use coulter_plan::ops::fully_connected::{Params, packed_len};
use coulter_plan::{Activation, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, is_untouched, run_all};

fn pack(w: &[f32], k: usize, n: usize) -> Vec<f32> {
    let mut panels = vec![0.0; packed_len(k as u32, n as u32).unwrap() as usize];
    pack_panels(&View::dense(w, &[k, n]), &mut panels);
    panels
}

#[test]
fn rows_with_gaps_become_columns_of_a_wider_buffer() {
    let (rows, k, n) = (24, 150, 70);
    let mut rng = Rng::new(1);
    let (x, w, mut bias) = (rng.f32s(rows * 160), rng.f32s(k * n), rng.f32s(n));
    bias.resize(n.next_multiple_of(PANEL), 0.0);
    for with_bias in [false, true] {
        let draft = || {
            let mut d = Draft::new();
            let (x, y) = (d.f32(&[rows as u32, 160], &x), d.room(DType::F32, &[rows as u32, 100]));
            let from = d.view(x, 2, &[4, rows as u32 / 4, k as u32], &[160 * rows as i32 / 4, 160, 1]);
            let to = d.view(y, 5, &[4, rows as u32 / 4, n as u32], &[100 * rows as i32 / 4, 100, 1]);
            let panels = pack(&w, k, n);
            let w = d.weights(&[panels.len() as u32], &panels);
            let bias = with_bias.then(|| d.weights(&[bias.len() as u32], &bias));
            d.step(&Params { activation: Activation::RELU }, &[Some(from), Some(w), bias], &[Some(to)]);
            (d, y)
        };
        run_all(draft, |results, y| {
            for (r, y) in results.f32(y).chunks_exact(100).enumerate() {
                for (c, &y) in y[5..5 + n].iter().enumerate() {
                    let terms = (0..k).map(|k| f64::from(x[r * 160 + 2 + k]) * f64::from(w[k * n + c]));
                    let bias = if with_bias { f64::from(bias[c]) } else { 0.0 };
                    let expected = (terms.sum::<f64>() + bias).max(0.0);
                    assert!((f64::from(y) - expected).abs() < 2e-5, "{y} {expected}");
                }
                assert!(y[..5].iter().chain(&y[5 + n..]).all(|&y| is_untouched(y)));
            }
        });
    }
}

#[test]
fn a_residual_may_be_the_output() {
    let (k, n) = (3, 20);
    let mut rng = Rng::new(2);
    let (x, w, residual) = (rng.f32s(k), rng.f32s(k * n), rng.f32s(n));
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.f32(&[1, k as u32], &x), d.f32(&[1, n as u32], &residual));
        let panels = pack(&w, k, n);
        let w = d.weights(&[panels.len() as u32], &panels);
        d.step(&Params { activation: Activation::IDENTITY }, &[Some(x), Some(w), None, Some(y)], &[Some(y)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (c, y) in results.f32(y).into_iter().enumerate() {
            let sum: f64 = (0..k).map(|k| f64::from(x[k]) * f64::from(w[k * n + c])).sum();
            let expected = sum + f64::from(residual[c]);
            assert!((f64::from(y) - expected).abs() < 1e-6, "{y} {expected}");
        }
    });
}

#[test]
fn weights_of_16_bits_are_widened() {
    let (k, n) = (300, 40);
    let mut rng = Rng::new(4);
    let (x, w) = (rng.f32s(2 * k), rng.f32s(k * n));
    let halves: Vec<u16> = pack(&w, k, n).iter().map(|&w| half::f16::from_f32(w).to_bits()).collect();
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.f32(&[2, k as u32], &x), d.room(DType::F32, &[2, n as u32]));
        let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
        let w = d.constant(DType::F16, &[halves.len() as u32], &bytes);
        d.step(&Params { activation: Activation::IDENTITY }, &[Some(x), Some(w)], &[Some(y)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (at, y) in results.f32(y).iter().enumerate() {
            let (r, c) = (at / n, at % n);
            let wide = |k: usize| half::f16::from_f32(w[k * n + c]).to_f64();
            let expected: f64 = (0..k).map(|i| f64::from(x[r * k + i]) * wide(i)).sum();
            assert!((f64::from(*y) - expected).abs() < 2e-5, "{y} {expected}");
        }
    });
}
