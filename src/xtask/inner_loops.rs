//! What models of processors say of the inner loops of aarch64: `docs/arm-inner-loops.md`.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{self, Result};

/// Processors, as llvm-mca calls them.
const CORES: [&str; 5] = ["cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76", "neoverse-n2"];

/// Times a loop is run.
const ITERATIONS: usize = 200;

/// A loop that multiplies and adds.
struct Loop {
    /// What a reader calls it.
    name: &'static str,
    /// Parts of its function's symbol.
    symbol: &'static [&'static str],
    /// Instructions that are counted, and the products of each.
    instructions: &'static [&'static str],
    products: usize,
    /// Products a cycle that each core's units for these instructions allow; none where it lacks them.
    peaks: [Option<usize>; CORES.len()],
}

const WIDENING: [Option<usize>; CORES.len()] = [Some(8); CORES.len()];
const WORDS: [Option<usize>; CORES.len()] = [Some(4); CORES.len()];
const DOT: [Option<usize>; CORES.len()] = [None, Some(16), None, Some(32), Some(32)];
const MATRIX: [Option<usize>; CORES.len()] = [None, None, None, None, Some(64)];
const MIXED: [Option<usize>; CORES.len()] = [None, None, None, None, Some(32)];

const LOOPS: [Loop; 7] = [
    Loop {
        name: "product, `smull` `smlsl` `sadalp`, 2×16",
        symbol: &["7gemm_i84neon3runKj2_"],
        instructions: &["smull", "smlsl"],
        products: 8,
        peaks: WIDENING,
    },
    Loop {
        name: "product, `sdot`, 5×16",
        symbol: &["7gemm_i87neondot3runKj5_Kj4_"],
        instructions: &["sdot"],
        products: 16,
        peaks: DOT,
    },
    Loop {
        name: "product of one row, `sdot`, 1×16",
        symbol: &["7gemm_i87neondot3runKj1_Kj4_"],
        instructions: &["sdot"],
        products: 16,
        peaks: DOT,
    },
    Loop {
        name: "product, `usmmla`, 6×16",
        symbol: &["7gemm_i88neoni8mm", "Kj6_Kj3_Kj4_"],
        instructions: &["usmmla"],
        products: 32,
        peaks: MATRIX,
    },
    Loop {
        name: "depthwise 3×3, stride 1, `smlal`, four columns of two rows",
        symbol: &["12depthwise_i8", "4neon", "5strip4Tile", "Kj3_Kj1_Kj2_Kj4_"],
        instructions: &["smlal"],
        products: 4,
        peaks: WORDS,
    },
    Loop {
        name: "depthwise 3×3, stride 1, `sdot`, two columns of two rows",
        symbol: &["12depthwise_i8", "7neondot", "5sweep5Sweep", "_EKj1_Kj2_", "_Kb1_Kb0_"],
        instructions: &["sdot"],
        products: 16,
        peaks: DOT,
    },
    Loop {
        name: "depthwise 3×3, stride 1, `usdot`, two columns of two rows",
        symbol: &["12depthwise_i8", "8neoni8mm", "5sweep5Sweep", "_EKj1_Kj2_", "_Kb1_Kb0_"],
        instructions: &["usdot"],
        products: 16,
        peaks: MIXED,
    },
];

const PREFACE: &str = "\
# Inner loops of aarch64

Written by `cargo xtask inner-loops LISTING` with llvm-mca, from what the compiler makes of the kernels:

    cargo rustc -p coulter-kernels --release --target aarch64-unknown-linux-gnu -- \\
        --emit asm=LISTING -Csymbol-mangling-version=v0 -Ccodegen-units=1

These are static models of cores, some of which share a table of another core's latencies: caches, branches and memory are
not in them. They are not measurements. *Products* are multiplications of two numbers, those with zeros that fill
quads counted too. Rates are products a cycle, of those that a core's units could do if a loop were nothing but its
multiplications. Depthwise loops also turn their sums into bytes.

| loop | instructions | products | products an instruction |";

/// Reads an assembly listing and writes the page.
pub fn run(listing: &Path) -> Result<()> {
    let text = std::fs::read_to_string(listing).map_err(|error| format!("reading {}: {error}", listing.display()))?;
    let functions = functions(&text);
    let mut page = String::from(PREFACE);
    for core in CORES {
        let _ = write!(page, " {core} |");
    }
    let _ = write!(page, "\n|---|--:|--:|--:|{}\n", "--:|".repeat(CORES.len()));
    for wanted in &LOOPS {
        let body = find(&functions, wanted).ok_or_else(|| format!("no loop for {}", wanted.name))?;
        let products = wanted.count(&body) * wanted.products;
        let each = products as f64 / body.len() as f64;
        let _ = write!(page, "| {} | {} | {products} | {each:.1} |", wanted.name, body.len());
        for (core, peak) in CORES.into_iter().zip(wanted.peaks) {
            let Some(peak) = peak else {
                page.push_str(" – |");
                continue;
            };
            let rate = products as f64 / cycles(&body, core)?;
            let _ = write!(page, " {rate:.1} of {peak}, {:.0} % |", 100.0 * rate / peak as f64);
        }
        page.push('\n');
    }
    let path = process::root().join("docs/arm-inner-loops.md");
    std::fs::write(&path, page).map_err(|error| format!("writing {}: {error}", path.display()))
}

impl Loop {
    /// Counted instructions of a loop.
    fn count(&self, body: &[&str]) -> usize {
        let is_counted = |line: &&&str| {
            let name = line.split_whitespace().next().unwrap_or_default();
            self.instructions.contains(&name.strip_suffix('2').unwrap_or(name))
        };
        body.iter().filter(is_counted).count()
    }
}

/// Functions of a listing by symbol: labels and instructions.
fn functions(listing: &str) -> HashMap<&str, Vec<&str>> {
    let mut functions: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut current = "";
    for line in listing.lines().map(str::trim) {
        match line.strip_suffix(':') {
            Some(label) if label.starts_with("_R") => current = label,
            Some(label) if label.starts_with(".Lfunc_end") => current = "",
            Some(_) => functions.entry(current).or_default().push(line),
            None if line.is_empty() || line.starts_with(['.', '/']) => {}
            None => functions.entry(current).or_default().push(line),
        }
    }
    functions
}

/// The straight stretch with the most counted instructions and the fewest others, of the functions that are meant.
fn find<'a>(functions: &HashMap<&str, Vec<&'a str>>, wanted: &Loop) -> Option<Vec<&'a str>> {
    let is_wanted = |symbol: &str| wanted.symbol.iter().all(|part| symbol.contains(part));
    let all = functions.iter().filter(|(symbol, _)| is_wanted(symbol)).flat_map(|(_, lines)| stretches(lines));
    let rank = |stretch: &Vec<&str>| {
        let repeats = stretch.last().is_some_and(|line| line.starts_with("b."));
        (wanted.count(stretch), repeats, Reverse(stretch.len()))
    };
    all.max_by_key(rank).filter(|stretch| wanted.count(stretch) > 0)
}

/// Instructions between labels, with the branches that end them.
fn stretches<'a>(lines: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut all = vec![Vec::new()];
    for line in lines {
        let is_label = line.ends_with(':');
        if !is_label {
            all.last_mut().into_iter().for_each(|stretch| stretch.push(*line));
        }
        if is_label || ["b.", "b\t", "cb", "tb", "ret"].iter().any(|branch| line.starts_with(branch)) {
            all.push(Vec::new());
        }
    }
    all
}

/// Cycles of an iteration on a core.
fn cycles(body: &[&str], core: &str) -> Result<f64> {
    let mut command = Command::new("llvm-mca");
    command.args(["-mtriple=aarch64", "-mattr=+dotprod,+i8mm", "-instruction-info=0", "-resource-pressure=0"]);
    command.args([format!("-mcpu={core}"), format!("-iterations={ITERATIONS}")]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("running llvm-mca: {error}"))?;
    // Labels are not there: branches lead anywhere.
    let lines = body.iter().map(|line| match line.find(".L") {
        Some(label) => format!("{}#-64\n", &line[..label]),
        None => format!("{line}\n"),
    });
    let text: String = lines.collect();
    let mut input = child.stdin.take().ok_or("llvm-mca reads nothing")?;
    input.write_all(text.as_bytes()).map_err(|error| format!("writing to llvm-mca: {error}"))?;
    drop(input);
    let output = child.wait_with_output().map_err(|error| format!("waiting for llvm-mca: {error}"))?;
    let output = String::from_utf8_lossy(&output.stdout);
    let total = output.lines().find_map(|line| line.strip_prefix("Total Cycles:")?.trim().parse::<f64>().ok());
    Ok(total.ok_or_else(|| format!("llvm-mca tells nothing of {core}"))? / ITERATIONS as f64)
}
