//! Other processors: builds for microcontrollers, tests under emulation.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Counts, Result};

const MCU: &str = "thumbv7em-none-eabihf";
const ARM64: &str = "aarch64-unknown-linux-gnu";
/// Crates that run on a microcontroller.
const NO_STD: [&str; 3] = ["coulter-plan", "coulter-kernels", "coulter-exec"];
/// Processors to emulate: one without the optional instruction sets, one with all.
const CPUS: [&str; 2] = ["cortex-a53", "max"];

/// Builds and tests; gives the number of tests.
pub fn run() -> Result<Counts> {
    process::run(&format!("build for {MCU}"), &mut mcu_build()?)?;
    let mut counts = Counts::default();
    for cpu in CPUS {
        counts += process::run_tests(&format!("tests on {ARM64}, {cpu}"), &mut arm64_tests(cpu)?)?;
    }
    Ok(counts)
}

fn mcu_build() -> Result<Command> {
    let toolchain = Toolchain::with_target(MCU).or_else(Toolchain::with_source).ok_or_else(|| missing(MCU))?;
    let mut command = toolchain.cargo();
    command.args(["build", "--quiet", "--no-default-features", "--target", MCU]);
    command.args(NO_STD.iter().flat_map(|name| ["-p", name]));
    if toolchain.builds_core {
        // The standard library's source is there but not its binary; stable compilers build it only when told so.
        command.arg("-Zbuild-std=core,alloc").env("RUSTC_BOOTSTRAP", "1");
    }
    Ok(command)
}

fn arm64_tests(cpu: &str) -> Result<Command> {
    let toolchain = Toolchain::with_target(ARM64).ok_or_else(|| missing(ARM64))?;
    let mut command = toolchain.cargo();
    command.args(["test", "--quiet", "--no-fail-fast", "--lib", "--target", ARM64]);
    command.args(NO_STD.iter().flat_map(|name| ["-p", name]));
    let runner = format!("timeout 1200 qemu-aarch64 -cpu {cpu}");
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner);
    Ok(command)
}

/// Where other toolchains build.
pub fn target_dir() -> PathBuf {
    process::target_dir().join("cross")
}

/// Says how to come by a compiler.
pub fn missing(target: &str) -> String {
    format!("no compiler for {target}: run `rustup target add {target}`, or see .ci/run for Debian's packages")
}

/// A compiler and its cargo.
pub struct Toolchain {
    /// Folder of `rustc` and `cargo`; none for those that run this.
    bin: Option<PathBuf>,
    /// Whether `core` has to be built.
    builds_core: bool,
}

impl Toolchain {
    /// The running toolchain or the system's, whichever has the target's standard library.
    pub fn with_target(target: &str) -> Option<Self> {
        let has = |lib: PathBuf| lib.join("rustlib").join(target).join("lib").is_dir();
        if sysroot().is_some_and(|root| has(root.join("lib"))) {
            return Some(Self { bin: None, builds_core: false });
        }
        has(PathBuf::from("/usr/lib")).then(Self::system)
    }

    /// The system's, if it has the standard library's source.
    pub fn with_source() -> Option<Self> {
        let source = Path::new("/usr/lib/rustlib/src/rust/library");
        source.is_dir().then(|| Self { builds_core: true, ..Self::system() })
    }

    fn system() -> Self {
        Self { bin: Some(PathBuf::from("/usr/bin")), builds_core: false }
    }

    /// Its cargo, which builds into the folder that [`target_dir`] names.
    pub fn cargo(&self) -> Command {
        let mut command = process::cargo();
        if let Some(bin) = &self.bin {
            command = Command::new(bin.join("cargo"));
            command.current_dir(process::root()).env("RUSTC", bin.join("rustc")).env("RUSTDOC", bin.join("rustdoc"));
            // What the running toolchain's proxy sets must not reach the other.
            command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        }
        command.env("CARGO_TARGET_DIR", target_dir());
        command
    }
}

fn sysroot() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}
