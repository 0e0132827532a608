//! What tests of kernels over images share: pixels with gaps between them, random windows.

use std::vec::Vec;

use coulter_testkit::rng::Rng;

use crate::activation::{Function, Kind};
use crate::window::Axis;
use crate::{Rows, RowsMut};

/// Fills the gaps of inputs with NaN, so that what reads them shows.
const GAP: f32 = f32::NAN;
/// Fills the gaps of outputs.
const UNTOUCHED: f32 = -12345.0;

/// Pixels with gaps between them.
#[derive(Clone)]
pub(crate) struct Pixels {
    data: Vec<f32>,
    count: usize,
    channels: usize,
    pitch: usize,
    gap: f32,
}

impl Pixels {
    fn new(count: usize, channels: usize, pitch: usize, gap: f32, mut of: impl FnMut() -> f32) -> Self {
        let value = |i: usize| if i % pitch < channels { of() } else { gap };
        let data = (0..count * pitch).map(value).collect();
        Self { data, count, channels, pitch, gap }
    }

    /// An input of numbers between −1 and 1.
    pub(crate) fn random(rng: &mut Rng, count: usize, channels: usize) -> Self {
        let pitch = channels + rng.pick(&[0, 0, 1, 5]);
        Self::new(count, channels, pitch, GAP, || rng.f32())
    }

    /// An output.
    pub(crate) fn blank(rng: &mut Rng, count: usize, channels: usize) -> Self {
        let pitch = channels + rng.pick(&[0, 0, 1, 5]);
        Self::new(count, channels, pitch, UNTOUCHED, || UNTOUCHED)
    }

    /// An output that holds an input's numbers.
    pub(crate) fn to_output(&self) -> Self {
        let mut numbers = self.data.iter().copied().enumerate();
        let next = || loop {
            match numbers.next() {
                Some((i, _)) if i % self.pitch >= self.channels => {}
                Some((_, v)) => break v,
                None => break 0.0,
            }
        };
        Self::new(self.count, self.channels, self.pitch, UNTOUCHED, next)
    }

    pub(crate) fn rows(&self) -> Rows<'_, f32> {
        Rows::of(&self.data, self.count, self.channels, self.pitch)
    }

    pub(crate) fn rows_mut(&mut self) -> RowsMut<'_, f32> {
        RowsMut::of(&mut self.data, self.count, self.channels, self.pitch)
    }

    /// The number of a pixel and a channel.
    pub(crate) fn at(&self, pixel: usize, c: usize) -> f64 {
        assert!(c < self.channels);
        f64::from(self.data[pixel * self.pitch + c])
    }

    /// Bits of all numbers and gaps.
    pub(crate) fn bits(&self) -> Vec<u32> {
        self.data.iter().map(|v| v.to_bits()).collect()
    }

    /// Fails unless the gaps are as they were, and `expected` tells every number with its allowed error.
    pub(crate) fn expect(&self, what: &str, mut expected: impl FnMut(usize, usize) -> (f64, f64)) {
        for (i, v) in self.data.iter().enumerate() {
            let (pixel, c) = (i / self.pitch, i % self.pitch);
            if c >= self.channels {
                assert_eq!(v.to_bits(), self.gap.to_bits(), "{what}: the gap after pixel {pixel}");
                continue;
            }
            let (exact, allowed) = expected(pixel, c);
            let error = (f64::from(*v) - exact).abs();
            let same = f64::from(*v) == exact || exact.is_nan() && v.is_nan();
            assert!(same || error <= allowed, "{what}: {v} instead of {exact} at pixel {pixel}, channel {c}");
        }
    }
}

/// A window of random size that has at least one position, and the padding after the input.
pub(crate) fn random_axis(rng: &mut Rng, kernel: usize, stride: usize, dilation: usize) -> (Axis, usize) {
    loop {
        let extent = dilation * (kernel - 1) + 1;
        let (input, pad) = (rng.in_range(1..=21), rng.in_range(0..=extent.min(4)));
        let after = rng.in_range(0..=extent.min(4));
        if input + pad + after >= extent {
            let output = (input + pad + after - extent) / stride + 1;
            return (Axis { input, output, kernel, stride, dilation, pad }, after);
        }
    }
}

/// What follows the sums of so many pixels and channels: a residual or none, and a function.
pub(crate) fn random_ends(rng: &mut Rng, pixels: usize, channels: usize) -> (Option<Pixels>, Function) {
    let residual = rng.coin().then(|| Pixels::random(rng, pixels, channels));
    let clamp = Function { kind: Kind::Clamp, a: -0.25, b: 0.5 };
    (residual, rng.pick(&[Function::IDENTITY, Function::RELU, clamp, Function::new(Kind::HardSwish)]))
}
