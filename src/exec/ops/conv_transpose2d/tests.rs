use coulter_plan::ops::conv_transpose2d::Params;
use coulter_plan::{Activation, DType};

use crate::testing::{Draft, is_untouched, run_all};

/// Two groups; a kernel of 1 × 2 whose second tap overlaps nothing at stride 2, an extra column at the end and the
/// first one cut off.
#[test]
fn elements_are_spread_over_columns_of_a_wider_buffer() {
    let x = [1.0, 2.0, 3.0, 4.0, -9.0, 5.0, 6.0, 7.0, 8.0, -9.0];
    // Groups by taps by one output by two channels.
    let weights = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0];
    let params = Params {
        kernel: [1, 2],
        stride: [1, 2],
        dilation: [1, 1],
        pad: [0, 1, 0, 0],
        output_pad: [0, 1],
        groups: 2,
        activation: Activation { b: 300.0, ..Activation::RELU },
    };
    let draft = || {
        let mut d = Draft::new();
        let y = d.room(DType::F32, &[4, 4]);
        let base = d.f32(&[2, 5], &x);
        let from = d.view(base, 0, &[1, 1, 2, 4], &[10, 10, 5, 1]);
        let to = d.view(y, 1, &[1, 1, 4, 2], &[16, 16, 4, 1]);
        let (weights, bias) = (d.weights(&[2, 1, 2, 1, 2], &weights), d.weights(&[2], &[0.5, -0.5]));
        d.step(&params, &[Some(from), Some(weights), Some(bias)], &[Some(to)]);
        (d, y)
    };
    let expected = [[42.5, 171.5], [65.5, 260.5], [130.5, 300.0], [0.5, 0.0]];
    run_all(draft, |results, y| {
        for (y, expected) in results.f32(y).chunks_exact(4).zip(expected) {
            assert_eq!(y[1..3], expected);
            assert!(is_untouched(y[0]) && is_untouched(y[3]));
        }
    });
}
