use std::vec::Vec;

use coulter_plan::ops::softmax::Params;
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, is_untouched, run_all};

fn oracle(log: bool, x: &[f32]) -> Vec<f64> {
    let sum: f64 = x.iter().map(|&x| f64::from(x).exp()).sum();
    x.iter().map(|&x| if log { f64::from(x) - sum.ln() } else { f64::from(x).exp() / sum }).collect()
}

#[test]
fn rows_with_gaps_become_columns_of_a_wider_buffer() {
    let (rows, cols) = (600, 17);
    let x = Rng::new(1).f32s(rows * 20);
    for log in [false, true] {
        let draft = || {
            let mut d = Draft::new();
            let y = d.room(coulter_plan::DType::F32, &[rows as u32, 23]);
            let x = d.f32(&[rows as u32, 20], &x);
            let from = d.view(x, 2, &[2, rows as u32 / 2, cols as u32], &[20 * rows as i32 / 2, 20, 1]);
            let to = d.view(y, 5, &[2, rows as u32 / 2, cols as u32], &[23 * rows as i32 / 2, 23, 1]);
            d.step(&Params { log }, &[Some(from)], &[Some(to)]);
            (d, y)
        };
        run_all(draft, |results, y| {
            for (r, y) in results.f32(y).chunks_exact(23).enumerate() {
                for (y, expected) in y[5..5 + cols].iter().zip(oracle(log, &x[r * 20 + 2..][..cols])) {
                    assert!((f64::from(*y) - expected).abs() < 2e-6, "{y} {expected}");
                }
                assert!(y[..5].iter().chain(&y[5 + cols..]).all(|&y| is_untouched(y)));
            }
        });
    }
}

#[test]
fn it_works_in_place() {
    let x = Rng::new(2).f32s(33);
    let draft = || {
        let mut d = Draft::new();
        let x = d.f32(&[33], &x);
        d.step(&Params { log: false }, &[Some(x)], &[Some(x)]);
        (d, x)
    };
    run_all(draft, |results, y| {
        for (y, expected) in results.f32(y).iter().zip(oracle(false, &x)) {
            assert!((f64::from(*y) - expected).abs() < 1e-6, "{y} {expected}");
        }
    });
}
