use std::vec::Vec;

use coulter_plan::ops::binary::{Kind, Params};
use coulter_plan::{Activation, ActivationKind, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

fn params(kind: Kind, activation: Activation) -> Params {
    Params { kind, activation }
}

#[test]
fn a_bias_is_added_to_every_pixel_in_place() {
    let (pixels, channels) = (40 * 50, 24);
    let (x, bias) = (Rng::new(1).f32s(pixels * channels), Rng::new(2).f32s(channels));
    for activation in [Activation::IDENTITY, Activation::RELU6, Activation::new(ActivationKind::HardSwish)] {
        let draft = || {
            let mut d = Draft::new();
            let dims = [1, 40, 50, channels as u32];
            let x = d.f32(&dims, &x);
            let bias = d.weights(&[channels as u32], &bias);
            let row = d.view(bias, 0, &dims, &[0, 0, 0, 1]);
            d.step(&params(Kind::Add, activation), &[Some(x), Some(row)], &[Some(x)]);
            (d, x)
        };
        run_all(draft, |results, y| {
            for (i, (y, x)) in results.f32(y).iter().zip(&x).enumerate() {
                let sum = x + bias[i % channels];
                let expected = match activation.kind {
                    ActivationKind::Clamp => sum.clamp(0.0, 6.0),
                    ActivationKind::HardSwish => sum * (sum / 6.0 + 0.5).clamp(0.0, 1.0),
                    _ => sum,
                };
                assert!((y - expected).abs() < 1e-6, "{y} is not {expected}");
            }
        });
    }
}

#[test]
fn every_kind_of_every_type() {
    let kinds: Vec<Kind> = (0..19).map(kind_of).collect();
    for dtype in [DType::F32, DType::I32, DType::I64, DType::Bool] {
        for &kind in &kinds {
            let logical = kind.is_logical() || dtype == DType::Bool && kind == Kind::Equal;
            if logical != (dtype == DType::Bool) {
                continue;
            }
            let of = |values: [i64; 4]| -> Vec<u8> {
                let bytes = |v: i64| match dtype {
                    DType::F32 => (v as f32).to_le_bytes().to_vec(),
                    DType::I32 => (v as i32).to_le_bytes().to_vec(),
                    DType::I64 => v.to_le_bytes().to_vec(),
                    _ => [u8::from(v > 0)].to_vec(),
                };
                values.iter().flat_map(|&v| bytes(v)).collect()
            };
            let given = if kind.is_comparison() { DType::Bool } else { dtype };
            let draft = || {
                let mut d = Draft::new();
                let (a, b) = (d.filled(dtype, &[4], &of([7, -7, 2, 0])), d.filled(dtype, &[4], &of([2, 2, 2, 5])));
                let y = d.room(given, &[4]);
                d.step(&params(kind, Activation::IDENTITY), &[Some(a), Some(b)], &[Some(y)]);
                (d, y)
            };
            run_all(draft, |results, y| {
                let expected = expected(kind, dtype);
                let expected: Vec<u8> = match given {
                    DType::Bool => expected.iter().map(|&v| v as u8).collect(),
                    _ => expected.iter().flat_map(|&v| scalar(dtype, v)).collect(),
                };
                assert_eq!(results.bytes(y), expected, "{kind:?} {dtype}");
            });
        }
    }
}

fn scalar(dtype: DType, v: f64) -> Vec<u8> {
    match dtype {
        DType::F32 => (v as f32).to_le_bytes().to_vec(),
        DType::I32 => (v as i32).to_le_bytes().to_vec(),
        _ => (v as i64).to_le_bytes().to_vec(),
    }
}

/// Of 7, −7, 2, 0 and 2, 2, 2, 5; truth values are 1, 0, 1, 0 and 1, 1, 1, 1.
fn expected(kind: Kind, dtype: DType) -> [f64; 4] {
    let float = dtype == DType::F32;
    match kind {
        Kind::Add => [9.0, -5.0, 4.0, 5.0],
        Kind::Sub => [5.0, -9.0, 0.0, -5.0],
        Kind::Mul => [14.0, -14.0, 4.0, 0.0],
        Kind::Div if float => [3.5, -3.5, 1.0, 0.0],
        Kind::Div => [3.0, -3.0, 1.0, 0.0],
        Kind::Min => [2.0, -7.0, 2.0, 0.0],
        Kind::Max => [7.0, 2.0, 2.0, 5.0],
        Kind::Pow => [49.0, 49.0, 4.0, 0.0],
        Kind::PRelu => [7.0, -14.0, 2.0, 0.0],
        Kind::Mod => [1.0, 1.0, 0.0, 0.0],
        Kind::Fmod => [1.0, -1.0, 0.0, 0.0],
        Kind::SquaredDifference => [25.0, 81.0, 0.0, 25.0],
        Kind::Equal if dtype == DType::Bool => [1.0, 0.0, 1.0, 0.0],
        Kind::Equal => [0.0, 0.0, 1.0, 0.0],
        Kind::Less => [0.0, 1.0, 0.0, 1.0],
        Kind::LessEqual => [0.0, 1.0, 1.0, 1.0],
        Kind::Greater => [1.0, 0.0, 0.0, 0.0],
        Kind::GreaterEqual => [1.0, 0.0, 1.0, 0.0],
        Kind::And => [1.0, 0.0, 1.0, 0.0],
        Kind::Or => [1.0, 1.0, 1.0, 1.0],
        Kind::Xor => [0.0, 1.0, 0.0, 1.0],
    }
}

fn kind_of(number: u32) -> Kind {
    let bytes: Vec<u8> = [number, 0, 0, 0].iter().flat_map(|w| w.to_le_bytes()).collect();
    coulter_plan::ops::read::<Params>(&bytes).expect("a known kind").kind
}
