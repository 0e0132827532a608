use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::quantize::Params;
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

fn quantized(params: &Params, x: f32) -> u8 {
    ((x * params.inverse_scale).round_ties_even() as i32 + params.zero_point as i32).clamp(0, 255) as u8
}

#[test]
fn planes_become_pixels_of_four_channels() {
    let (height, width) = (13, 21);
    let pixels = height * width;
    let x: Vec<f32> = Rng::new(1).f32s(2 * 3 * pixels).iter().map(|v| v * 3.0).collect();
    let params = Params { inverse_scale: 48.0, zero_point: 121 };
    let draft = || {
        let mut d = Draft::new();
        let x = d.f32(&[2, 3, height as u32, width as u32], &x);
        let dims = [2, height as u32, width as u32, 3];
        let strides = [3 * pixels as i32, width as i32, 1, pixels as i32];
        let (from, y) = (d.view(x, 0, &dims, &strides), d.room(DType::U8, &[2, height as u32, width as u32, 4]));
        d.step(&params, &[Some(from)], &[Some(y)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (i, &y) in results.bytes(y).iter().enumerate() {
            let (pixel, c) = (i / 4, i % 4);
            let (image, place) = (pixel / pixels, pixel % pixels);
            let expected = if c < 3 { quantized(&params, x[(image * 3 + c) * pixels + place]) } else { 121 };
            assert_eq!(y, expected, "{pixel} {c}");
        }
    });
}

#[test]
fn numbers_round_to_even_and_saturate() {
    let x = [0.5, 1.5, 2.5, -0.5, -1.5, 1e9, -1e9, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 3e38, 126.5];
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.f32(&[3, 4], &x), d.room(DType::U8, &[3, 4]));
        d.step(&Params { inverse_scale: 1.0, zero_point: 128 }, &[Some(x)], &[Some(y)]);
        (d, y)
    };
    let expected = [128, 130, 130, 128, 126, 255, 0, 255, 0, 128, 255, 254];
    run_all(draft, |results, y| assert_eq!(results.bytes(y), expected));
}

#[test]
fn rows_go_into_columns_of_a_wider_buffer() {
    let x = Rng::new(2).f32s(40 * 70);
    let params = Params { inverse_scale: 100.0, zero_point: 10 };
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.f32(&[40, 70], &x), d.filled(DType::U8, &[40, 100], &[3; 4000]));
        let to = d.view(y, 7, &[40, 70], &[100, 1]);
        d.step(&params, &[Some(x)], &[Some(to)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        for (i, &y) in results.bytes(y).iter().enumerate() {
            let (row, col) = (i / 100, i % 100);
            let is_there = (7..77).contains(&col);
            assert_eq!(y, if is_there { quantized(&params, x[row * 70 + col - 7]) } else { 3 }, "{row} {col}");
        }
    });
}
