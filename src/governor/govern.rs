//! Limits on temperature and power.

use std::time::Duration;

use crate::meter::Reading;

/// What shall not be passed; where there is no limit the sensor does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Degrees Celsius.
    pub celsius: Option<f64>,
    /// Watts.
    pub watts: Option<f64>,
}

/// Degrees below the limit from which on more is done again.
const COOLER: f64 = 4.0;
/// Part of the power limit from which on more is done again: one level up may double the power.
const THRIFTIER: f64 = 0.8;
/// Least time between two steps down: a chip's temperature follows in about a second.
const DOWN: Duration = Duration::from_secs(2);
/// Least time from one step to a step up: heat sinks take longer.
const UP: Duration = Duration::from_secs(10);
/// Levels of one thread with pauses: it works for a half, a quarter, an eighth of the time.
const PAUSES: u32 = 3;

/// Lowers the number of threads, then the rate, while a limit is passed, and raises them again when what is measured lies
/// well below it.
///
/// Level 0 is all threads; each further one halves them, and after one thread the time that it works.
#[derive(Clone, Debug)]
pub struct Governor {
    limits: Limits,
    most_threads: usize,
    level: u32,
    /// When the level changed last.
    changed: Option<Duration>,
}

impl Governor {
    /// Of so many threads, at least one.
    pub fn new(limits: Limits, most_threads: usize) -> Self {
        Self { limits, most_threads: most_threads.max(1), level: 0, changed: None }
    }

    /// Takes note of a reading; tells whether the level changed. A sensor with a limit that tells nothing counts as one
    /// that passes it.
    pub fn look(&mut self, reading: &Reading, now: Duration) -> bool {
        let pairs = [(self.limits.celsius, reading.celsius), (self.limits.watts, reading.watts)];
        let low = [self.limits.celsius.map(|c| c - COOLER), self.limits.watts.map(|w| w * THRIFTIER)];
        let passes =
            |(limit, value): &(Option<f64>, Option<f64>)| limit.is_some_and(|limit| value.is_none_or(|v| v >= limit));
        let is_low = |((_, value), low): (&(Option<f64>, Option<f64>), Option<f64>)| {
            low.is_none_or(|low| value.is_some_and(|v| v <= low))
        };
        let quiet = self.changed.map(|then| now.saturating_sub(then));
        let down = pairs.iter().any(passes) && quiet.is_none_or(|quiet| quiet >= DOWN) && self.level < self.lowest();
        let up = pairs.iter().zip(low).all(is_low) && quiet.is_none_or(|quiet| quiet >= UP) && self.level > 0;
        if down {
            self.level += 1;
        } else if up {
            self.level -= 1;
        }
        if down || up {
            self.changed = Some(now);
        }
        down || up
    }

    /// Times that the threads can be halved.
    fn halvings(&self) -> u32 {
        self.most_threads.ilog2()
    }

    fn lowest(&self) -> u32 {
        self.halvings() + PAUSES
    }

    /// Threads to compute on.
    pub fn threads(&self) -> usize {
        (self.most_threads >> self.level.min(self.halvings())).max(1)
    }

    /// The part of the time to work, above 0 and at most 1.
    pub fn duty(&self) -> f64 {
        0.5f64.powi(self.level.saturating_sub(self.halvings()) as i32)
    }

    /// How long to rest after so much work.
    pub fn pause(&self, work: Duration) -> Duration {
        work.mul_f64(1.0 / self.duty() - 1.0)
    }
}
