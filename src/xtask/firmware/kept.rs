//! The figures that are kept in the repository: what firmware needs may not grow unnoticed.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Figures, version};
use crate::process::{self, Result};

/// What figures may grow by, in percent.
const ALLOWED: u64 = 2;

/// Kept figures, and the compiler that they are of.
pub struct Kept {
    compiler: String,
    figures: Vec<Value>,
}

fn file() -> PathBuf {
    process::root().join("boards/sizes.json")
}

impl Kept {
    /// Reads them.
    ///
    /// # Errors
    /// When they are not there, or are none.
    pub fn read() -> Result<Self> {
        let failed = |e: String| format!("{}: {e}", file().display());
        let text = std::fs::read_to_string(file()).map_err(|e| failed(e.to_string()))?;
        let value: Value = serde_json::from_str(&text).map_err(|e| failed(e.to_string()))?;
        let compiler = value["rustc"].as_str().ok_or_else(|| failed("no rustc".into()))?.to_owned();
        let figures = value["figures"].as_array().ok_or_else(|| failed("no figures".into()))?.clone();
        Ok(Self { compiler, figures })
    }

    /// Keeps figures of models that were measured, and those of others as they are.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(figures: &[Figures]) -> Result<()> {
        let mut all = Self::read().map_or_else(|_| Vec::new(), |kept| kept.figures);
        for new in figures.iter().map(Figures::json) {
            match all.iter_mut().find(|old| is_same(old, &new)) {
                Some(old) => *old = new,
                None => all.push(new),
            }
        }
        let text = format!("{:#}\n", json!({ "rustc": version()?, "figures": all }));
        std::fs::write(file(), text).map_err(|e| format!("{}: {e}", file().display()))
    }

    /// Whether figures are no more than a little above those that are kept. Those of another compiler are not compared.
    ///
    /// # Errors
    /// Which of them grew, from what to what; or that none are kept.
    pub fn check(&self, figures: &Figures) -> Result<()> {
        if self.compiler != version()? {
            return Ok(());
        }
        self.compare(&figures.json())
    }

    fn compare(&self, new: &Value) -> Result<()> {
        let cure = "if that is meant: cargo xtask size --keep";
        let kept = self.figures.iter().find(|kept| is_same(kept, new)).ok_or(format!("no figures are kept; {cure}"))?;
        let of = |value: &Value, names: &[&str]| names.iter().filter_map(|&name| value[name].as_u64()).sum::<u64>();
        let ram = ["arena_bytes", "state_bytes", "static_bytes", "stack_bytes"];
        for (what, names) in [("RAM", &ram[..]), ("code", &["code_bytes"]), ("instructions", &["instructions"])] {
            let (before, now) = (of(kept, names), of(new, names));
            if now * 100 > before * (100 + ALLOWED) {
                return Err(format!("{what} grew from {before} to {now}; {cure}"));
            }
        }
        Ok(())
    }
}

fn is_same(a: &Value, b: &Value) -> bool {
    a["board"] == b["board"] && a["model"] == b["model"]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_by_more_than_two_percent_is_told() {
        let of = |model: &str, stack: u64, code: u64, instructions: u64| {
            json!({ "board": "b", "model": model, "arena_bytes": 900, "stack_bytes": stack, "code_bytes": code,
                "instructions": instructions })
        };
        let kept = Kept { compiler: "1".into(), figures: vec![of("m", 100, 5000, 100_000)] };
        assert_eq!(kept.compare(&of("m", 120, 5100, 102_000)), Ok(()));
        assert!(
            kept.compare(&of("m", 121, 5000, 100_000)).is_err_and(|why| why.contains("RAM grew from 1000 to 1021"))
        );
        assert!(kept.compare(&of("m", 0, 5101, 100_000)).is_err_and(|why| why.contains("code grew")));
        assert!(kept.compare(&of("m", 0, 0, 102_001)).is_err_and(|why| why.contains("instructions grew")));
        assert!(kept.compare(&of("n", 0, 0, 0)).is_err_and(|why| why.contains("no figures are kept")));
    }
}
