//! Binaries to ship.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cross::{self, Toolchain};
use crate::process::{self, Result};

/// The triple of this machine's own binaries.
pub const HOST: &str = "x86_64-unknown-linux-gnu";
/// What the runtime-only program is built for on such machines: static, and without what glibc brings along.
const RUNTIME: &str = "x86_64-unknown-linux-musl";
/// Where Debian's musl-tools keep the C library.
const MUSL: &str = "/usr/lib/x86_64-linux-musl";
/// Most bytes of the runtime-only program: 3 MiB.
const MAX_RUNTIME_BYTES: u64 = 3 << 20;
/// What the runtime-only program leaves out: nobody catches its panics, so that it needs no tables to unwind by.
const NO_UNWINDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/no_unwinding");

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
    let (profile, runtime) = if features.is_empty() { ("dist-rt", true) } else { ("dist", false) };
    let arguments = |command: &mut Command, triple: &str| {
        command.args(["build", "--quiet", "--profile", profile, "--no-default-features", "--package", "coulter"]);
        command.args(["--target", triple, "--bin", binary]).args(features);
    };
    let built = if runtime && triple == HOST {
        let mut command = musl(&process::target_dir().join("unwind"))?;
        arguments(&mut command, RUNTIME);
        process::run(binary, &mut command)?;
        cross::target_dir().join(RUNTIME)
    } else {
        let mut command = process::cargo();
        arguments(&mut command, triple);
        process::run(binary, command.env("RUSTFLAGS", "-Ctarget-feature=+crt-static"))?;
        process::target_dir().join(triple)
    };
    let copy = out.join(binary);
    std::fs::copy(built.join(profile).join(binary), &copy).map_err(|e| format!("{binary}: {e}"))?;
    if runtime && triple == HOST {
        // A linker that is given a script keeps the symbols.
        process::run("strip", Command::new("strip").arg(&copy))?;
    }
    let bytes = std::fs::metadata(&copy).map_err(|e| format!("{binary}: {e}"))?.len();
    Ok((copy, bytes))
}

/// A cargo that builds for [`RUNTIME`], with the standard library built for size where only its source is there.
/// `unwind` is a folder for what takes the place of the unwinder.
fn musl(unwind: &Path) -> Result<Command> {
    let toolchain = Toolchain::with_source().ok_or_else(|| cross::missing(RUNTIME))?;
    std::fs::create_dir_all(unwind).map_err(|e| format!("{}: {e}", unwind.display()))?;
    let object = unwind.join("no_unwinding.o");
    let source = format!("{NO_UNWINDING}.c");
    process::run(
        "musl-gcc (Debian: musl-tools)",
        Command::new("musl-gcc").args(["-Os", "-c", &source, "-o"]).arg(&object),
    )?;
    process::run("ar", Command::new("ar").arg("crs").arg(unwind.join("libunwind.a")).arg(&object))?;

    let mut flags = format!("-Ctarget-feature=+crt-static -Crelocation-model=static -Clink-self-contained=no -L{MUSL}");
    flags += &format!(" -Clinker=musl-gcc -L{} -Clink-arg=-Wl,--no-eh-frame-hdr", unwind.display());
    flags += &format!(" -Clink-arg=-Wl,-T,{NO_UNWINDING}.ld");
    let mut command = toolchain.cargo();
    command.args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"]);
    command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", flags);
    Ok(command)
}
