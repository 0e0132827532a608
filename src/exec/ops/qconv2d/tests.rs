use std::vec;
use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::conv2d::packed_bias_len;
use coulter_plan::ops::qconv2d::{Params, packed_len};
use coulter_plan::requantize::{Requantize, Residual, ResidualKind};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, Operand, run_all};

/// C and O, in two groups.
const INPUTS: usize = 6;
const OUTPUTS: usize = 36;
/// Zero points of the input and of the weights.
const X_ZERO: i32 = 130;
const W_ZERO: i32 = -2;

const REQUANTIZE: Requantize = Requantize { zero: 90, low: 90, high: 230 };

fn params(residual: Residual) -> Params {
    Params {
        kernel: [3, 2],
        stride: [2, 1],
        dilation: [1, 2],
        pad: [1, 0, 0, 2],
        groups: 2,
        x_zero: X_ZERO as u32,
        w_zero: W_ZERO,
        requantize: REQUANTIZE,
        residual,
    }
}

/// Weights `[6][3][O]`, packed: 18 outputs in the two panels of each group, 6 elements of the kernel of one quad each.
fn pack(w: &[i8]) -> Vec<u8> {
    let mut packed = vec![0; packed_len(OUTPUTS as u32, INPUTS as u32, 2, [3, 2]).unwrap() as usize];
    for (i, &w) in w.iter().enumerate() {
        let (element, k, o) = (i / OUTPUTS / 3, i / OUTPUTS % 3, i % OUTPUTS);
        packed[((panel(o) * 6 + element) * 16 + o % 18 % 16) * 4 + k] = w as u8;
    }
    packed
}

/// Panel of an output.
fn panel(o: usize) -> usize {
    o / 18 * 2 + o % 18 / 16
}

/// 4 bytes for each output, padded to the panels of each group.
fn padded(word: impl Fn(usize) -> [u8; 4]) -> Vec<u8> {
    let mut padded = vec![0; packed_bias_len(OUTPUTS as u32, 2).unwrap() as usize * 4];
    for o in 0..OUTPUTS {
        padded[(panel(o) * 16 + o % 18 % 16) * 4..][..4].copy_from_slice(&word(o));
    }
    padded
}

fn bias(o: usize) -> i32 {
    o as i32 * 300 - 5000
}

fn multiplier(o: usize) -> f32 {
    0.001 + o as f32 * 0.0001
}

/// Weights, bias and multiplier as operands.
fn constants(d: &mut Draft, w: &[i8]) -> [Operand; 3] {
    let w = pack(w);
    let bias = padded(|o| bias(o).to_le_bytes());
    let multiplier = padded(|o| multiplier(o).to_le_bytes());
    [(DType::I8, w), (DType::I32, bias), (DType::F32, multiplier)]
        .map(|(dtype, bytes)| d.constant(dtype, &[(bytes.len() / dtype.size()) as u32], &bytes))
}

/// The scaled sums at every output pixel of a 2 × 5 × 6 input whose pixels lie `pitch` apart: 2 × 2 × 6.
fn scaled(x: &[u8], pitch: usize, w: &[i8]) -> Vec<f32> {
    let mut y = Vec::new();
    for (n, oy, ox) in (0..24usize).map(|i| (i / 12, i / 6 % 2, i % 6)) {
        for o in 0..OUTPUTS {
            let mut sum = bias(o);
            for (element, (ky, kx)) in (0..6).map(|i| (i, (i / 2, i % 2))) {
                let (iy, ix) = ((oy * 2 + ky).wrapping_sub(1), ox + 2 * kx);
                for k in 0..INPUTS / 2 {
                    let inside = iy < 5 && ix < 6;
                    let at = || ((n * 5 + iy) * 6 + ix) * pitch + o / 18 * (INPUTS / 2) + k;
                    let x = if inside { i32::from(x[at()]) } else { X_ZERO };
                    sum += x * (i32::from(w[(element * 3 + k) * OUTPUTS + o]) - W_ZERO);
                }
            }
            y.push(sum as f32 * multiplier(o));
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
    (bytes(pixels), bytes(18 * OUTPUTS).into_iter().map(|w| w as i8).collect())
}

#[test]
fn groups_become_columns_of_a_wider_buffer() {
    let (x, w) = operands(&mut Rng::new(1), 60 * 8);
    let draft = || {
        let mut d = Draft::new();
        let y = d.room(DType::U8, &[24, 40]);
        let base = d.filled(DType::U8, &[60, 8], &x);
        let from = d.view(base, 0, &[2, 5, 6, 6], &[240, 48, 8, 1]);
        let to = d.view(y, 3, &[2, 2, 6, 36], &[480, 240, 40, 1]);
        let [w, bias, multiplier] = constants(&mut d, &w);
        d.step(&params(Residual::default()), &[from, w, bias, multiplier].map(Some), &[Some(to)]);
        (d, y)
    };
    let expected = scaled(&x, 8, &w);
    run_all(draft, |results, y| {
        for (y, expected) in results.bytes(y).chunks_exact(40).zip(expected.chunks_exact(OUTPUTS)) {
            for (&y, &v) in y[3..39].iter().zip(expected) {
                assert_eq!(i32::from(y), clamped(v));
            }
            assert!(y[..3].iter().chain(&y[39..]).all(|&y| y == 0xcd));
        }
    });
}

#[test]
fn the_output_may_be_the_residual() {
    let mut rng = Rng::new(2);
    let (x, w) = operands(&mut rng, 60 * INPUTS);
    let residual: Vec<u8> = (0..24 * OUTPUTS).map(|_| rng.next_u64() as u8).collect();
    let table: Vec<u8> = (0..=255).rev().collect();
    let how = Residual { kind: ResidualKind::Plain, scale: 1.25, zero: 131, ..Residual::default() };
    let draft = || {
        let mut d = Draft::new();
        let x = d.filled(DType::U8, &[2, 5, 6, 6], &x);
        let y = d.filled(DType::U8, &[2, 2, 6, 36], &residual);
        let [w, bias, multiplier] = constants(&mut d, &w);
        let table = d.constant(DType::U8, &[256], &table);
        d.step(&params(how), &[x, w, bias, multiplier, y, table].map(Some), &[Some(y)]);
        (d, y)
    };
    let expected = scaled(&x, INPUTS, &w);
    run_all(draft, |results, y| {
        for ((&y, &v), &residual) in results.bytes(y).iter().zip(&expected).zip(&residual) {
            let v = v + (i32::from(residual) - 131) as f32 * 1.25;
            assert_eq!(i32::from(y), 255 - clamped(v));
        }
    });
}
