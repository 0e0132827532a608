//! Which elements of the input make an element of the output, and how much each counts.

use super::{Coordinates, Rounding, Scaling};

/// Elements of the input along one dimension, with their weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taps<const N: usize> {
    pub(super) at: [usize; N],
    pub(super) weights: [f32; N],
}

/// What makes an output element of `N` elements of the input.
pub(super) trait Sampler<const N: usize>: Copy {
    /// The taps of output element `o`; all of them inside the input.
    fn taps(self, scaling: &Scaling, o: usize) -> Taps<N>;
}

#[derive(Clone, Copy)]
pub(super) struct Nearest(pub(super) Rounding);

#[derive(Clone, Copy)]
pub(super) struct Linear;

#[derive(Clone, Copy)]
pub(super) struct Cubic(pub(super) f32);

impl Sampler<1> for Nearest {
    fn taps(self, scaling: &Scaling, o: usize) -> Taps<1> {
        let x = source(scaling, o);
        let rounded = match self.0 {
            Rounding::PreferFloor => libm::ceilf(x - 0.5),
            Rounding::PreferCeil => libm::floorf(x + 0.5),
            Rounding::Floor => libm::floorf(x),
            Rounding::Ceil => libm::ceilf(x),
        };
        Taps { at: [inside(scaling, rounded as isize)], weights: [1.0] }
    }
}

impl Sampler<2> for Linear {
    fn taps(self, scaling: &Scaling, o: usize) -> Taps<2> {
        let x = source(scaling, o).clamp(0.0, (scaling.input - 1) as f32);
        let floor = libm::floorf(x);
        let (at, d) = (floor as isize, x - floor);
        Taps { at: [inside(scaling, at), inside(scaling, at + 1)], weights: [1.0 - d, d] }
    }
}

impl Sampler<4> for Cubic {
    fn taps(self, scaling: &Scaling, o: usize) -> Taps<4> {
        let (a, x) = (self.0, source(scaling, o));
        let floor = libm::floorf(x);
        let (at, d) = (floor as isize, x - floor);
        let outer = |d: f32| ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
        let inner = |d: f32| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
        Taps {
            at: [-1, 0, 1, 2].map(|i| inside(scaling, at.saturating_add(i))),
            weights: [outer(1.0 + d), inner(d), inner(1.0 - d), outer(2.0 - d)],
        }
    }
}

/// The source coordinate of output element `o`.
fn source(scaling: &Scaling, o: usize) -> f32 {
    let (x, last) = (o as f32, |length: usize| (length - 1) as f32);
    match scaling.coordinates {
        Coordinates::Asymmetric => x / scaling.scale,
        Coordinates::AlignCorners | Coordinates::PytorchHalfPixel if scaling.output == 1 => 0.0,
        Coordinates::AlignCorners => x * last(scaling.input) / last(scaling.output),
        Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => (x + 0.5) / scaling.scale - 0.5,
    }
}

/// `at`, moved into the input.
fn inside(scaling: &Scaling, at: isize) -> usize {
    at.clamp(0, scaling.input as isize - 1) as usize
}
