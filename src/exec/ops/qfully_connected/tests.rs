use std::vec;
use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::qfully_connected::{Params, packed_len};
use coulter_plan::requantize::{Requantize, Residual, ResidualKind};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

/// `[K, N]` as panels of `[⌈K/4⌉][16][4]`.
fn pack(w: &[i8], k: usize, n: usize) -> Vec<u8> {
    let mut panels = vec![0; packed_len(k as u32, n as u32).unwrap() as usize];
    for (i, &w) in w.iter().enumerate() {
        let (row, column) = (i / n, i % n);
        let quad = column / 16 * k.div_ceil(4) + row / 4;
        panels[(quad * 16 + column % 16) * 4 + row % 4] = w as u8;
    }
    panels
}

fn bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.next_u64() as u8).collect()
}

/// 4 bytes of each of N words, padded to whole panels.
fn padded<T: Copy>(words: &[T], bytes: fn(T) -> [u8; 4]) -> Vec<u8> {
    let mut padded: Vec<u8> = words.iter().flat_map(|&word| bytes(word)).collect();
    padded.resize(words.len().next_multiple_of(16) * 4, 0);
    padded
}

fn clamped(v: f32, to: &Requantize) -> i32 {
    (v.round_ties_even() as i32 + to.zero as i32).clamp(to.low as i32, to.high as i32)
}

#[test]
fn rows_with_gaps_become_columns_of_a_wider_buffer() {
    let (rows, k, n) = (24, 150, 70);
    let mut rng = Rng::new(1);
    let (x, w) = (bytes(&mut rng, rows * 160), bytes(&mut rng, k * n));
    let w: Vec<i8> = w.into_iter().map(|w| w as i8).collect();
    let bias: Vec<i32> = (0..n).map(|_| rng.in_range(0..=100_000) as i32 - 50_000).collect();
    let multiplier: Vec<f32> = (0..n).map(|_| 0.0004 + 0.0002 * rng.f32()).collect();
    let requantize = Requantize { zero: 100, low: 100, high: 240 };
    let params = Params { w_zero: 3, requantize, residual: Residual::default() };
    let draft = || {
        let mut d = Draft::new();
        let x = d.filled(DType::U8, &[rows as u32, 160], &x);
        let y = d.room(DType::U8, &[rows as u32, 100]);
        let from = d.view(x, 2, &[4, rows as u32 / 4, k as u32], &[160 * rows as i32 / 4, 160, 1]);
        let to = d.view(y, 5, &[4, rows as u32 / 4, n as u32], &[100 * rows as i32 / 4, 100, 1]);
        let panels = pack(&w, k, n);
        let w = d.constant(DType::I8, &[panels.len() as u32], &panels);
        let bias = d.constant(DType::I32, &[80], &padded(&bias, i32::to_le_bytes));
        let multiplier = d.constant(DType::F32, &[80], &padded(&multiplier, f32::to_le_bytes));
        d.step(&params, &[from, w, bias, multiplier].map(Some), &[Some(to)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (r, y) in results.bytes(y).chunks_exact(100).enumerate() {
            for (c, &y) in y[5..5 + n].iter().enumerate() {
                let terms = (0..k).map(|k| i32::from(x[r * 160 + 2 + k]) * (i32::from(w[k * n + c]) - 3));
                let sum = terms.sum::<i32>() + bias[c];
                assert_eq!(i32::from(y), clamped(sum as f32 * multiplier[c], &requantize), "at {r}, {c}");
            }
            assert!(y[..5].iter().chain(&y[5 + n..]).all(|&y| y == 0xcd));
        }
    });
}

#[test]
fn a_residual_may_be_the_output() {
    let (k, n) = (3, 20);
    let mut rng = Rng::new(2);
    let (x, w, residual) = (bytes(&mut rng, k), bytes(&mut rng, k * n), bytes(&mut rng, n));
    let w: Vec<i8> = w.into_iter().map(|w| w as i8).collect();
    let table: Vec<u8> = (0..=255).rev().collect();
    let inner = Requantize { zero: 120, low: 100, high: 190 };
    let how = Residual { kind: ResidualKind::Rounded, scale: 0.75, zero: 130, inner_scale: 1.5, inner };
    let requantize = Requantize { zero: 128, low: 2, high: 251 };
    let draft = || {
        let mut d = Draft::new();
        let x = d.filled(DType::U8, &[1, k as u32], &x);
        let y = d.filled(DType::U8, &[1, n as u32], &residual);
        let panels = pack(&w, k, n);
        let w = d.constant(DType::I8, &[panels.len() as u32], &panels);
        let bias = d.constant(DType::I32, &[32], &padded(&[7; 20], i32::to_le_bytes));
        let multiplier = d.constant(DType::F32, &[32], &padded(&[0.002; 20], f32::to_le_bytes));
        let table = d.constant(DType::U8, &[256], &table);
        let params = Params { w_zero: 0, requantize, residual: how };
        d.step(&params, &[x, w, bias, multiplier, y, table].map(Some), &[Some(y)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (c, &y) in results.bytes(y).iter().enumerate() {
            let sum = (0..k).map(|k| i32::from(x[k]) * i32::from(w[k * n + c])).sum::<i32>() + 7;
            let q = clamped(sum as f32 * 0.002, &inner);
            let v = (q - 120) as f32 * 1.5 + (i32::from(residual[c]) - 130) as f32 * 0.75;
            assert_eq!(i32::from(y), 255 - clamped(v, &requantize), "at {c}");
        }
    });
}

#[test]
fn sums_that_are_scaled_past_32_bits_saturate() {
    let (k, n) = (8, 16);
    let multipliers = [1e6, 3e9, f32::MAX, f32::INFINITY, 2e5, 1e7, 0.01, f32::NAN];
    let requantize = Requantize { zero: 100, low: 3, high: 250 };
    for kind in [ResidualKind::Plain, ResidualKind::Rounded] {
        // Of the residual alone, too, and of what is quantized in between.
        for scale in [1.0, 1e9] {
            let inner = Requantize { zero: 120, low: 0, high: 255 };
            let how = Residual { kind, scale, zero: 10, inner_scale: scale, inner };
            let draft = || {
                let mut d = Draft::new();
                let x = d.filled(DType::U8, &[1, k as u32], &[255; 8]);
                let r = d.filled(DType::U8, &[1, n as u32], &[200; 16]);
                let y = d.room(DType::U8, &[1, n as u32]);
                let w: Vec<i8> = (0..k * n).map(|i| if i % n < 8 { 127 } else { -127 }).collect();
                let panels = pack(&w, k, n);
                let w = d.constant(DType::I8, &[panels.len() as u32], &panels);
                let bias = d.constant(DType::I32, &[16], &[0; 64]);
                let multiplier: Vec<f32> = (0..n).map(|c| multipliers[c % 8]).collect();
                let multiplier = d.constant(DType::F32, &[16], &padded(&multiplier, f32::to_le_bytes));
                d.step(
                    &Params { w_zero: 0, requantize, residual: how },
                    &[x, w, bias, multiplier, r].map(Some),
                    &[Some(y)],
                );
                (d, y)
            };
            run_all(draft, |results, y| {
                let y = results.bytes(y);
                assert_eq!(y[..6], [250; 6], "{how:?}");
                if scale == 1.0 && kind == ResidualKind::Plain {
                    assert_eq!(y[8..14], [3; 6], "{how:?}");
                }
            });
        }
    }
}
