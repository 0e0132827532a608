//! Binaries to ship.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{self, Result};

/// The triple of this machine's own binaries.
pub const HOST: &str = "x86_64-unknown-linux-gnu";
/// Most bytes of the runtime-only program: a guard against growth. The aim is 3 MiB.
const MAX_RUNTIME_BYTES: u64 = 7 << 19;
/// What the runtime-only program leaves out where it is linked by LLVM's linker: nobody catches its panics, so that it
/// needs no tables to unwind by.
const NO_UNWINDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/no_unwinding.ld");

/// Builds `coulter` and the runtime-only `coulter-rt`, static and stripped, and prints their sizes.
pub fn run(triple: &str) -> Result<()> {
    for (binary, features) in [("coulter", &["--features", "compile"][..]), ("coulter-rt", &[])] {
        let (copy, bytes) = ship(triple, binary, features)?;
        println!("{:8.2} MiB  {}", bytes as f64 / f64::from(1 << 20), copy.display());
    }
    Ok(())
}

/// Builds the runtime-only program and fails when it is too large or brings in tract.
pub fn runtime() -> Result<()> {
    let mut tree = process::cargo();
    tree.args(["tree", "--quiet", "--package", "coulter", "--no-default-features", "--edges", "normal"]);
    let tree = tree.output().map_err(|e| format!("cargo tree: {e}"))?;
    let text = String::from_utf8_lossy(&tree.stdout);
    if !tree.status.success() || !text.contains("coulter-exec") {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&tree.stderr)));
    }
    if let Some(line) = text.lines().find(|l| l.contains("tract")) {
        return Err(format!("coulter-rt brings in {}", line.trim_matches(|c: char| !c.is_ascii_alphanumeric())));
    }
    let (_, bytes) = ship(HOST, "coulter-rt", &[])?;
    println!("coulter-rt: {:.2} MiB", bytes as f64 / f64::from(1 << 20));
    if bytes < MAX_RUNTIME_BYTES { Ok(()) } else { Err(format!("coulter-rt has {bytes} bytes")) }
}

/// Builds one program and copies it to where it is shipped from; gives the place and its bytes.
fn ship(triple: &str, binary: &str, features: &[&str]) -> Result<(PathBuf, u64)> {
    let out = process::target_dir().join("dist").join(triple);
    std::fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    // What compiles is built for speed alone, what only runs for size where it is not computing.
    let profile = if features.is_empty() { "dist-rt" } else { "dist" };
    process::run(binary, build(triple, binary, profile).args(features))?;
    let built = process::target_dir().join(triple).join(profile).join(binary);
    let copy = out.join(binary);
    std::fs::copy(&built, &copy).map_err(|e| format!("{binary}: {e}"))?;
    if profile == "dist-rt" && triple == HOST {
        // A linker that is given a script keeps the symbols.
        process::run("strip", Command::new("strip").arg(&copy))?;
    }
    let bytes = std::fs::metadata(&copy).map_err(|e| format!("{binary}: {e}"))?.len();
    Ok((copy, bytes))
}

fn build(triple: &str, binary: &str, profile: &str) -> Command {
    let mut command = process::cargo();
    command.args(["build", "--quiet", "--profile", profile, "--no-default-features", "--package", "coulter"]);
    command.args(["--target", triple, "--bin", binary]).env("RUSTFLAGS", rust_flags(triple, profile));
    command
}

fn rust_flags(triple: &str, profile: &str) -> String {
    let mut flags = String::from("-Ctarget-feature=+crt-static");
    if profile == "dist-rt" && triple == HOST {
        for argument in ["-z,pack-relative-relocs", "--no-eh-frame-hdr", &format!("-T,{NO_UNWINDING}")] {
            flags += &format!(" -Clink-arg=-Wl,{argument}");
        }
    }
    flags
}
