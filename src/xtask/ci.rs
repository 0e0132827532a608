//! What every change must pass.

use std::time::Instant;

use crate::process::{self, Counts, Result};
use crate::{cross, firmware, fmt};

/// Runs all checks and ends with the line `N passed, N failed`.
pub fn run() -> Result<()> {
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    let mut since = Instant::now();
    let mut check = |what: &str, outcome: Result<()>| {
        let seconds = since.elapsed().as_secs();
        since = Instant::now();
        match outcome {
            Ok(()) => println!("{what}: ok, {seconds} s"),
            Err(message) => {
                println!("{what}: FAILED after {seconds} s: {message}");
                failures.push(message);
            }
        }
    };
    check("formatting", fmt::run(true));
    check("tests", process::run_tests("cargo test", &mut test(), &mut |_| ()).and_then(|c| count(&mut counts, c)));
    check("clippy", process::run("cargo clippy", &mut clippy()));
    check("docs", process::run("cargo doc", &mut doc()));
    check("cross", cross::run().and_then(|c| count(&mut counts, c)));
    check("firmware", firmware::run().and_then(|c| count(&mut counts, c)));
    counts.failed = counts.failed.max(failures.len() as u64);
    println!("{counts}");
    if failures.is_empty() { Ok(()) } else { Err(format!("{} checks failed", failures.len())) }
}

fn count(total: &mut Counts, of_run: Counts) -> Result<()> {
    *total += of_run;
    if of_run.failed == 0 { Ok(()) } else { Err(of_run.to_string()) }
}

/// What the README tells people to run.
fn test() -> std::process::Command {
    let mut command = process::cargo();
    command.args(["test", "--quiet", "--no-fail-fast"]);
    command
}

fn clippy() -> std::process::Command {
    let mut command = process::cargo();
    command.args(["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]);
    command
}

fn doc() -> std::process::Command {
    let mut command = process::cargo();
    command.args(["doc", "--quiet", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    command
}
