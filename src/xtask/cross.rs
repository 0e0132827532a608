//! Other processors: builds for microcontrollers, tests and plans under emulation.

use std::collections::BTreeSet;
use std::process::Command;

use crate::process::{self, Counts, Result};
use crate::target::{self, AARCH64, ARMV7, Target, Toolchain};
use crate::{dist, same_bits};

const MCU: &str = "thumbv7em-none-eabihf";
/// What firmware for it turns on.
const FOR_MCU: &str = "coulter-exec/dsp,coulter-exec/defmt,coulter-update/defmt";
/// Crates that run plans on a microcontroller; all tests run on all processors.
const NO_STD: [&str; 3] = ["coulter-plan", "coulter-kernels", "coulter-exec"];

/// A processor to emulate.
pub struct Cpu {
    /// QEMU's name for it.
    pub name: &'static str,
    /// What runs on it.
    pub target: &'static Target,
    /// QEMU's program.
    pub emulator: &'static str,
    /// The instruction sets that have to be found on it, best last.
    pub isas: &'static [&'static str],
}

/// Raspberry Pi 3, 4 and 5 (and Jetson Nano and Orin with them), all that there is, and a 32-bit system.
pub const CPUS: [Cpu; 5] = [
    Cpu { name: "cortex-a53", target: &AARCH64, emulator: "qemu-aarch64", isas: &["generic", "neon"] },
    Cpu { name: "cortex-a72", target: &AARCH64, emulator: "qemu-aarch64", isas: &["generic", "neon"] },
    Cpu { name: "cortex-a76", target: &AARCH64, emulator: "qemu-aarch64", isas: &["generic", "neon", "neondot"] },
    Cpu { name: "max", target: &AARCH64, emulator: "qemu-aarch64", isas: &["generic", "neon", "neondot", "neoni8mm"] },
    Cpu { name: "cortex-a7", target: &ARMV7, emulator: "qemu-arm", isas: &["generic", "dsp"] },
];

/// A part of the work that can go on beside another.
#[derive(Clone, Copy)]
enum Part {
    /// The kernels', executor's and plans' tests on all processors, one after the other: they use all of this machine's.
    Tests,
    /// The programs that are shipped to run plans; linking them takes one processor of this machine's at a time.
    Runtimes,
}

/// Builds and tests everything; gives the number of tests, and of runs of plans.
///
/// # Errors
/// What could not be built.
pub fn run() -> Result<Counts> {
    process::run(&format!("build for {MCU}"), &mut mcu_build()?)?;
    let mut counts = Counts::default();
    for of_part in process::side_by_side(&[Part::Tests, Part::Runtimes], |part| part.run()) {
        counts += of_part?;
    }
    counts += same_bits::run()?;
    Ok(counts)
}

impl Part {
    fn run(self) -> Result<Counts> {
        let mut counts = Counts::default();
        match self {
            Self::Tests => {
                for cpu in &CPUS {
                    counts += tests(cpu)?;
                }
            }
            Self::Runtimes => target::SHIPPED.into_iter().try_for_each(dist::runtime)?,
        }
        Ok(counts)
    }
}

/// Runs the tests on one processor.
fn tests(cpu: &Cpu) -> Result<Counts> {
    let mut covered = BTreeSet::new();
    let mut see = |line: &str| covered.extend(covered_by(line).map(str::to_owned));
    let what = format!("tests on {}: {} expected", cpu.name, cpu.isas.join(", "));
    let mut counts = process::run_tests(&what, &mut emulated(cpu)?, &mut see)?;
    let covered: Vec<&str> = cpu.isas.iter().copied().filter(|isa| covered.contains(*isa)).collect();
    println!("{}: {counts}; covered {}", cpu.name, covered.join(", "));
    if covered != cpu.isas {
        println!("FAILED: {} should run kernels for {}", cpu.name, cpu.isas.join(", "));
        counts.failed += 1;
    }
    Ok(counts)
}

fn mcu_build() -> Result<Command> {
    let mut command = Toolchain::of(MCU)?.cargo("build", "core,alloc");
    command.args(["--no-default-features", "--features", FOR_MCU, "--target", MCU]);
    command.args(NO_STD.iter().chain(&["coulter-update"]).flat_map(|name| ["-p", name]));
    Ok(command)
}

/// The instruction sets that a line of a family's tests says to have run: `gemm_i8: covered neon, generic of …`.
fn covered_by(line: &str) -> impl Iterator<Item = &str> {
    let told = line.split_once(": covered ").and_then(|(_, rest)| rest.split_once(" of "));
    told.into_iter().flat_map(|(names, _)| names.split(", "))
}

/// Tests that fail where a family has kernels for an instruction set that is expected and does not run them.
fn emulated(cpu: &Cpu) -> Result<Command> {
    let triple = cpu.target.triple;
    let mut command = Toolchain::of(triple)?.cargo("test", "std,panic_unwind,test");
    command.args(["--no-fail-fast", "--lib", "--target", triple]);
    command.args(NO_STD.iter().flat_map(|name| ["-p", name]));
    command.args(["--", "--nocapture"]).env("COULTER_EXPECT_ISA", cpu.isas.join(","));
    // Emulated, random cases take twenty times as long, and the backtraces of panics that are expected do.
    command.env("COULTER_TEST_ONE_OF", "3");
    command.env("RUST_BACKTRACE", "0");
    command.env(cpu.target.variable("RUNNER"), format!("timeout 1200 {} -cpu {}", cpu.emulator, cpu.name));
    Ok(command)
}

/// Where plans are tried.
pub fn folder() -> std::path::PathBuf {
    target::target_dir().join("plans")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_is_read_after_the_dots_of_quiet_tests() {
        let line = "....gemm_i8: covered neon, generic of neondot, neon, generic";
        assert_eq!(covered_by(line).collect::<Vec<_>>(), ["neon", "generic"]);
        assert_eq!(covered_by("test result: ok. 3 passed").count(), 0);
    }
}
