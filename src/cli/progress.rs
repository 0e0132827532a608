//! Progress of long work, on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often progress is told where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(10);
const STEPS: u64 = 1000;

/// A bar that appears when work takes long.
pub struct Progress {
    began: Instant,
    told: Instant,
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Progress {
    /// Begins.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { began: now, told: now, bar: None, quiet: !std::io::stderr().is_terminal() }
    }

    /// Tells how far `stage` has come, 0 to 1.
    pub fn tell(&mut self, stage: &str, part: f32) {
        if self.began.elapsed() < PATIENCE {
            return;
        }
        if self.quiet {
            if self.told.elapsed() >= INTERVAL {
                self.told = Instant::now();
                eprintln!("{stage}: {:.0} %", part * 100.0);
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg:24} {bar:40} {percent:>3} %  {elapsed}");
            ProgressBar::new(STEPS).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_message(stage.to_owned());
        bar.set_position((part.clamp(0.0, 1.0) * STEPS as f32) as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
