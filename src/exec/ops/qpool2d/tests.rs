use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::pool2d::Kind;
use coulter_plan::ops::qpool2d::Params;
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

fn params(kind: Kind) -> Params {
    Params {
        kind,
        kernel: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
        pad: [1, 0, 0, 0],
        ceil: true,
        scale: 2.0,
        x_zero: 1,
        y_zero: 10,
        low: 0,
        high: 255,
        x_scale: 0.0,
    }
}

/// Windows over one channel of 1 to 12, as rows of four: the first is half padding.
#[test]
fn padding_counts_as_the_kind_tells() {
    let x: Vec<u8> = (1..=12).collect();
    let max = [2, 4, 10, 12];
    // Sums less 1 an element: 1, 5, 26, 34.
    let average = [11, 15, 23, 27];
    let with_pad = [10, 12, 23, 27];
    for (kind, expected) in [(Kind::Max, max), (Kind::Average, average), (Kind::AverageWithPad, with_pad)] {
        let draft = || {
            let mut d = Draft::new();
            let (x, y) = (d.filled(DType::U8, &[1, 3, 4, 1], &x), d.room(DType::U8, &[1, 2, 2, 1]));
            d.step(&params(kind), &[Some(x)], &[Some(y)]);
            (d, y)
        };
        run_all(draft, |results, y| assert_eq!(results.bytes(y), expected, "{kind:?}"));
    }
}

#[test]
fn whole_images_into_columns_of_a_wider_buffer() {
    let mut rng = Rng::new(1);
    let x: Vec<u8> = (0..2 * 35 * 72).map(|_| rng.next_u64() as u8).collect();
    let params = Params { kernel: [5, 7], pad: [0; 4], scale: 0.9, x_zero: 30, low: 20, ..params(Kind::Average) };
    let draft = || {
        let mut d = Draft::new();
        let y = d.filled(DType::U8, &[2, 80], &[5; 160]);
        let base = d.filled(DType::U8, &[70, 72], &x);
        let from = d.view(base, 1, &[2, 5, 7, 70], &[35 * 72, 7 * 72, 72, 1]);
        let to = d.view(y, 3, &[2, 1, 1, 70], &[80, 80, 80, 1]);
        d.step(&params, &[Some(from)], &[Some(to)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (i, &y) in results.bytes(y).iter().enumerate() {
            let (image, col) = (i / 80, i % 80);
            if !(3..73).contains(&col) {
                assert_eq!(y, 5);
                continue;
            }
            let sum: i32 = (0..35).map(|p| i32::from(x[(image * 35 + p) * 72 + col - 2]) - 30).sum();
            let mean = (sum as f32 * (0.9 / 35.0)).round_ties_even() as i32;
            assert_eq!(i32::from(y), (mean + 10).clamp(20, 255), "{image} {col}");
        }
    });
}
