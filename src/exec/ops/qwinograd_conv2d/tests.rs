use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::qconv2d;
use coulter_plan::ops::qwinograd_conv2d::{Params, packed_len, scratch_len};
use coulter_plan::requantize::{Requantize, Residual, ResidualKind};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, Operand, run_all};

/// C and O.
const INPUTS: usize = 16;
const OUTPUTS: usize = 32;
/// Images, lines and columns of the input and of the output.
const INPUT: [u32; 4] = [2, 5, 7, INPUTS as u32];
const OUTPUT: [u32; 4] = [2, 6, 5, OUTPUTS as u32];
const PIXELS: usize = 60;

/// G of the operator's documentation.
const G: [[i32; 3]; 6] = [[6, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 6]];

fn params(residual: Residual) -> Params {
    let requantize = Requantize { zero: 90, low: 90, high: 230 };
    Params { pad: [2, 0, 1, 0], x_zero: 130, requantize, residual }
}

/// Bytes of `[O][3][3][C]` filters, transformed and packed.
fn transformed(w: &[i8]) -> Vec<u8> {
    let of = |i: usize| {
        let (panel, point, pair) = (i / (36 * INPUTS * 16), i / (INPUTS * 16) % 36, i / 32 % (INPUTS / 2));
        let (o, k) = (panel * 16 + i / 2 % 16, 2 * pair + i % 2);
        let weight = |tap: usize| i32::from(w[(o * 9 + tap) * INPUTS + k]);
        (0..9).map(|t| G[point / 6][t / 3] * G[point % 6][t % 3] * weight(t)).sum::<i32>() as i16
    };
    let len = packed_len(INPUTS as u32, OUTPUTS as u32).unwrap() as usize;
    (0..len).flat_map(|i| of(i).to_le_bytes()).collect()
}

/// The same filters as direct convolutions read them.
fn direct(w: &[i8]) -> Vec<u8> {
    let of = |i: usize| {
        let (panel, tap, quad) = (i / (9 * INPUTS * 16), i / (INPUTS * 16) % 9, i / 64 % (INPUTS / 4));
        w[((panel * 16 + i / 4 % 16) * 9 + tap) * INPUTS + quad * 4 + i % 4] as u8
    };
    (0..9 * INPUTS * OUTPUTS).map(of).collect()
}

/// Bias and multiplier.
fn scaling(d: &mut Draft) -> [Operand; 2] {
    let bias: Vec<u8> = (0..OUTPUTS as i32).flat_map(|o| (o * 300 - 5000).to_le_bytes()).collect();
    let multiplier: Vec<u8> = (0..OUTPUTS).flat_map(|o| (0.0005 + o as f32 * 0.0001).to_le_bytes()).collect();
    [(DType::I32, bias), (DType::F32, multiplier)].map(|(dtype, bytes)| d.constant(dtype, &[OUTPUTS as u32], &bytes))
}

/// The bytes of a direct convolution.
fn expected(x: &[u8], w: &[i8], residual: Option<&[u8]>, table: Option<&[u8]>, how: Residual) -> Vec<u8> {
    let Params { pad, x_zero, requantize, residual: how } = params(how);
    let (kernel, stride, dilation) = ([3, 3], [1, 1], [1, 1]);
    let params =
        qconv2d::Params { kernel, stride, dilation, pad, groups: 1, x_zero, w_zero: 0, requantize, residual: how };
    let mut bytes = Vec::new();
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.filled(DType::U8, &INPUT, x), d.room(DType::U8, &OUTPUT));
        let w = direct(w);
        let w = d.constant(DType::I8, &[w.len() as u32], &w);
        let [bias, multiplier] = scaling(&mut d);
        let residual = residual.map(|bytes| d.filled(DType::U8, &OUTPUT, bytes));
        let table = table.map(|table| d.constant(DType::U8, &[256], table));
        d.step(&params, &[Some(x), Some(w), Some(bias), Some(multiplier), residual, table], &[Some(y)]);
        (d, y)
    };
    run_all(draft, |results, y| bytes = results.bytes(y).to_vec());
    bytes
}

fn operands(rng: &mut Rng) -> (Vec<u8>, Vec<i8>) {
    let mut bytes = |len| (0..len).map(|_| rng.next_u64() as u8).collect::<Vec<_>>();
    (bytes(70 * INPUTS), bytes(9 * INPUTS * OUTPUTS).into_iter().map(|w| w as i8).collect())
}

#[test]
fn columns_of_wider_buffers() {
    let (x, w) = operands(&mut Rng::new(1));
    let packed = transformed(&w);
    let expected = expected(&x, &w, None, None, Residual::default());
    let wide: Vec<u8> = x.chunks_exact(INPUTS).flat_map(|x| [x, &[77; 4]].concat()).collect();
    for tiles in [1, 3, 9] {
        let draft = || {
            let mut d = Draft::new();
            let (base, y) = (d.filled(DType::U8, &[70, 20], &wide), d.room(DType::U8, &[PIXELS as u32, 40]));
            let from = d.view(base, 0, &INPUT, &[700, 140, 20, 1]);
            let to = d.view(y, 3, &OUTPUT, &[1200, 200, 40, 1]);
            let w = d.constant(DType::I16, &[(packed.len() / 2) as u32], &packed);
            let [bias, multiplier] = scaling(&mut d);
            let scratch = d.room(DType::F32, &[tiles * scratch_len(INPUTS as u32) as u32]);
            let inputs = [Some(from), Some(w), Some(bias), Some(multiplier), None, None, Some(scratch)];
            d.step(&params(Residual::default()), &inputs, &[Some(to)]);
            (d, y)
        };
        run_all(draft, |results, y| {
            for (y, expected) in results.bytes(y).chunks_exact(40).zip(expected.chunks_exact(OUTPUTS)) {
                assert_eq!(&y[3..35], expected);
                assert!(y[..3].iter().chain(&y[35..]).all(|&y| y == 0xcd));
            }
        });
    }
}

#[test]
fn the_output_may_be_the_residual() {
    let mut rng = Rng::new(2);
    let (x, w) = operands(&mut rng);
    let packed = transformed(&w);
    let residual: Vec<u8> = (0..PIXELS * OUTPUTS).map(|_| rng.next_u64() as u8).collect();
    let table: Vec<u8> = (0..=255).rev().collect();
    let how = Residual { kind: ResidualKind::Plain, scale: 1.25, zero: 131, ..Residual::default() };
    let expected = expected(&x, &w, Some(&residual), Some(&table), how);
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.filled(DType::U8, &INPUT, &x), d.filled(DType::U8, &OUTPUT, &residual));
        let w = d.constant(DType::I16, &[(packed.len() / 2) as u32], &packed);
        let [bias, multiplier] = scaling(&mut d);
        let table = d.constant(DType::U8, &[256], &table);
        let scratch = d.room(DType::F32, &[3 * scratch_len(INPUTS as u32) as u32]);
        d.step(&params(how), &[x, w, bias, multiplier, y, table, scratch].map(Some), &[Some(y)]);
        (d, y)
    };
    run_all(draft, |results, y| assert_eq!(results.bytes(y), &expected[..]));
}
