//! Temperature, clock and energy while a model runs, and what is done at a limit.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coulter_governor::{Clock, Governor, Limits, Meter, Power, Reading, Sensors, SystemClock};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::error::{CliError, Result};
use crate::flags::GovernFlags;
use crate::output::{self, say};
use crate::{environment, measure};

/// How often sensors are read: reading costs some tens of microseconds.
const LOOK: Duration = Duration::from_millis(250);
/// How often the live view changes.
const SHOW: Duration = Duration::from_secs(1);
/// Most times that the live view keeps between two lines.
const MAX_TIMES: usize = 1 << 16;

/// Watches a board while a model runs.
pub struct Watch {
    clock: SystemClock,
    meter: Meter,
    governor: Governor,
    /// The threads that the engine may use.
    threads: Arc<AtomicUsize>,
    looked: Duration,
    reading: Reading,
    /// How often the governor changed something.
    changes: u32,
}

impl Watch {
    /// Of an engine, before it binds.
    ///
    /// # Errors
    /// When there is a limit on what this board does not tell.
    pub fn new(flags: &GovernFlags, engine: &Engine) -> Result<Self> {
        let mut meter = Meter::new(Sensors::find(environment::sysfs()));
        let limits = Limits { celsius: flags.max_temp, watts: flags.max_watts };
        if limits.celsius.is_some() && meter.sensors.celsius().is_none() {
            return Err(CliError::failed("--max-temp: this machine tells no temperature (thermal zones, hwmon)"));
        }
        if limits.watts.is_some()
            && let Power::None(why) = meter.sensors.power
        {
            return Err(CliError::failed(format!("--max-watts: {why}")));
        }
        let clock = SystemClock::default();
        let governor = Governor::new(limits, engine.threads.load(Ordering::Relaxed));
        let looked = clock.now();
        let reading = meter.read(looked);
        Ok(Self { clock, meter, governor, threads: Arc::clone(&engine.threads), looked, reading, changes: 0 })
    }

    /// Begins to count energy.
    pub fn begin(&mut self) {
        self.meter = Meter::new(self.meter.sensors.clone());
        // Counters of energy tell power from the second reading on: there is nothing to hold against a limit yet.
        self.looked = self.clock.now();
        self.reading = self.meter.read(self.looked);
    }

    fn look(&mut self) {
        self.looked = self.clock.now();
        self.reading = self.meter.read(self.looked);
        if self.governor.look(&self.reading, self.looked) {
            self.changes += 1;
            self.threads.store(self.governor.threads(), Ordering::Relaxed);
        }
    }

    /// After a run that took so long: reads sensors when it is time, and rests where a limit demands it.
    pub fn after(&mut self, work: Duration) {
        if self.clock.now() - self.looked >= LOOK {
            self.look();
        }
        let pause = self.governor.pause(work);
        if !pause.is_zero() {
            self.clock.sleep(pause);
        }
    }

    /// Ends: energy is counted up to now.
    pub fn end(&mut self) {
        self.look();
    }

    /// Joules of each of so many runs since [`Watch::begin`], the board's rest included.
    pub fn joules_per_run(&self, runs: usize) -> Option<f64> {
        self.meter.joules().filter(|_| runs > 0).map(|joules| joules / runs as f64)
    }

    /// What the board told, for programs.
    pub fn object(&self) -> Value {
        let sensors = &self.meter.sensors;
        let (power_sensor, why_no_power) = match &sensors.power {
            Power::None(_) => (None, Some(self.why_no_power())),
            power => (Some(power.name()), None),
        };
        let throttling = self
            .reading
            .throttling
            .map(|told| json!({ "under_voltage": told.under_voltage, "slowed": told.slowed, "was": told.was }));
        json!({
            "celsius": self.reading.celsius,
            "hottest_celsius": self.meter.hottest(),
            "mhz": self.reading.mhz,
            "most_mhz": sensors.most_mhz(),
            "throttling": throttling,
            "watts": self.reading.watts,
            "power_sensor": power_sensor,
            "why_no_power": why_no_power,
            "threads": self.governor.threads(),
            "duty": self.governor.duty(),
            "changes": self.changes,
        })
    }

    /// What the board told, for people: what each line is about, and the line.
    pub fn rows(&self, runs: usize) -> Vec<(&'static str, String)> {
        let mut told = vec![match (self.reading.celsius, self.meter.hottest()) {
            (Some(now), Some(hottest)) => format!("{now:.1} °C, {hottest:.1} at most"),
            _ => "tells no temperature".into(),
        }];
        told.push(match (self.reading.mhz, self.meter.sensors.most_mhz()) {
            (Some(mhz), Some(most)) => format!("{mhz:.0} of {most:.0} MHz"),
            (Some(mhz), None) => format!("{mhz:.0} MHz"),
            _ => "no clock".into(),
        });
        told.push(self.throttling().unwrap_or("not whether it is throttled").into());
        let energy = match self.joules_per_run(runs) {
            Some(joules) => {
                format!("{} a run by {}, idle power included", energy(joules), self.meter.sensors.power.name())
            }
            None => format!("not told: {}", self.why_no_power()),
        };
        let mut rows = vec![("board", told.join(", ")), ("energy", energy)];
        if self.changes > 0 {
            rows.push(("limit", format!("reached: {}", self.pace())));
        }
        rows
    }

    fn pace(&self) -> String {
        let threads = output::plural(self.governor.threads(), "thread");
        if self.governor.duty() < 1.0 {
            format!("{threads}, {:.0} % of the time", self.governor.duty() * 100.0)
        } else {
            threads
        }
    }

    fn throttling(&self) -> Option<&'static str> {
        let told = self.reading.throttling?;
        Some(match (told.under_voltage, told.slowed, told.was) {
            (true, ..) => "UNDER-VOLTAGE",
            (_, true, _) => "THROTTLED",
            (_, _, true) => "was throttled",
            _ => "not throttled",
        })
    }

    fn why_no_power(&self) -> String {
        if let Some(why) = known_board(&self.meter.sensors) {
            return why;
        }
        match self.meter.sensors.power {
            Power::None(why) => why.into(),
            _ => "a sensor fell silent".into(),
        }
    }

    /// One line on runs that took these times, so many a second.
    fn line(&self, times: &mut [u64], rate: f64, joules: Option<f64>) -> String {
        times.sort_unstable();
        let mut words = vec![
            format!(
                "{} median, {} p99",
                output::duration(measure::percentile(times, 50)),
                output::duration(measure::percentile(times, 99))
            ),
            format!("{rate:.1} runs/s"),
        ];
        words.extend(self.reading.celsius.map(|celsius| format!("{celsius:.1} °C")));
        words.extend(self.reading.mhz.map(|mhz| format!("{mhz:.0} MHz")));
        words.extend(joules.map(|joules| format!("{}/run", energy(joules))));
        words.extend(
            self.throttling()
                .filter(|_| self.reading.throttling.is_some_and(|t| t.slowed || t.under_voltage))
                .map(Into::into),
        );
        words.push(self.pace());
        words.join("  ")
    }
}

/// What a board that is known by its device tree says of its power.
#[cfg(feature = "compile")]
fn known_board(sensors: &Sensors) -> Option<String> {
    let board = coulter_boards::matching(&sensors.device_tree()?)?;
    Some(format!("{}: {}", board.name, board.sensors.why_no_power.as_ref()?))
}

#[cfg(not(feature = "compile"))]
fn known_board(_: &Sensors) -> Option<String> {
    None
}

fn energy(joules: f64) -> String {
    match joules {
        ..1e-3 => format!("{:.1} µJ", joules * 1e6),
        ..1.0 => format!("{:.2} mJ", joules * 1e3),
        _ => format!("{joules:.2} J"),
    }
}

/// Runs again and again until `time` is over, or for ever, and shows a line a second: the same one on a terminal. With
/// `aside` it goes to standard error. `run` tells how long it worked.
///
/// # Errors
/// Those of `run`.
pub fn live(
    watch: &mut Watch,
    time: Option<Duration>,
    aside: bool,
    mut run: impl FnMut() -> Result<Duration>,
) -> Result<Value> {
    let show = Show::new(aside);
    watch.begin();
    let began = watch.clock.now();
    let (mut since, mut joules) = (began, watch.meter.joules());
    let (mut times, mut runs, mut told) = (Vec::new(), 0usize, 0usize);
    loop {
        let work = run()?;
        runs += 1;
        if times.len() < MAX_TIMES {
            times.push(work.as_nanos() as u64);
        }
        watch.after(work);
        let now = watch.clock.now();
        let is_over = time.is_some_and(|time| now - began >= time);
        if now - since >= SHOW || is_over {
            watch.look();
            let spent = watch.meter.joules().zip(joules).map(|(after, before)| (after - before) / (runs - told) as f64);
            show.line(&watch.line(&mut times, (runs - told) as f64 / (now - since).as_secs_f64(), spent));
            (since, joules) = (now, watch.meter.joules());
            times.clear();
            told = runs;
        }
        if is_over {
            show.end();
            let mut object = watch.object();
            object["runs"] = runs.into();
            object["joules_per_run"] = json!(watch.joules_per_run(runs));
            return Ok(object);
        }
    }
}

/// Where the live view goes.
struct Show {
    aside: bool,
    is_terminal: bool,
}

impl Show {
    fn new(aside: bool) -> Self {
        Self {
            aside,
            is_terminal: if aside { std::io::stderr().is_terminal() } else { std::io::stdout().is_terminal() },
        }
    }

    fn line(&self, text: &str) {
        match (self.is_terminal, self.aside) {
            (false, false) => say!("{text}"),
            (false, true) => eprintln!("{text}"),
            (true, aside) => self.draw(&format!("\r\x1b[K{text}"), aside),
        }
    }

    fn draw(&self, text: &str, aside: bool) {
        // A view that cannot be drawn is no reason to stop.
        let _ = if aside { write!(std::io::stderr(), "{text}") } else { write!(std::io::stdout(), "{text}") };
        let _ = if aside { std::io::stderr().flush() } else { std::io::stdout().flush() };
    }

    /// Leaves the last line where it is.
    fn end(&self) {
        if self.is_terminal {
            self.draw("\n", self.aside);
        }
    }
}
