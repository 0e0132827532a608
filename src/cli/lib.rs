//! The command line: flags, verbs, reports, exit statuses.
//!
//! `coulter` has every verb; without the feature `compile` (the program `coulter-rt`) it runs, measures, inspects and
//! verifies plans, and links no compiler.
#![deny(unsafe_code)]

pub mod allocations;
#[cfg(feature = "compile")]
mod cache;
#[cfg(feature = "compile")]
mod calibration;
mod commands;
mod describe;
#[cfg(feature = "compile")]
mod emit_rust;
mod engine;
pub mod environment;
pub mod error;
mod files;
pub mod flags;
mod inputs;
mod map;
mod measure;
mod memory;
mod model;
mod output;
mod progress;
mod repack;
mod results;
mod suits;
#[cfg(feature = "compile")]
mod target;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::flags::{Cli, Verb};
use crate::output::say;

/// Runs the program with this process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Where the terminal is gone there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if cli.help_env {
        say!("{}", environment::HELP);
        return ExitCode::SUCCESS;
    }
    let Some(verb) = cli.verb else { return error::CliError::usage("give a verb: see --help").report() };
    let done = match &verb {
        #[cfg(feature = "compile")]
        Verb::Compile(args) => commands::compile::run(args, cli.json),
        #[cfg(feature = "compile")]
        Verb::Check(args) => commands::check::run(args, cli.json),
        #[cfg(feature = "compile")]
        Verb::Boards => {
            commands::boards::run(cli.json);
            Ok(())
        }
        #[cfg(feature = "compile")]
        Verb::Diff(args) => commands::diff::run(args, cli.json),
        Verb::Run(args) => commands::run::run(args, cli.json),
        Verb::Bench(args) => commands::bench::run(args, cli.json),
        Verb::Inspect(args) => commands::inspect::run(args, cli.json),
        Verb::Install(args) => commands::install::run(args, cli.json),
        Verb::Verify(args) => commands::verify::run(args, cli.json),
        #[cfg(feature = "compile")]
        Verb::Sign(verb) => commands::sign::run(verb, cli.json),
    };
    done.map_or_else(|error| error.report(), |()| ExitCode::SUCCESS)
}
