//! Readings over time.

use std::time::{Duration, Instant};

use crate::power::Power;
use crate::sensors::{Sensors, Throttling};

/// Tells the time and waits.
pub trait Clock {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;
    /// Lets so much time pass.
    fn sleep(&self, time: Duration);
}

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// What a board told at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Highest temperature of the processor, in degrees Celsius.
    pub celsius: Option<f64>,
    /// Clock of the fastest core, in MHz.
    pub mhz: Option<f64>,
    /// Mean power since the reading before, or power now where no energy is counted.
    pub watts: Option<f64>,
    /// Whether it runs slower than it could; `None` where that is not told.
    pub throttling: Option<Throttling>,
}

/// Reads sensors again and again, and adds energy up.
#[derive(Clone, Debug)]
pub struct Meter {
    /// What is read.
    pub sensors: Sensors,
    /// Joules since the beginning; `None` as soon as a reading failed.
    joules: Option<f64>,
    /// Time of the last reading, microjoules of every counter then, and watts.
    last: Option<(Duration, Option<Vec<f64>>, Option<f64>)>,
    /// Throttle count in the beginning.
    throttled: Option<f64>,
    /// Highest temperature so far.
    hottest: Option<f64>,
}

impl Meter {
    /// Begins.
    pub fn new(sensors: Sensors) -> Self {
        let joules = if let Power::None(_) = sensors.power { None } else { Some(0.0) };
        Self { throttled: sensors.throttle_count(), sensors, joules, last: None, hottest: None }
    }

    /// Reads everything; `now` never goes back.
    pub fn read(&mut self, now: Duration) -> Reading {
        let counters = self.counters();
        let mut watts = self.sensors.power.watts(&self.sensors.sysfs);
        if let Some((then, before, watts_before)) = self.last.take() {
            let seconds = now.saturating_sub(then).as_secs_f64();
            let energy = match &self.sensors.power {
                Power::Counters(files) => {
                    let spent = before.zip(counters.as_ref()).map(|(before, after)| {
                        files
                            .iter()
                            .zip(before.iter().zip(after))
                            .map(|(file, (b, a))| spent(*b, *a, file.1))
                            .sum::<f64>()
                            / 1e6
                    });
                    watts = spent.filter(|_| seconds > 0.0).map(|joules| joules / seconds);
                    spent
                }
                // The power of either end holds for half of the time.
                _ => watts_before.zip(watts).map(|(before, after)| (before + after) / 2.0 * seconds),
            };
            self.joules = self.joules.zip(energy).map(|(sum, joules)| sum + joules);
        }
        self.last = Some((now, counters, watts));
        let celsius = self.sensors.celsius();
        self.hottest = self.hottest.into_iter().chain(celsius).reduce(f64::max);
        Reading { celsius, mhz: self.sensors.mhz(), watts, throttling: self.throttling() }
    }

    fn counters(&self) -> Option<Vec<f64>> {
        let Power::Counters(files) = &self.sensors.power else { return None };
        files.iter().map(|(path, _)| self.sensors.sysfs.number(path)).collect()
    }

    fn throttling(&self) -> Option<Throttling> {
        if let Some(flags) = self.sensors.flags() {
            return Some(flags);
        }
        let since = self.sensors.throttle_count()? - self.throttled?;
        Some(Throttling { was: since > 0.0, ..Throttling::default() })
    }

    /// Joules that the board, or what its sensor sees of it, has used between the first reading and the last.
    pub fn joules(&self) -> Option<f64> {
        self.joules
    }

    /// The highest temperature that was read.
    pub fn hottest(&self) -> Option<f64> {
        self.hottest
    }
}

/// What a counter that begins anew after `range` has counted.
fn spent(before: f64, after: f64, range: f64) -> f64 {
    if after >= before { after - before } else { after + range - before }
}
