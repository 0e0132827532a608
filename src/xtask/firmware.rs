//! Firmware under emulation: a plan in flash gives the bytes that it gives here.
//!
//! For each board and model the plan is compiled, a firmware that carries it is built in the workspace `boards/`, and QEMU
//! runs it. It replays the plan's golden vectors by itself, then runs the samples of a file; its outputs are compared with
//! those of `coulter run`, byte by byte.

mod image;
mod kept;
mod samples;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use self::kept::Kept;
use crate::cross;
use crate::models::{self, Model};
use crate::process::{self, Counts, Result};
use crate::target::{self, Toolchain};

/// A board that QEMU emulates.
struct Board {
    /// The name of its folder in `boards/`, of its crate and of QEMU's machine.
    name: &'static str,
    triple: &'static str,
    /// Nanoseconds of a tick of its SysTick.
    tick: u64,
}

/// Cortex-M4F and Cortex-M7.
const BOARDS: [Board; 2] = [
    Board { name: "mps2-an386", triple: "thumbv7em-none-eabihf", tick: 40 },
    Board { name: "mps2-an500", triple: "thumbv7em-none-eabihf", tick: 40 },
];

/// Most seconds of an emulated run.
const LIMIT: &str = "300";

/// What a firmware needs and tells.
struct Figures {
    board: &'static str,
    model: &'static str,
    arena_bytes: u64,
    state_bytes: u64,
    /// Data of the firmware's own.
    static_bytes: u64,
    stack_bytes: u64,
    /// All of flash but the plan.
    code_bytes: u64,
    plan_bytes: u64,
    /// Of the longest run of a sample.
    instructions: u64,
    /// Samples whose outputs were compared, beside the golden ones.
    samples: usize,
}

/// Builds and runs every model on every board; ends with the line `N passed, N failed`.
///
/// # Errors
/// What could not be built.
pub fn run() -> Result<Counts> {
    let (coulter, kept) = (models::compiler()?, Kept::read()?);
    let mut counts = Counts::default();
    for (board, model, folder) in pairs() {
        match measure(&coulter, board, model, &folder).and_then(|figures| kept.check(&figures).map(|()| figures)) {
            Ok(figures) => {
                println!("{}", figures.line());
                counts.passed += 1;
            }
            Err(why) => {
                println!("FAILED: {} on {}: {why}", model.folder, board.name);
                counts.failed += 1;
            }
        }
    }
    Ok(counts)
}

/// How the figures are shown, and whether they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// A line a board and model.
    Lines,
    /// One JSON array.
    Json,
    /// As lines, and kept in the repository.
    Kept,
}

/// Prints what every model needs on every board.
///
/// # Errors
/// What could not be built, or answers otherwise than here.
pub fn size(show: Show) -> Result<()> {
    let coulter = models::compiler()?;
    let mut all = Vec::new();
    for (board, model, folder) in pairs() {
        let figures = measure(&coulter, board, model, &folder)?;
        if show != Show::Json {
            println!("{}", figures.line());
        }
        all.push(figures);
    }
    match show {
        Show::Lines => {}
        Show::Json => println!("{:#}", serde_json::Value::from(all.iter().map(Figures::json).collect::<Vec<_>>())),
        Show::Kept => Kept::write(&all)?,
    }
    Ok(())
}

/// The compiler's version.
fn version() -> Result<String> {
    Ok(Toolchain::of(BOARDS[0].triple)?.version())
}

fn pairs() -> Vec<(&'static Board, &'static Model, PathBuf)> {
    let models = models::for_firmware();
    BOARDS.iter().flat_map(|board| models.iter().map(move |(model, folder)| (board, *model, folder.clone()))).collect()
}

/// Builds a firmware, runs it and compares its answers.
fn measure(coulter: &Path, board: &'static Board, model: &'static Model, source: &Path) -> Result<Figures> {
    let folder = cross::folder().join(board.name).join(model.folder);
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let plan = folder.join("model.plan");
    let constants = folder.join("model.rs");
    model.compile(coulter, source, &plan, &["--small-arena".as_ref(), "--emit-rust".as_ref(), constants.as_ref()])?;
    let samples = samples::write(coulter, model, source, &folder)?;
    let program = build(board, &plan)?;
    let told = Told::read(&emulate(board, &program, &folder)?)?;
    if told.outputs.concat() != samples.wanted {
        return Err("other outputs than here".into());
    }
    let constant = |name: &str| {
        let value = constant(&constants, name, "usize")?;
        value.parse::<u64>().map_err(|e| format!("{name}: {e}"))
    };
    let (plan_bytes, memory) = (constant("PLAN_BYTES")?, constant("MEMORY_BYTES")?);
    let image = image::Image::read(&program)?;
    let figures = Figures {
        board: board.name,
        model: model.folder,
        arena_bytes: constant("ARENA_BYTES")?,
        state_bytes: constant("STATE_BYTES")?,
        static_bytes: image.ram.saturating_sub(memory),
        stack_bytes: told.stack,
        code_bytes: image.flash.saturating_sub(plan_bytes),
        plan_bytes,
        instructions: told.ticks * board.tick,
        samples: samples.count,
    };
    Ok(figures)
}

/// Builds the firmware that carries a plan.
fn build(board: &Board, plan: &Path) -> Result<PathBuf> {
    let mut command = Toolchain::of(board.triple)?.cargo("build", "core");
    command.current_dir(process::root().join("boards")).env("COULTER_PLAN", plan);
    command.args(["--release", "--target", board.triple, "--package", board.name]);
    let status = command.status().map_err(|e| format!("cargo: {e}"))?;
    if !status.success() {
        return Err(format!("the firmware cannot be built: {status}"));
    }
    Ok(target::target_dir().join(board.triple).join("release").join(board.name))
}

/// Runs a firmware, which reads the samples of the folder; gives what it says.
fn emulate(board: &Board, program: &Path, folder: &Path) -> Result<String> {
    let mut command = Command::new("timeout");
    command.args([LIMIT, "qemu-system-arm", "-machine", board.name, "-display", "none", "-monitor", "none"]);
    // An instruction takes a nanosecond, so that ticks count instructions.
    command.args(["-serial", "stdio", "-semihosting-config", "enable=on,target=native", "-icount", "shift=0"]);
    let output = command.arg("-kernel").arg(program).current_dir(folder).stdin(std::process::Stdio::null()).output();
    let output = output.map_err(|e| format!("qemu-system-arm: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!(
        "{}: {}{}",
        output.status,
        text.lines().last().unwrap_or("nothing was said"),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// The value of a constant that `coulter compile --emit-rust` wrote, without quotation marks.
fn constant(file: &Path, name: &str, kind: &str) -> Result<String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let begin = format!("pub const {name}: {kind} = ");
    let value = text.lines().find_map(|line| line.strip_prefix(&begin)?.strip_suffix(';'));
    Ok(value.ok_or_else(|| format!("{} has no {name}", file.display()))?.trim_matches('"').to_owned())
}

/// What a firmware says: see `boards/support/run.rs`.
#[derive(Debug, Default, PartialEq)]
struct Told {
    golden: u64,
    stack: u64,
    ticks: u64,
    outputs: Vec<Vec<u8>>,
}

impl Told {
    fn read(text: &str) -> Result<Self> {
        let mut told = Self::default();
        let mut done = false;
        for line in text.lines() {
            let Some((word, digits)) = line.split_once(' ') else { return Err(format!("it says {line:?}")) };
            let number = || u64::from_str_radix(digits, 16).map_err(|e| format!("{line:?}: {e}"));
            match word {
                "golden" => told.golden = number()?,
                "ticks" => told.ticks = told.ticks.max(number()?),
                "output" => told.outputs.push(bytes(digits).ok_or_else(|| format!("{line:?} is no row of bytes"))?),
                "done" => done = true,
                _ if word.starts_with("stack_") => told.stack = told.stack.max(number()?),
                _ => {}
            }
        }
        if !done || told.golden == 0 || told.ticks == 0 {
            return Err(format!("it did not come to its end, or has proved nothing: {text}"));
        }
        Ok(told)
    }
}

/// Bytes from hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(|pair| if pair.len() == 2 { byte(pair) } else { None }).collect()
}

impl Figures {
    fn line(&self) -> String {
        format!(
            "{} on {}: {} samples equal; RAM {} B (arena {}, state {}, static {}, stack {}), code {} B, plan {} B, {} instructions",
            self.model,
            self.board,
            self.samples,
            self.arena_bytes + self.state_bytes + self.static_bytes + self.stack_bytes,
            self.arena_bytes,
            self.state_bytes,
            self.static_bytes,
            self.stack_bytes,
            self.code_bytes,
            self.plan_bytes,
            self.instructions
        )
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "board": self.board,
            "model": self.model,
            "arena_bytes": self.arena_bytes,
            "state_bytes": self.state_bytes,
            "static_bytes": self.static_bytes,
            "stack_bytes": self.stack_bytes,
            "code_bytes": self.code_bytes,
            "plan_bytes": self.plan_bytes,
            "instructions": self.instructions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_firmware_says_is_read() {
        let text =
            "memory 00000500\nstack_parse 00000100\nstack_run 00000200\ngolden 00000001\nticks 00000010\noutput 00ff\n";
        assert!(Told::read(text).is_err(), "it did not end");
        let told = Told { golden: 1, stack: 512, ticks: 16, outputs: vec![vec![0, 255]] };
        assert_eq!(Told::read(&format!("{text}done 00000000\n")), Ok(told));
        assert!(Told::read("done 00000000\n").is_err(), "nothing was proved");
        assert!(Told::read("garbage\n").is_err() && bytes("0f0").is_none() && bytes("zz").is_none());
    }
}
