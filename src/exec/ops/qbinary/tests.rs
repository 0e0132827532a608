use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::qbinary::{Kind, Params};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    (0..len).map(|_| rng.next_u64() as u8).collect()
}

fn params(kind: Kind) -> Params {
    Params { kind, a_scale: 0.013, b_scale: -0.7, a_zero: 3, b_zero: 140, y_zero: 20, low: 20, high: 250 }
}

fn expected(p: &Params, a: u8, b: u8) -> u8 {
    let (a, b) = (i32::from(a) - p.a_zero as i32, i32::from(b) - p.b_zero as i32);
    let r = match p.kind {
        Kind::Add => a as f32 * p.a_scale + b as f32 * p.b_scale,
        Kind::Mul => (a * b) as f32 * p.a_scale,
    };
    (r.round_ties_even() as i32 + p.y_zero as i32).clamp(p.low as i32, p.high as i32) as u8
}

#[test]
fn channels_are_scaled_in_place() {
    for channels in [16usize, 24, 120] {
        let (pixels, c) = (49, channels as u32);
        let (a, b) = (bytes(1, 2 * pixels * channels), bytes(2, 2 * channels));
        for kind in [Kind::Mul, Kind::Add] {
            let draft = || {
                let mut d = Draft::new();
                let a = d.filled(DType::U8, &[2, 7, 7, c], &a);
                let b = d.filled(DType::U8, &[2, 1, 1, c], &b);
                let b = d.view(b, 0, &[2, 7, 7, c], &[c as i32, 0, 0, 1]);
                d.step(&params(kind), &[Some(a), Some(b)], &[Some(a)]);
                (d, a)
            };
            run_all(draft, |results, y| {
                for (i, &y) in results.bytes(y).iter().enumerate() {
                    let b = b[i / (pixels * channels) * channels + i % channels];
                    assert_eq!(y, expected(&params(kind), a[i], b), "{kind:?} {channels} {i}");
                }
            });
        }
    }
}

#[test]
fn a_number_is_added_to_columns_of_a_wider_buffer() {
    let (a, b) = (bytes(3, 30 * 70), [77u8]);
    let draft = || {
        let mut d = Draft::new();
        let (a, y) = (d.filled(DType::U8, &[30, 70], &a), d.filled(DType::U8, &[30, 80], &[9; 2400]));
        let b = d.filled(DType::U8, &[1], &b);
        let (b, to) = (d.view(b, 0, &[30, 70], &[0, 0]), d.view(y, 4, &[30, 70], &[80, 1]));
        d.step(&params(Kind::Add), &[Some(b), Some(a)], &[Some(to)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (i, &y) in results.bytes(y).iter().enumerate() {
            let (row, col) = (i / 80, i % 80);
            let is_there = (4..74).contains(&col);
            let expected = if is_there { expected(&params(Kind::Add), b[0], a[row * 70 + col - 4]) } else { 9 };
            assert_eq!(y, expected, "{row} {col}");
        }
    });
}
