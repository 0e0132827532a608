use std::vec::Vec;

use coulter_plan::ops::reduce::{Kind, Params};
use coulter_plan::{Activation, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

fn params(kind: Kind, axes: u32, activation: Activation) -> Params {
    Params { kind, axes, activation }
}

fn integers(dtype: DType, values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()[..dtype.size()].to_vec()).collect()
}

#[test]
fn pictures_are_averaged_by_channel_and_by_pixel() {
    let (pixels, channels) = (30 * 20, 70);
    let x = Rng::new(1).f32s(pixels * channels);
    for (axes, dims) in [(0b0110, [1, 1, 1, 70]), (0b1000, [1, 30, 20, 1])] {
        let draft = || {
            let mut d = Draft::new();
            let (x, y) = (d.f32(&[1, 30, 20, 70], &x), d.room(DType::F32, &dims));
            d.step(&params(Kind::Mean, axes, Activation::RELU), &[Some(x)], &[Some(y)]);
            (d, y)
        };
        run_all(draft, |results, y| {
            for (i, y) in results.f32(y).iter().enumerate() {
                let group: Vec<f64> = if axes == 0b1000 {
                    x[i * channels..][..channels].iter().map(|&v| v.into()).collect()
                } else {
                    x[i..].iter().step_by(channels).map(|&v| v.into()).collect()
                };
                let expected = (group.iter().sum::<f64>() / group.len() as f64).max(0.0);
                assert!((f64::from(*y) - expected).abs() < 1e-6, "{y} is not {expected}");
            }
        });
    }
}

#[test]
fn every_kind_of_floats() {
    let cases = [
        (Kind::Sum, 3.0f32),
        (Kind::Mean, 1.5),
        (Kind::Max, 2.0),
        (Kind::Min, 1.0),
        (Kind::Prod, 2.0),
        (Kind::SumSquare, 5.0),
        (Kind::L1, 3.0),
        (Kind::L2, 5f32.sqrt()),
        (Kind::LogSum, 3f32.ln()),
        (Kind::LogSumExp, (1f32.exp() + 2f32.exp()).ln()),
        (Kind::MeanSquare, 2.5),
    ];
    for (kind, expected) in cases {
        let draft = || {
            let mut d = Draft::new();
            let (x, y) = (d.f32(&[2], &[2.0, 1.0]), d.room(DType::F32, &[1]));
            let reversed = d.view(x, 1, &[2], &[-1]);
            d.step(&params(kind, 1, Activation::IDENTITY), &[Some(reversed)], &[Some(y)]);
            (d, y)
        };
        run_all(draft, |results, y| {
            let y = results.f32(y)[0];
            assert!((y - expected).abs() < 1e-6, "{kind:?}: {y} is not {expected}");
        });
    }
}

#[test]
fn integers_and_indices() {
    let values = [[3, -5, 3], [7, 0, 7]].concat();
    let cases = [
        (Kind::Sum, [1, 14]),
        (Kind::Prod, [-45, 0]),
        (Kind::Max, [3, 7]),
        (Kind::Min, [-5, 0]),
        (Kind::ArgMax, [0, 0]),
        (Kind::ArgMin, [1, 1]),
    ];
    for dtype in [DType::I32, DType::I64, DType::F32] {
        for (kind, expected) in cases {
            let given = if kind.is_index() { DType::I64 } else { dtype };
            if given == DType::F32 {
                continue;
            }
            let bytes = match dtype {
                DType::F32 => values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect(),
                _ => integers(dtype, &values),
            };
            let draft = || {
                let mut d = Draft::new();
                let (x, y) = (d.filled(dtype, &[2, 3], &bytes), d.room(given, &[2, 1]));
                d.step(&params(kind, 0b10, Activation::IDENTITY), &[Some(x)], &[Some(y)]);
                (d, y)
            };
            run_all(draft, |results, y| {
                assert_eq!(results.bytes(y), integers(given, &expected), "{kind:?} {dtype}");
            });
        }
    }
}
