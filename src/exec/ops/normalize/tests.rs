use std::vec::Vec;

use coulter_plan::ops::normalize::{Kind, Params};
use coulter_plan::{Activation, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, is_untouched, run_all};

fn oracle(kind: Kind, x: &[f32], scale: Option<&[f32]>, shift: Option<&[f32]>) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = if kind == Kind::Layer { x.iter().map(|&x| f64::from(x)).sum::<f64>() / n } else { 0.0 };
    let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
    let of = |v: Option<&[f32]>, c: usize, otherwise| v.map_or(otherwise, |v| f64::from(v[c]));
    let column = |(c, &x): (usize, &f32)| {
        ((f64::from(x) - mean) / (variance + 1e-5).sqrt() * of(scale, c, 1.0) + of(shift, c, 0.0)).max(0.0)
    };
    x.iter().enumerate().map(column).collect()
}

#[test]
fn rows_with_gaps_become_columns_of_a_wider_buffer() {
    let (rows, cols) = (600usize, 17usize);
    let mut rng = Rng::new(1);
    let (x, scale, shift) = (rng.f32s(rows * 20), rng.f32s(cols), rng.f32s(cols));
    for kind in [Kind::Layer, Kind::Rms] {
        for (scaled, shifted) in [(true, true), (true, false), (false, true), (false, false)] {
            let draft = || {
                let mut d = Draft::new();
                let x = d.f32(&[rows as u32, 20], &x);
                let y = d.room(DType::F32, &[rows as u32, 23]);
                let from = d.view(x, 2, &[rows as u32, cols as u32], &[20, 1]);
                let to = d.view(y, 5, &[rows as u32, cols as u32], &[23, 1]);
                let scale = d.weights(&[cols as u32], &scale);
                let shift = d.f32(&[cols as u32], &shift);
                let params = Params { kind, epsilon: 1e-5, activation: Activation::RELU };
                d.step(&params, &[Some(from), scaled.then_some(scale), shifted.then_some(shift)], &[Some(to)]);
                (d, y)
            };
            let (scale, shift) = (scaled.then_some(&scale[..]), shifted.then_some(&shift[..]));
            run_all(draft, |results, y| {
                for (r, y) in results.f32(y).chunks_exact(23).enumerate() {
                    for (y, expected) in y[5..5 + cols].iter().zip(oracle(kind, &x[r * 20 + 2..][..cols], scale, shift))
                    {
                        assert!((f64::from(*y) - expected).abs() < 4e-6, "{y} {expected}");
                    }
                    assert!(y[..5].iter().chain(&y[5 + cols..]).all(|&y| is_untouched(y)));
                }
            });
        }
    }
}

#[test]
fn it_works_in_place_with_no_parameters() {
    let x = Rng::new(2).f32s(33);
    let draft = || {
        let mut d = Draft::new();
        let x = d.f32(&[33], &x);
        let params = Params { kind: Kind::Layer, epsilon: 1e-5, activation: Activation::RELU };
        d.step(&params, &[Some(x)], &[Some(x)]);
        (d, x)
    };
    run_all(draft, |results, y| {
        for (y, expected) in results.f32(y).iter().zip(oracle(Kind::Layer, &x, None, None)) {
            assert!((f64::from(*y) - expected).abs() < 4e-6, "{y} {expected}");
        }
    });
}
