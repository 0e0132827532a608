use coulter_plan::ops::matmul::{Params, scratch_len};
use coulter_plan::{Activation, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, is_untouched, run_all};

#[test]
fn heads_of_interleaved_buffers_are_multiplied() {
    // [batch, row, head, element], of which each head takes a matrix; b is transposed.
    let (heads, m, n, k) = (3, 5, 21, 6);
    let mut rng = Rng::new(1);
    let (a, b) = (rng.f32s(2 * m * heads * k), rng.f32s(2 * n * heads * k));
    let dims = |rows: usize, cols: usize| [2u32, heads as u32, rows as u32, cols as u32];
    let draft = || {
        let mut d = Draft::new();
        let pitch = (heads * n + 1) as i32;
        let y = d.room(DType::F32, &[2, m as u32, pitch as u32]);
        let (from_a, from_b) = (d.f32(&[a.len() as u32], &a), d.f32(&[b.len() as u32], &b));
        let (kk, row) = (k as i32, (heads * k) as i32);
        let view_a = d.view(from_a, 0, &dims(m, k), &[m as i32 * row, kk, row, 1]);
        let view_b = d.view(from_b, 0, &dims(k, n), &[n as i32 * row, kk, 1, row]);
        let to = d.view(y, 0, &dims(m, n), &[m as i32 * pitch, n as i32, pitch, 1]);
        let scratch = scratch_len(&view_a.tensor, &view_b.tensor).unwrap() as u32;
        let scratch = d.room(DType::F32, &[scratch]);
        let params = Params { alpha: 0.5, activation: Activation::RELU };
        d.step(&params, &[Some(view_a), Some(view_b), Some(scratch)], &[Some(to)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (at, y) in results.f32(y).into_iter().enumerate() {
            let (row, col) = (at / (heads * n + 1), at % (heads * n + 1));
            let (batch, row, head, col) = (row / m, row % m, col / n, col % n);
            if head == heads {
                assert!(is_untouched(y));
                continue;
            }
            let of = |rows, row, i| ((batch * rows + row) * heads + head) * k + i;
            let sum: f64 = (0..k).map(|i| f64::from(a[of(m, row, i)]) * f64::from(b[of(n, col, i)])).sum();
            let expected = (sum / 2.0).max(0.0);
            assert!((f64::from(y) - expected).abs() < 1e-6, "{y} {expected}");
        }
    });
}

#[test]
fn a_transposed_left_factor_is_copied_to_scratch() {
    let (m, n, k) = (40, 16, 3);
    let mut rng = Rng::new(2);
    let (a, b) = (rng.f32s(m * k), rng.f32s(k * n));
    let draft = || {
        let mut d = Draft::new();
        let (from, b) = (d.f32(&[k as u32, m as u32], &a), d.f32(&[k as u32, n as u32], &b));
        let view = d.view(from, 0, &[m as u32, k as u32], &[1, m as i32]);
        let scratch = scratch_len(&view.tensor, &b.tensor).unwrap() as u32;
        let (scratch, y) = (d.room(DType::F32, &[scratch]), d.room(DType::F32, &[m as u32, n as u32]));
        let params = Params { alpha: 1.0, activation: Activation::IDENTITY };
        d.step(&params, &[Some(view), Some(b), Some(scratch)], &[Some(y)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (at, y) in results.f32(y).into_iter().enumerate() {
            let (row, col) = (at / n, at % n);
            let expected: f64 = (0..k).map(|i| f64::from(a[i * m + row]) * f64::from(b[i * n + col])).sum();
            assert!((f64::from(y) - expected).abs() < 1e-6, "{y} {expected}");
        }
    });
}
