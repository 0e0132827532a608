use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{KERNELS, Quantization, QuantizeKernel};
use crate::parallel::Backwards;
use crate::test_layouts::{Layout, merge, random_dims};
use crate::{IsaSet, Parallel, SingleThread};

fn kernels() -> impl Iterator<Item = &'static QuantizeKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

#[test]
fn every_instruction_set_is_covered() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|k| k.isa.name()).collect();
    coulter_testkit::isa_coverage::check("quantize", &offered, &covered);
}

fn oracle(how: &Quantization, x: f32) -> u8 {
    let v = x * how.inverse_scale;
    if v.is_nan() {
        return how.zero_point;
    }
    (v.round_ties_even() as i64).saturating_add(how.zero_point.into()).clamp(0, 255) as u8
}

/// Numbers of the byte's range and beyond, many halfway between two, and now and then what is no number.
fn number(rng: &mut Rng) -> f32 {
    let special = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 3e9, -3e9, 1e-40, -0.0];
    match rng.in_range(0..=9) {
        0 => rng.pick(&special),
        1..=3 => (rng.in_range(0..=1200) as f32 - 600.0) / 2.0,
        _ => rng.f32() * 300.0,
    }
}

fn how(rng: &mut Rng) -> Quantization {
    let inverse_scale = rng.pick(&[1.0, 0.5, 1.7, 1e-3, 300.0, -1.0]);
    Quantization { inverse_scale, zero_point: rng.pick(&[0, 1, 100, 128, 255]) }
}

const UNTOUCHED: u8 = 0xa5;

fn check(how: &Quantization, x: &[f32], from: &Layout, to: &Layout, merged: bool) {
    let mut expected = vec![UNTOUCHED; to.buffer_len()];
    let (channels, y_channels) = (from.dims.last().copied().unwrap_or(1), to.dims.last().copied().unwrap_or(1));
    let mut numbers = from.read(x).into_iter();
    for (i, place) in to.places().into_iter().enumerate() {
        let is_there = i % y_channels < channels;
        expected[place] = if is_there { oracle(how, numbers.next().unwrap()) } else { how.zero_point };
    }
    for kernel in kernels() {
        for parallel in [&SingleThread as &dyn Parallel, &Backwards(4)] {
            let mut buffer = vec![UNTOUCHED; to.buffer_len()];
            let (y, x) = (to.view_mut(&mut buffer), from.view(x));
            let (mut y, x) = if merged { merge!(y, x) } else { (y, x) };
            kernel.run(how, &x, &mut y, parallel);
            assert!(buffer == expected, "{} {how:?}: {from:?} to {to:?}: {buffer:?} not {expected:?}", kernel.name);
        }
    }
}

#[test]
fn any_strides() {
    let mut rng = Rng::new(1);
    for _ in 0..300 {
        let dims = random_dims(&mut rng);
        let (from, to) = (Layout::random_broadcast(&mut rng, &dims), Layout::random(&mut rng, &dims));
        let x: Vec<f32> = (0..from.buffer_len()).map(|_| number(&mut rng)).collect();
        let how = how(&mut rng);
        check(&how, &x, &from, &to, false);
        check(&how, &x, &from, &to, true);
    }
}

#[test]
fn lengths_around_whole_vectors() {
    let mut rng = Rng::new(2);
    for len in (1..70).chain([127, 128, 129, 191, 192, 193, 200]) {
        let x: Vec<f32> = (0..len).map(|_| number(&mut rng)).collect();
        let layout = Layout::dense(&[len]);
        check(&how(&mut rng), &x, &layout, &layout, false);
    }
}

/// A dense tensor of `channels` planes read as pixels.
fn planes(pixels: usize, channels: usize) -> Layout {
    let mut layout = Layout::dense(&[2, channels, pixels]);
    layout.dims.swap(1, 2);
    layout.strides.swap(1, 2);
    layout
}

#[test]
fn pictures_become_pixels_of_more_channels() {
    let mut rng = Rng::new(3);
    for pixels in (1..40).chain([63, 64, 65, 300]) {
        for (channels, y_channels) in [(3, 4), (1, 4), (2, 4), (3, 3), (3, 8), (5, 8), (1, 2), (60, 64)] {
            let to = Layout::dense(&[2, pixels, y_channels]);
            for from in [planes(pixels, channels), Layout::dense(&[2, pixels, channels])] {
                let x: Vec<f32> = (0..from.buffer_len()).map(|_| number(&mut rng)).collect();
                check(&how(&mut rng), &x, &from, &to, false);
            }
        }
    }
    let nothing = Layout::dense(&[2, 5, 0]);
    check(&how(&mut rng), &[], &nothing, &Layout::dense(&[2, 5, 4]), false);
}

#[test]
fn wider_pixels_of_any_strides() {
    let mut rng = Rng::new(4);
    for _ in 0..200 {
        let mut dims = random_dims(&mut rng);
        dims.truncate(6);
        let channels = rng.in_range(1..=5);
        let (mut x_dims, mut y_dims) = (dims.clone(), dims);
        x_dims.push(channels);
        y_dims.push(channels + rng.in_range(1..=3));
        let from = Layout::random_broadcast(&mut rng, &x_dims);
        let x: Vec<f32> = (0..from.buffer_len()).map(|_| number(&mut rng)).collect();
        check(&how(&mut rng), &x, &from, &Layout::dense(&y_dims), false);
    }
}
