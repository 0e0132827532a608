use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::resize::{Coordinates, Mode, Nearest, Params};

use crate::testing::{Draft, is_untouched, run_all};

fn params(mode: Mode, coordinates: Coordinates) -> Params {
    Params { mode, coordinates, nearest: Nearest::RoundPreferFloor, scales: [2.0, 2.0], cubic_a: -0.75 }
}

fn resized(params: Params, size: [u32; 2], x: &[f32], from: [u32; 2]) -> Vec<f32> {
    let draft = || {
        let mut d = Draft::new();
        let y = d.room(DType::F32, &[1, size[0], size[1], 1]);
        let x = d.f32(&[1, from[0], from[1], 1], x);
        d.step(&params, &[Some(x)], &[Some(y)]);
        (d, y)
    };
    let mut all = Vec::new();
    run_all(draft, |results, y| all.push(results.f32(y)));
    assert_eq!(all[0], all[1]);
    all.remove(0)
}

#[test]
fn linear_at_half_pixels() {
    let y = resized(params(Mode::Linear, Coordinates::HalfPixel), [4, 4], &[1.0, 2.0, 3.0, 4.0], [2, 2]);
    let expected = [1.0, 1.25, 1.75, 2.0, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3.0, 3.25, 3.75, 4.0];
    assert_eq!(y, expected);
}

#[test]
fn cubic_halves() {
    let x: Vec<f32> = (1..=16).map(|v| v as f32).collect();
    let mut params = params(Mode::Cubic, Coordinates::HalfPixel);
    params.scales = [0.5, 0.5];
    let y = resized(params, [2, 2], &x, [4, 4]);
    // Midway between pixels the weights are −3, 19, 19 and −3 of 32; past the border its pixel stands in.
    assert_eq!(y, [3.031_25, 5.218_75, 11.781_25, 13.968_75]);
}

#[test]
fn the_nearest_pixels_into_columns_of_a_wider_buffer() {
    let x: Vec<f32> = (0..8 * 18).map(|v| v as f32).collect();
    let draft = || {
        let mut d = Draft::new();
        let y = d.room(DType::F32, &[32, 20]);
        let base = d.f32(&[8, 18], &x);
        let from = d.view(base, 1, &[2, 2, 2, 17], &[72, 36, 18, 1]);
        let to = d.view(y, 2, &[2, 4, 4, 17], &[320, 80, 20, 1]);
        d.step(&params(Mode::Nearest, Coordinates::Asymmetric), &[Some(from)], &[Some(to)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (i, y) in results.f32(y).chunks_exact(20).enumerate() {
            // Pixels at even places are the input's; those at odd places lie midway, where ties go down.
            let (image, row, column) = (i / 16, i / 4 % 4, i % 4);
            let pixel = (image * 2 + row / 2) * 2 + column / 2;
            assert_eq!(y[2..19], x[pixel * 18 + 1..][..17]);
            assert!(y[..2].iter().chain(&y[19..]).all(|&y| is_untouched(y)));
        }
    });
}
