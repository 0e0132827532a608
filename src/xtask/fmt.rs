//! Formatting. `cargo fmt` does not see modules that macros declare, so rustfmt gets every file by name.

use std::process::Command;

use crate::process::{self, Result};

/// Formats, or with `check` tells what is not formatted.
pub fn run(check: bool) -> Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.rs"])
        .current_dir(process::root())
        .output()
        .map_err(|e| format!("git ls-files: {e}"))?;
    let text = String::from_utf8_lossy(&listed.stdout);
    let files = text.split('\0').filter(|f| !f.is_empty() && process::root().join(f).exists());
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.current_dir(process::root()).args(["--edition", "2024"]).args(files);
    if check { check_only(rustfmt) } else { process::run("rustfmt", &mut rustfmt) }
}

fn check_only(mut rustfmt: Command) -> Result<()> {
    println!("== rustfmt --check");
    let checked = rustfmt.args(["--check", "--color=never"]).output().map_err(|e| format!("rustfmt: {e}"))?;
    // It prints whole paths; those of a checkout say more without its place.
    let prefix = format!("{}/", process::root().display());
    print!("{}", String::from_utf8_lossy(&checked.stdout).replace(&prefix, ""));
    eprint!("{}", String::from_utf8_lossy(&checked.stderr).replace(&prefix, ""));
    if checked.status.success() { Ok(()) } else { Err("not formatted: run `cargo xtask fmt`".into()) }
}
