//! Binaries to ship.

use std::process::Command;

use crate::process::{self, Result};

/// Builds `coulter` and the runtime-only `coulter-rt`, static and stripped, and prints their sizes.
pub fn run(triple: &str) -> Result<()> {
    let out = process::target_dir().join("dist").join(triple);
    std::fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    for (binary, features) in [("coulter", &["--features", "compile"][..]), ("coulter-rt", &[])] {
        process::run(binary, build(triple, binary).args(features))?;
        let built = process::target_dir().join(triple).join("dist").join(binary);
        let copy = out.join(binary);
        let bytes = std::fs::copy(&built, &copy).map_err(|e| format!("{binary}: {e}"))?;
        println!("{binary:12} {:8.2} MiB", bytes as f64 / f64::from(1 << 20));
    }
    Ok(())
}

fn build(triple: &str, binary: &str) -> Command {
    let mut command = process::cargo();
    command.args(["build", "--quiet", "--profile", "dist", "--no-default-features", "--package", "coulter"]);
    command.args(["--target", triple, "--bin", binary]).env("RUSTFLAGS", "-Ctarget-feature=+crt-static");
    command
}
