//! What is known of a tensor's values after calibration.

/// Bins of a histogram.
const BINS: usize = 8192;

/// Values above this are no activations: masks with −∞ and the like.
const GREATEST: f32 = 1e30;

/// Counts of values in bins of one width, a power of two that grows with the values: the order in which they come does
/// not matter. Zeros are counted apart, being exact in every quantization.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    /// Bin `i` holds the values from `(i − BINS/2)·width` on.
    counts: Vec<u64>,
    exponent: i32,
    inverse_width: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        let exponent = -40;
        Self { counts: vec![0; BINS], exponent, inverse_width: 2f64.powi(-exponent) }
    }
}

impl Histogram {
    fn width(&self) -> f64 {
        2f64.powi(self.exponent)
    }

    fn add(&mut self, value: f32) {
        let half = (BINS / 2) as f64;
        let mut place = (f64::from(value) * self.inverse_width).floor();
        while place < -half || place >= half {
            self.widen();
            place = (place / 2.0).floor();
        }
        self.counts[(place + half) as usize] += 1;
    }

    /// Doubles the width.
    fn widen(&mut self) {
        let mut counts = vec![0; BINS];
        for (i, count) in self.counts.iter().enumerate() {
            counts[i / 2 + BINS / 4] += count;
        }
        self.counts = counts;
        self.exponent += 1;
        self.inverse_width /= 2.0;
    }

    fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.exponent < other.exponent {
            self.widen();
        }
        while other.exponent < self.exponent {
            other.widen();
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }

    /// The middles of the bins that are not empty, in ascending order, with their counts.
    pub(crate) fn bins(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let (width, half) = (self.width(), (BINS / 2) as f64);
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(move |(i, &count)| ((i as f64 - half + 0.5) * width, count))
    }
}

/// Minimum, maximum, histogram, and moments along the last dimension.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Statistics {
    /// Least value, at most 0.
    pub(crate) min: f32,
    /// Greatest value, at least 0.
    pub(crate) max: f32,
    /// How many values were seen.
    pub(crate) count: u64,
    /// How many of them were 0.
    pub(crate) zeros: u64,
    /// Whether one was not finite, or too large for an activation.
    pub(crate) wild: bool,
    /// Where the others lie.
    pub(crate) histogram: Histogram,
    /// Sum of the values at each index of the period.
    pub(crate) sums: Vec<f64>,
    /// Greatest absolute value at each index of the period.
    pub(crate) peaks: Vec<f32>,
}

impl Statistics {
    /// Nothing seen yet of a tensor whose values at a distance of `period` belong together.
    pub(crate) fn new(period: usize) -> Self {
        Self { sums: vec![0.0; period], peaks: vec![0.0; period], ..Self::default() }
    }

    /// Takes the values of one more sample, in row-major order.
    pub(crate) fn add(&mut self, values: &[f32]) {
        for row in values.chunks(self.sums.len().max(1)) {
            for ((&value, sum), peak) in row.iter().zip(&mut self.sums).zip(&mut self.peaks) {
                self.count += 1;
                if value == 0.0 {
                    self.zeros += 1;
                } else if value.abs() < GREATEST {
                    self.min = self.min.min(value);
                    self.max = self.max.max(value);
                    self.histogram.add(value);
                    *sum += f64::from(value);
                    *peak = peak.max(value.abs());
                } else {
                    self.wild = true;
                }
            }
        }
    }

    /// Takes what was seen of another tensor that shall have the same quantization.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.count += other.count;
        self.zeros += other.zeros;
        self.wild |= other.wild;
        self.histogram.merge(&other.histogram);
    }

    /// The mean value at each index of the period.
    pub(crate) fn means(&self) -> Vec<f64> {
        let rows = (self.count as f64 / self.sums.len().max(1) as f64).max(1.0);
        self.sums.iter().map(|sum| sum / rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[f32]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.add(value));
        histogram
    }

    #[test]
    fn the_order_of_values_does_not_matter() {
        let values: Vec<f32> = (1..500).map(|i| (i as f32 * 0.37).sin() * i as f32).collect();
        let backwards: Vec<f32> = values.iter().rev().copied().collect();
        let (first, second) = values.split_at(100);
        let mut merged = histogram(second);
        merged.merge(&histogram(first));
        assert_eq!(histogram(&values), histogram(&backwards));
        assert_eq!(histogram(&values), merged);
    }

    #[test]
    fn values_lie_in_their_bins() {
        let values = [-3.0f32, -0.001, 0.5, 100.0];
        let histogram = histogram(&values);
        let half = histogram.width() / 2.0;
        let bins: Vec<_> = histogram.bins().collect();
        assert_eq!(bins.iter().map(|bin| bin.1).sum::<u64>(), 4);
        assert!(bins.iter().zip(values).all(|(bin, value)| (bin.0 - f64::from(value)).abs() <= half));
    }

    #[test]
    fn extremes_and_means_are_exact() {
        let mut statistics = Statistics::new(2);
        statistics.add(&[1.0, -2.0, 3.0, 0.0]);
        statistics.add(&[2.0, 0.0]);
        assert_eq!((statistics.min, statistics.max, statistics.zeros, statistics.count), (-2.0, 3.0, 2, 6));
        assert_eq!(statistics.means(), [2.0, -2.0 / 3.0]);
        assert_eq!(statistics.peaks, [3.0, 2.0]);
        assert!(!statistics.wild);
        statistics.add(&[f32::NEG_INFINITY, 1.0]);
        assert!(statistics.wild);
    }
}
