use std::vec::Vec;

use coulter_plan::ops::pool2d::{Kind, Params};
use coulter_plan::{Activation, DType};

use crate::testing::{Draft, is_untouched, run_all};

fn params(kind: Kind, activation: Activation) -> Params {
    Params { kind, kernel: [2, 2], stride: [2, 2], dilation: [1, 1], pad: [1, 0, 0, 1], ceil: true, activation }
}

/// Windows over one channel of 1 to 12, as rows of four: the first is half padding, the last column two positions in
/// the input and its padding on the right.
#[test]
fn padding_counts_as_the_kind_tells() {
    let x: Vec<f32> = (1..=12).map(|v| v as f32).collect();
    let max: [f32; 4] = [2.0, 4.0, 10.0, 12.0];
    let average = [1.5, 3.5, 7.5, 9.5];
    let with_pad = [0.75, 1.75, 7.5, 9.5];
    for (kind, expected) in [(Kind::Max, max), (Kind::Average, average), (Kind::AverageWithPad, with_pad)] {
        let draft = || {
            let mut d = Draft::new();
            let (x, y) = (d.f32(&[1, 3, 4, 1], &x), d.room(DType::F32, &[1, 2, 2, 1]));
            let mut params = params(kind, Activation::IDENTITY);
            params.pad = [1, 0, 0, 0];
            d.step(&params, &[Some(x)], &[Some(y)]);
            (d, y)
        };
        run_all(draft, |results, y| assert_eq!(results.f32(y), expected, "{kind:?}"));
    }
}

#[test]
fn positions_past_the_padding_do_not_count() {
    // Rows 1 2 3 / 4 5 6 / 7 8 9 padded above and on the right; the last window begins in the last row.
    let x: Vec<f32> = (1..=9).map(|v| v as f32).collect();
    let with_pad = [0.75, 0.75, 6.0, 3.75];
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.f32(&[1, 3, 3, 1], &x), d.room(DType::F32, &[1, 2, 2, 1]));
        d.step(&params(Kind::AverageWithPad, Activation::IDENTITY), &[Some(x)], &[Some(y)]);
        (d, y)
    };
    run_all(draft, |results, y| assert_eq!(results.f32(y), with_pad));
}

#[test]
fn whole_images_into_columns_of_a_wider_buffer() {
    let (pixels, channels) = (35, 70);
    let x = coulter_testkit::rng::Rng::new(3).f32s(2 * pixels * 72);
    let draft = || {
        let mut d = Draft::new();
        let y = d.room(DType::F32, &[2, 80]);
        let base = d.f32(&[2 * pixels as u32, 72], &x);
        let from = d.view(base, 1, &[2, 5, 7, 70], &[35 * 72, 7 * 72, 72, 1]);
        let to = d.view(y, 3, &[2, 1, 1, 70], &[80, 80, 80, 1]);
        let mut params = params(Kind::Average, Activation::RELU);
        (params.kernel, params.pad) = ([5, 7], [0; 4]);
        d.step(&params, &[Some(from)], &[Some(to)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (image, y) in results.f32(y).chunks_exact(80).enumerate() {
            for (c, y) in y[3..3 + channels].iter().enumerate() {
                let sum: f64 = (0..pixels).map(|p| f64::from(x[(image * pixels + p) * 72 + 1 + c])).sum();
                assert!((f64::from(*y) - (sum / pixels as f64).max(0.0)).abs() < 1e-6, "{y}");
            }
            assert!(y[..3].iter().chain(&y[3 + channels..]).all(|&y| is_untouched(y)));
        }
    });
}
