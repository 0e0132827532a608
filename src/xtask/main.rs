//! Automation of the project: `cargo xtask VERB`.

mod ci;
mod cross;
mod deb;
mod dist;
mod docs;
mod firmware;
mod fmt;
mod inner_loops;
mod models;
mod process;
mod same_bits;
mod sbom;
mod target;

use std::process::ExitCode;

use crate::firmware::Show;

const USAGE: &str = "\
cargo xtask VERB

  ci              what every change must pass: formatting, clippy, docs, tests, cross, firmware
  fmt [--check]   rustfmt over every file under version control
  cross           no_std builds for thumbv7em, kernel and executor tests and plans on five emulated ARM processors,
                  the size of coulter-rt for every kind of machine
  firmware        builds firmware for the boards that QEMU emulates, runs models on them, and compares their outputs, and
                  what they take with what is kept
  size [--json | --keep]
                  what each model takes on each of these boards: RAM, flash, instructions a run; kept in boards/sizes.json
  docs [--check]  writes docs/onnx-support.md from a run of the ONNX node cases
  inner-loops LISTING
                  writes docs/arm-inner-loops.md from an assembly listing of the kernels; that page tells how to make it
  dist [TRIPLE]   static, stripped coulter and coulter-rt, packages, bills of materials and checksums
                  under target/dist/TRIPLE, for one kind of machine or for all
  runtime [TRIPLE]
                  coulter-rt alone: what it brings in and its size";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["ci"] => ci::run(),
        ["fmt"] => fmt::run(false),
        ["fmt", "--check"] => fmt::run(true),
        ["cross"] => cross::run().map(|counts| println!("{counts}")),
        ["firmware"] => firmware::run().map(|counts| println!("{counts}")),
        ["size"] => firmware::size(Show::Lines),
        ["size", "--json"] => firmware::size(Show::Json),
        ["size", "--keep"] => firmware::size(Show::Kept),
        ["docs"] => docs::run(false),
        ["docs", "--check"] => docs::run(true),
        ["inner-loops", listing] => inner_loops::run(std::path::Path::new(listing)),
        ["runtime"] => dist::runtime(&target::X86_64),
        ["runtime", triple] => target::Target::named(triple).and_then(dist::runtime),
        ["dist"] => dist::run(None),
        ["dist", triple] => dist::run(Some(triple)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
