//! From what was seen of a tensor to its scale and zero point.

use serde::{Deserialize, Serialize};

use super::statistics::Statistics;

/// How the range of a tensor's 8-bit form is chosen; what lies outside is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RangeMethod {
    /// From the least value seen to the greatest.
    MinMax,
    /// What is left without the outermost 0.01 % of the values that are not 0, half of them on either side.
    Percentile,
    /// The range of least mean squared error.
    Mse,
    /// The range whose 8-bit values tell most of the distribution: least Kullback-Leibler divergence.
    Entropy,
}

impl RangeMethod {
    /// All, in the order in which equally good ones are preferred.
    pub const ALL: [Self; 4] = [Self::MinMax, Self::Mse, Self::Percentile, Self::Entropy];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::MinMax => "minmax",
            Self::Percentile => "percentile",
            Self::Mse => "mse",
            Self::Entropy => "entropy",
        }
    }
}

/// Part of the values that [`RangeMethod::Percentile`] cuts off.
const OUTERMOST: f64 = 1e-4;

/// Steps of an 8-bit range.
const STEPS: f64 = 255.0;

/// How many ranges are tried on either side, and the smallest, relative to what was seen.
const TRIES: usize = 64;
const SMALLEST: f64 = 0.2;

/// real = scale · (q − zero_point), with q from 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    pub(crate) scale: f32,
    pub(crate) zero_point: u8,
}

impl Affine {
    /// The finest that covers a range, which is widened so that 0 is a step.
    pub(crate) fn of(low: f64, high: f64) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        // A scale of denormal size would lose its reciprocal.
        let scale = ((high - low) / STEPS).max(1e-30);
        if high == low {
            return Self { scale: 1.0, zero_point: 0 };
        }
        let zero_point = (-low / scale).round_ties_even().clamp(0.0, STEPS);
        // Rounding moves the range: it grows until both ends are inside.
        let below = if zero_point > 0.0 { -low / zero_point } else { 0.0 };
        let above = if zero_point < STEPS { high / (STEPS - zero_point) } else { 0.0 };
        Self { scale: below.max(above).max(1e-30) as f32, zero_point: zero_point as u8 }
    }

    /// The nearest number that there is.
    pub(crate) fn nearest(self, value: f64) -> f64 {
        let (scale, zero) = (f64::from(self.scale), f64::from(self.zero_point));
        ((value / scale).round_ties_even() + zero).clamp(0.0, STEPS) * scale - zero * scale
    }
}

/// The quantization of a tensor.
pub(crate) fn choose(statistics: &Statistics, method: RangeMethod) -> Affine {
    let (min, max) = (f64::from(statistics.min), f64::from(statistics.max));
    let (low, high) = match method {
        RangeMethod::MinMax => (min, max),
        RangeMethod::Percentile => percentile(statistics, OUTERMOST),
        RangeMethod::Mse => search(min, max, &mut |low, high| squared_error(statistics, Affine::of(low, high))),
        RangeMethod::Entropy => search(min, max, &mut |low, high| divergence(statistics, low, high)),
    };
    Affine::of(low, high)
}

fn percentile(statistics: &Statistics, part: f64) -> (f64, f64) {
    let bins: Vec<(f64, u64)> = statistics.histogram.bins().collect();
    let all: u64 = bins.iter().map(|bin| bin.1).sum();
    // Where all values are on one side, the other has nothing to cut off.
    let one_sided = statistics.min == 0.0 || statistics.max == 0.0;
    let most = all as f64 * part / if one_sided { 1.0 } else { 2.0 };
    let low = if statistics.min == 0.0 { 0.0 } else { first_past(bins.iter(), most) };
    let high = if statistics.max == 0.0 { 0.0 } else { first_past(bins.iter().rev(), most) };
    (low.max(statistics.min.into()), high.min(statistics.max.into()))
}

/// The first bin up to which more than `most` values lie.
fn first_past<'b>(mut bins: impl Iterator<Item = &'b (f64, u64)>, most: f64) -> f64 {
    let mut cut = 0.0;
    let inside = bins.find(|bin| {
        cut += bin.1 as f64;
        cut > most
    });
    inside.map_or(0.0, |bin| bin.0)
}

/// The best of many ranges: both ends drawn in alike first, then each by itself.
fn search(min: f64, max: f64, cost: &mut dyn FnMut(f64, f64) -> f64) -> (f64, f64) {
    let part = |i: usize| SMALLEST + (1.0 - SMALLEST) * (i as f64 / TRIES as f64);
    let mut best = (cost(min, max), min, max);
    let mut consider = |best: &mut (f64, f64, f64), low: f64, high: f64| {
        let cost = cost(low, high);
        if cost < best.0 {
            *best = (cost, low, high);
        }
    };
    for i in (0..TRIES).rev() {
        consider(&mut best, min * part(i), max * part(i));
    }
    if min < 0.0 && max > 0.0 {
        for i in (0..=TRIES).rev() {
            let high = best.2;
            consider(&mut best, min * part(i), high);
        }
        for i in (0..=TRIES).rev() {
            let low = best.1;
            consider(&mut best, low, max * part(i));
        }
    }
    (best.1, best.2)
}

/// Sum of the squared differences from the nearest numbers.
fn squared_error(statistics: &Statistics, affine: Affine) -> f64 {
    let error = |(value, count): (f64, u64)| (affine.nearest(value) - value).powi(2) * count as f64;
    statistics.histogram.bins().map(error).sum()
}

/// Kullback-Leibler divergence of the distribution, with what lies outside gathered at the ends of the range, from the one
/// that is left when the values of each step are spread evenly over its bins.
fn divergence(statistics: &Statistics, low: f64, high: f64) -> f64 {
    let affine = Affine::of(low, high);
    let bins: Vec<(f64, f64)> = statistics.histogram.bins().map(|(value, count)| (value, count as f64)).collect();
    let (first, past) = (bins.partition_point(|bin| bin.0 < low), bins.partition_point(|bin| bin.0 <= high));
    if first >= past {
        return f64::INFINITY;
    }
    let total = |bins: &[(f64, f64)]| bins.iter().map(|bin| bin.1).sum::<f64>();
    let (below, kept, above) = (total(&bins[..first]), total(&bins[first..past]), total(&bins[past..]));
    let step = |value: f64| {
        let place = (value / f64::from(affine.scale)).round_ties_even() + f64::from(affine.zero_point);
        place.clamp(0.0, STEPS) as usize
    };
    let mut steps = [(0.0f64, 0u32); 256];
    for &(value, count) in &bins[first..past] {
        let step = &mut steps[step(value)];
        *step = (step.0 + count, step.1 + 1);
    }
    let mut sum = 0.0;
    for (i, &(value, count)) in bins.iter().enumerate().take(past).skip(first) {
        let gathered = if i == first { below } else { 0.0 } + if i + 1 == past { above } else { 0.0 };
        let (of_step, filled) = steps[step(value)];
        let p = (count + gathered) / (kept + below + above);
        sum += p * (p * kept * f64::from(filled) / of_step).ln();
    }
    sum
}

#[cfg(test)]
mod tests {
    use coulter_testkit::rng::Rng;

    use super::*;

    /// Many small values, a few large ones.
    fn values(seed: u64, one_sided: bool) -> Vec<f32> {
        let mut rng = Rng::new(seed);
        let value = |_| {
            let x = (rng.f32() + rng.f32() + rng.f32()).powi(5);
            if one_sided { x.max(0.0) } else { x }
        };
        (0..5000).map(value).collect()
    }

    fn statistics(values: &[f32]) -> Statistics {
        let mut statistics = Statistics::new(1);
        statistics.add(values);
        statistics
    }

    fn error(values: &[f32], affine: Affine) -> f64 {
        values.iter().map(|&v| (affine.nearest(v.into()) - f64::from(v)).powi(2)).sum()
    }

    #[test]
    fn zero_is_a_step_and_both_ends_are_inside() {
        for (low, high) in [(-1.0, 2.0), (0.0, 6.0), (-3.0, 0.0), (0.5, 7.0), (-1e-4, 100.0), (0.0, 0.0)] {
            let affine = Affine::of(low, high);
            assert_eq!(affine.nearest(0.0), 0.0);
            let half = f64::from(affine.scale) * 0.5001;
            let near = |v: f64| (affine.nearest(v) - v).abs() <= half;
            assert!(near(low) && near(high), "{low} {high} {affine:?}");
        }
    }

    #[test]
    fn minmax_covers_all_that_was_seen() {
        let affine = choose(&statistics(&[-1.0, 0.25, 3.0]), RangeMethod::MinMax);
        assert_eq!(affine, Affine::of(-1.0, 3.0));
    }

    #[test]
    fn percentile_cuts_as_many_as_it_says() {
        for one_sided in [false, true] {
            let values = values(1, one_sided);
            let (low, high) = percentile(&statistics(&values), 0.02);
            let outside = values.iter().filter(|&&v| f64::from(v) < low || f64::from(v) > high).count();
            let others = values.iter().filter(|&&v| v != 0.0).count();
            let part = outside as f64 / others as f64;
            assert!((0.015..=0.025).contains(&part), "{part}");
        }
    }

    #[test]
    fn mse_is_as_good_as_brute_force() {
        for (seed, one_sided) in [(2, false), (3, true), (4, false)] {
            let values = values(seed, one_sided);
            let statistics = statistics(&values);
            let found = error(&values, choose(&statistics, RangeMethod::Mse));
            let ends = |end: f32| (1..=100).map(move |i| f64::from(end) * f64::from(i) / 100.0);
            let ranges = ends(statistics.min).flat_map(|low| ends(statistics.max).map(move |high| (low, high)));
            let best = ranges.map(|(low, high)| error(&values, Affine::of(low, high))).fold(f64::INFINITY, f64::min);
            assert!(found <= best * 1.02, "{found} {best}");
            assert!(found <= error(&values, choose(&statistics, RangeMethod::MinMax)) * 1.0001);
        }
    }

    #[test]
    fn entropy_cuts_lonely_outliers_and_keeps_a_flat_distribution() {
        let flat: Vec<f32> = (0..20_000).map(|i| i as f32 / 20_000.0).collect();
        let whole = choose(&statistics(&flat), RangeMethod::Entropy);
        assert!(whole.scale > 0.95 / 255.0, "{whole:?}");
        let lonely: Vec<f32> = values(5, true).into_iter().map(|v| v.min(1.0)).chain([3.0]).collect();
        let cut = choose(&statistics(&lonely), RangeMethod::Entropy);
        assert!(cut.scale < 2.0 / 255.0, "{cut:?}");
    }
}
