use std::vec;
use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::qdepthwise_conv2d::{Params, packed_len};
use coulter_plan::requantize::{Requantize, Residual, ResidualKind};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, Operand, run_all};

const CHANNELS: usize = 19;
/// The same in whole panels.
const PADDED: usize = 32;
/// Zero points of the input and of the weights.
const X_ZERO: i32 = 120;
const W_ZERO: i32 = 3;

const REQUANTIZE: Requantize = Requantize { zero: 40, low: 40, high: 240 };

fn params(residual: Residual) -> Params {
    Params {
        kernel: [5, 2],
        stride: [2, 1],
        dilation: [1, 2],
        pad: [1, 0, 2, 2],
        x_zero: X_ZERO as u32,
        w_zero: W_ZERO,
        requantize: REQUANTIZE,
        residual,
    }
}

/// Weights `[5][2][C]`, packed.
fn pack(w: &[i8]) -> Vec<u8> {
    let mut packed = vec![0; packed_len(CHANNELS as u32, [5, 2]).unwrap() as usize];
    for (i, &w) in w.iter().enumerate() {
        let (ky, kx, c) = (i / CHANNELS / 2, i / CHANNELS % 2, i % CHANNELS);
        packed[((ky / 4 * 2 + kx) * PADDED + c) * 4 + ky % 4] = w as u8;
    }
    packed
}

fn bias(c: usize) -> i32 {
    c as i32 * 500 - 4000
}

fn multiplier(c: usize) -> f32 {
    0.003 + c as f32 * 0.0002
}

/// Weights, bias and multiplier as operands.
fn constants(d: &mut Draft, w: &[i8]) -> [Operand; 3] {
    let padded = |word: &dyn Fn(usize) -> [u8; 4]| {
        (0..PADDED).flat_map(|c| if c < CHANNELS { word(c) } else { [0; 4] }).collect::<Vec<_>>()
    };
    let bias = padded(&|c| bias(c).to_le_bytes());
    let multiplier = padded(&|c| multiplier(c).to_le_bytes());
    [(DType::I8, pack(w)), (DType::I32, bias), (DType::F32, multiplier)]
        .map(|(dtype, bytes)| d.constant(dtype, &[(bytes.len() / dtype.size()) as u32], &bytes))
}

/// The scaled sums at every output pixel of a 2 × 6 × 6 input whose pixels lie `pitch` apart: 2 × 3 × 6.
fn scaled(x: &[u8], pitch: usize, w: &[i8]) -> Vec<f32> {
    let mut y = Vec::new();
    for (n, oy, ox) in (0..36usize).map(|i| (i / 18, i / 6 % 3, i % 6)) {
        for c in 0..CHANNELS {
            let mut sum = bias(c);
            for tap in 0..10 {
                let (iy, ix) = ((oy * 2 + tap / 2).wrapping_sub(1), ox + 2 * (tap % 2));
                let inside = iy < 6 && ix < 6;
                let x = if inside { i32::from(x[((n * 6 + iy) * 6 + ix) * pitch + c]) } else { X_ZERO };
                sum += x * (i32::from(w[tap * CHANNELS + c]) - W_ZERO);
            }
            y.push(sum as f32 * multiplier(c));
        }
    }
    y
}

fn clamped(v: f32) -> i32 {
    let Requantize { zero, low, high } = REQUANTIZE;
    (v.round_ties_even() as i32 + zero as i32).clamp(low as i32, high as i32)
}

fn operands(rng: &mut Rng, pixels: usize) -> (Vec<u8>, Vec<i8>) {
    let mut bytes = |len| (0..len).map(|_| rng.next_u64() as u8).collect::<Vec<_>>();
    (bytes(pixels), bytes(10 * CHANNELS).into_iter().map(|w| w as i8).collect())
}

#[test]
fn columns_of_a_wider_buffer() {
    let (x, w) = operands(&mut Rng::new(1), 72 * 20);
    let draft = || {
        let mut d = Draft::new();
        let y = d.room(DType::U8, &[36, 25]);
        let base = d.filled(DType::U8, &[72, 20], &x);
        let from = d.view(base, 0, &[2, 6, 6, 19], &[720, 120, 20, 1]);
        let to = d.view(y, 4, &[2, 3, 6, 19], &[450, 150, 25, 1]);
        let [w, bias, multiplier] = constants(&mut d, &w);
        d.step(&params(Residual::default()), &[from, w, bias, multiplier].map(Some), &[Some(to)]);
        (d, y)
    };
    let expected = scaled(&x, 20, &w);
    run_all(draft, |results, y| {
        for (y, expected) in results.bytes(y).chunks_exact(25).zip(expected.chunks_exact(CHANNELS)) {
            for (&y, &v) in y[4..23].iter().zip(expected) {
                assert_eq!(i32::from(y), clamped(v));
            }
            assert!(y[..4].iter().chain(&y[23..]).all(|&y| y == 0xcd));
        }
    });
}

#[test]
fn the_output_may_be_the_residual() {
    let mut rng = Rng::new(2);
    let (x, w) = operands(&mut rng, 72 * CHANNELS);
    let residual: Vec<u8> = (0..36 * CHANNELS).map(|_| rng.next_u64() as u8).collect();
    let table: Vec<u8> = (0..=255).rev().collect();
    let inner = Requantize { zero: 100, low: 20, high: 200 };
    let how = Residual { kind: ResidualKind::Rounded, scale: 1.25, zero: 131, inner_scale: 0.75, inner };
    let draft = || {
        let mut d = Draft::new();
        let x = d.filled(DType::U8, &[2, 6, 6, 19], &x);
        let y = d.filled(DType::U8, &[2, 3, 6, 19], &residual);
        let [w, bias, multiplier] = constants(&mut d, &w);
        let table = d.constant(DType::U8, &[256], &table);
        d.step(&params(how), &[x, w, bias, multiplier, y, table].map(Some), &[Some(y)]);
        (d, y)
    };
    let expected = scaled(&x, CHANNELS, &w);
    run_all(draft, |results, y| {
        for ((&y, &v), &residual) in results.bytes(y).iter().zip(&expected).zip(&residual) {
            let q = (v.round_ties_even() as i32 + 100).clamp(20, 200);
            let v = (q - 100) as f32 * 0.75 + (i32::from(residual) - 131) as f32 * 1.25;
            assert_eq!(i32::from(y), 255 - clamped(v));
        }
    });
}
