//! The worker that a harness drives to time this program beside others.
//!
//! `bench --worker MODEL THREADS NAME:ELEMENT:SHAPE:FILE…` answers `ready` once its first inference is done, then
//! obeys one-line commands on standard input: `run N` (times of N inferences, nanoseconds), `allocs N` (requests and
//! bytes an inference), `rss` (peak, KiB), `output PATH` (first output as f32), `quit`. What cannot be done is
//! answered with `error` and the cause.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use coulter_exec::Session;
use coulter_pipeline::Array;
use coulter_plan::{DType, Plan};

use crate::engine::{self, Engine};
use crate::error::{CliError, Result};
use crate::flags::BenchArgs;
use crate::inputs;
use crate::model::Model;
use crate::output::say;
use crate::{allocations, measure, results};

/// Serves one model until `quit` or the end of standard input.
pub fn serve(args: &BenchArgs) -> Result<()> {
    attempt(args).inspect_err(|e| say!("error {}", e.message.replace('\n', " ")))
}

fn attempt(args: &BenchArgs) -> Result<()> {
    let usage = || CliError::usage("bench --worker MODEL THREADS NAME:ELEMENT:SHAPE:FILE…");
    let (threads, specs) = args.rest.split_first().ok_or_else(usage)?;
    let threads = threads.parse().map_err(|_| usage())?;
    let given = specs.iter().map(|s| input(s)).collect::<Result<Vec<_>>>()?;

    let began = Instant::now();
    let model = Model::open(&args.model, &args.flags.compile, !args.flags.no_cache)?;
    let plan = model.plan(&args.model)?;
    let arrays = ordered(&plan, given)?;
    let mut engine = Engine::new(&plan, threads, args.flags.allow_fallback || model.trusted)?;
    let mut session = engine.bind(plan)?;
    let load = began.elapsed();
    let first = infer(&mut session, &arrays)?;
    say(format_args!("ready import_ns=0 load_ns={} first_ns={first}", load.as_nanos()))?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(CliError::failed)?;
        let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
        if command == "quit" {
            break;
        }
        obey(command, argument, &mut session, &arrays)?;
    }
    Ok(())
}

fn obey(command: &str, argument: &str, session: &mut Session<'_>, arrays: &[Array]) -> Result<()> {
    let count = || argument.parse::<u32>().map_err(|_| CliError::failed(format!("{argument:?} is no number")));
    match command {
        "run" => {
            let times = (0..count()?).map(|_| infer(session, arrays)).collect::<Result<Vec<_>>>()?;
            let words: Vec<String> = times.iter().map(ToString::to_string).collect();
            say(format_args!("times {}", words.join(" ")))
        }
        "allocs" => {
            let n = count()?.max(1);
            let (requests, bytes) = (allocations::count(), allocations::bytes());
            for _ in 0..n {
                infer(session, arrays)?;
            }
            let each = |now: u64, before: u64| (now - before) as f64 / f64::from(n);
            let (requests, bytes) = (each(allocations::count(), requests), each(allocations::bytes(), bytes));
            say(format_args!("allocs {requests:.1} {bytes:.0}"))
        }
        "rss" => say(format_args!("rss {}", measure::peak_rss_bytes().unwrap_or(0) / 1024)),
        "output" => {
            let outputs = results::outputs(session);
            let first = outputs.first().and_then(|(_, a)| a.convert(DType::F32));
            let first = first.ok_or_else(|| CliError::failed("the first output does not convert to f32"))?;
            std::fs::write(argument, first.bytes).map_err(|e| CliError::failed(format!("{argument}: {e}")))?;
            say(format_args!("output"))
        }
        other => Err(CliError::failed(format!("unknown command {other:?}"))),
    }
}

fn say(line: std::fmt::Arguments<'_>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(CliError::failed)
}

/// One inference with its inputs copied in, in nanoseconds.
fn infer(session: &mut Session<'_>, arrays: &[Array]) -> Result<u64> {
    let plan = *session.plan();
    let began = Instant::now();
    inputs::fill(session, arrays);
    session.run().map_err(|e| engine::failed(&plan, e))?;
    Ok(began.elapsed().as_nanos() as u64)
}

/// Reads `NAME:ELEMENT:D0,D1,…:FILE`.
fn input(spec: &str) -> Result<(String, Array)> {
    let wrong = || CliError::usage(format!("{spec:?} is not NAME:ELEMENT:SHAPE:FILE"));
    let fields: Vec<&str> = spec.rsplitn(4, ':').collect();
    let [file, shape, element, name] = fields[..] else { return Err(wrong()) };
    let dtype = DType::ALL.into_iter().find(|d| d.name() == element).ok_or_else(wrong)?;
    let dims = shape.split(',').filter(|d| !d.is_empty()).map(str::parse).collect::<std::result::Result<_, _>>();
    let bytes = std::fs::read(Path::new(file)).map_err(|e| CliError::failed(format!("cannot read {file}: {e}")))?;
    Ok((name.to_owned(), Array { dtype, shape: dims.map_err(|_| wrong())?, bytes }))
}

/// The arrays in the order of the plan's inputs.
fn ordered(plan: &Plan<'_>, given: Vec<(String, Array)>) -> Result<Vec<Array>> {
    let of = |port: coulter_plan::Port<'_>| {
        let wanted = port.tensor.len().unwrap_or(0) * port.tensor.dtype.size();
        let found = given.iter().find(|(name, _)| name == port.name).and_then(|(_, a)| a.convert(port.tensor.dtype));
        let fits = found.filter(|a| a.bytes.len() == wanted);
        fits.ok_or_else(|| CliError::failed(format!("no value of {wanted} bytes for input {}", port.name)))
    };
    plan.inputs().map(of).collect()
}
