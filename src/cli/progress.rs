//! Progress of long work, on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Work shorter than this shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often progress is told where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(10);
/// How often a bar is drawn.
const BLINK: Duration = Duration::from_millis(100);
/// Characters of a bar.
const WIDTH: usize = 40;
/// Goes back to the beginning of the line and wipes it.
const WIPE: &str = "\r\x1b[K";

/// A bar that appears when work takes long; lines where there is no terminal.
pub struct Progress {
    began: Instant,
    told: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    /// Begins.
    pub fn new() -> Self {
        Self { began: Instant::now(), told: None, is_terminal: std::io::stderr().is_terminal() }
    }

    /// Tells how far `stage` has come, 0 to 1.
    pub fn tell(&mut self, stage: &str, part: f32) {
        let interval = if self.is_terminal { BLINK } else { INTERVAL };
        let early = self.told.map_or(interval.max(PATIENCE) > self.began.elapsed(), |told| told.elapsed() < interval);
        if early {
            return;
        }
        self.told = Some(Instant::now());
        let percent = part.clamp(0.0, 1.0) * 100.0;
        if self.is_terminal {
            let done = (percent as usize * WIDTH) / 100;
            let (bar, seconds) = ("#".repeat(done), self.began.elapsed().as_secs());
            eprint!("{WIPE}{stage:24} {bar:-<WIDTH$} {percent:>3.0} %  {seconds} s");
        } else {
            eprintln!("{stage}: {percent:.0} %");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_terminal && self.told.is_some() {
            eprint!("{WIPE}");
        }
    }
}
