use std::vec;
use std::vec::Vec;

use coulter_plan::ops::dynamic_fully_connected::Params;
use coulter_plan::ops::qfully_connected::packed_len;
use coulter_plan::{Activation, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

#[test]
fn rows_are_quantized_as_they_come() {
    let (rows, k, n) = (6usize, 37usize, 20usize);
    let mut rng = Rng::new(1);
    let x: Vec<f32> = rng.f32s(rows * k).iter().map(|v| v * 3.0 + 1.0).collect();
    let w: Vec<i8> = (0..k * n).map(|_| rng.next_u64() as i8).collect();
    let mut panels = vec![0; packed_len(k as u32, n as u32).unwrap() as usize];
    let mut sums = [0i32; 32];
    for (i, &w) in w.iter().enumerate() {
        let (row, column) = (i / n, i % n);
        panels[((column / 16 * k.div_ceil(4) + row / 4) * 16 + column % 16) * 4 + row % 4] = w as u8;
        sums[column] += i32::from(w);
    }
    let (scale, bias) = (rng.f32s(32), rng.f32s(32));
    for (per_row, activation) in [(true, Activation::IDENTITY), (false, Activation::RELU)] {
        let draft = || {
            let mut d = Draft::new();
            let (x, y) = (d.f32(&[2, 3, k as u32], &x), d.room(DType::F32, &[2, 3, n as u32]));
            let scratch = d.room(DType::F32, &[(rows * (k.div_ceil(4) + 2)) as u32]);
            let w = d.constant(DType::I8, &[panels.len() as u32], &panels);
            let sums: Vec<u8> = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
            let sums = d.constant(DType::I32, &[32], &sums);
            let (scale, bias) = (d.weights(&[32], &scale), d.weights(&[32], &bias));
            let params = Params { per_row, w_zero: 0, activation };
            d.step(&params, &[x, w, sums, scale, bias, scratch].map(Some), &[Some(y)]);
            (d, y)
        };
        run_all(draft, |results, y| {
            for (i, y) in results.f32(y).into_iter().enumerate() {
                let (r, c) = (i / n, i % n);
                let range = if per_row { r * k..(r + 1) * k } else { 0..rows * k };
                let least = x[range.clone()].iter().copied().fold(0f32, f32::min);
                let s = (x[range].iter().copied().fold(0f32, f32::max) - least) / 255.0;
                let z = (0.0 - least / s).round_ties_even() as i32;
                let q = |i: usize| ((x[r * k + i] / s).round_ties_even() as i32 + z).clamp(0, 255) - z;
                let sum: i32 = (0..k).map(|i| q(i) * i32::from(w[i * n + c])).sum();
                let expected = sum as f32 * (s * scale[c]) + bias[c];
                assert_eq!(y, if per_row { expected } else { expected.max(0.0) }, "{r} {c}");
            }
        });
    }
}
