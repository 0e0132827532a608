use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::attention::{Params, scratch_len};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

const HEADS: usize = 3;
const QUERIES: usize = 20;
const KEYS: usize = 37;
const WIDTH: usize = 8;

/// One row, with a mask of one value a key.
fn oracle(q: &[f32], k: &[Vec<f32>], v: &[Vec<f32>], mask: &[f32]) -> Vec<f64> {
    let dot = |k: &Vec<f32>| q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>();
    let weights: Vec<f64> = k.iter().zip(mask).map(|(k, &mask)| (0.5 * dot(k) + f64::from(mask)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    (0..WIDTH).map(|e| weights.iter().zip(v).map(|(w, v)| w / sum * f64::from(v[e])).sum()).collect()
}

#[test]
fn heads_are_columns_of_wider_rows() {
    let mut rng = Rng::new(1);
    let wide = HEADS * WIDTH;
    // Queries, keys and values of a key's row lie side by side.
    let (q, kv, mask) = (rng.f32s(QUERIES * wide), rng.f32s(KEYS * 2 * wide), rng.f32s(KEYS));
    let head = |rows: &[f32], row: usize, pitch: usize, first: usize, head: usize| {
        rows[row * pitch + first + head * WIDTH..][..WIDTH].to_vec()
    };
    for (causal, masked) in [(false, true), (false, false), (true, true)] {
        let draft = || {
            let mut d = Draft::new();
            let [queries, keys] = [QUERIES as u32, KEYS as u32];
            let whole_q = d.f32(&[queries, wide as u32], &q);
            let whole_kv = d.f32(&[keys, 2 * wide as u32], &kv);
            let whole_y = d.room(DType::F32, &[queries, wide as u32]);
            let row = d.f32(&[keys], &mask);
            let length = scratch_len(keys, WIDTH as u32, WIDTH as u32).unwrap();
            let scratch = d.room(DType::F32, &[length as u32]);
            let [of_q, of_k] = [queries, keys].map(|rows| [1, HEADS as u32, rows, WIDTH as u32]);
            let strides = |pitch: usize| [0, WIDTH as i32, pitch as i32, 1];
            let q = d.view(whole_q, 0, &of_q, &strides(wide));
            let k = d.view(whole_kv, 0, &of_k, &strides(2 * wide));
            let v = d.view(whole_kv, wide, &of_k, &strides(2 * wide));
            let mask = d.view(row, 0, &[1, HEADS as u32, queries, keys], &[0, 0, 0, 1]);
            let y = d.view(whole_y, 0, &of_q, &strides(wide));
            let inputs = [Some(q), Some(k), Some(v), masked.then_some(mask), Some(scratch)];
            d.step(&Params { scale: 0.5, causal }, &inputs, &[Some(y)]);
            (d, whole_y)
        };
        run_all(draft, |results, y| {
            let y = results.f32(y);
            for (h, s) in (0..HEADS).flat_map(|h| (0..QUERIES).map(move |s| (h, s))) {
                let limit = if causal { s + KEYS - QUERIES + 1 } else { KEYS };
                let k: Vec<_> = (0..limit).map(|t| head(&kv, t, 2 * wide, 0, h)).collect();
                let v: Vec<_> = (0..limit).map(|t| head(&kv, t, 2 * wide, wide, h)).collect();
                let mask: Vec<_> = mask.iter().map(|&m| if masked { m } else { 0.0 }).collect();
                let expected = oracle(&head(&q, s, wide, 0, h), &k, &v, &mask);
                for (y, e) in head(&y, s, wide, 0, h).iter().zip(expected) {
                    assert!((f64::from(*y) - e).abs() < 4e-6, "{causal} {masked} {h} {s}: {y} {e}");
                }
            }
        });
    }
}
