//! `coulter bench`

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use coulter_exec::{Observer, Session, Values, verify};
use coulter_plan::{DType, OpCode, Plan, Step};
use serde_json::{Value, json};

use super::worker;
use crate::engine::{self, Engine};
use crate::error::{CliError, Result};
use crate::flags::BenchArgs;
use crate::model::Model;
use crate::watch::Watch;
use crate::{
    allocations, measure,
    output::{self, say},
};

/// Most times that are kept.
const MAX_RUNS: usize = 1 << 20;
/// Part of the time that goes before measuring.
const WARM_UP: f64 = 0.2;

/// Measures a model.
pub fn run(args: &BenchArgs, as_json: bool) -> Result<()> {
    if args.worker {
        return worker::serve(args);
    }
    if !args.rest.is_empty() {
        return Err(CliError::usage(format!("{:?} is not expected here", args.rest[0])));
    }
    if !(args.time > 0.0 && args.time < 1e6) {
        return Err(CliError::usage("--time takes a number of seconds above 0"));
    }
    if args.once {
        return once(args);
    }
    let began = Instant::now();
    let model = Model::open(&args.model, &args.flags.compile, !args.flags.no_cache)?;
    let plan = model.plan(&args.model)?;
    let mut engine = Engine::of(&model, &plan, &args.flags)?;
    engine.note(&plan);
    let isa = engine.isas.best().name();
    let mut watch = Watch::new(&args.govern, &engine)?;
    let mut session = engine.bind(plan)?;
    let load_ns = began.elapsed().as_nanos() as u64;
    let first_run_ns = timed(&mut session)?;

    let times = measured(&mut session, args.time, &mut watch)?;
    let allocations_per_run = allocations(&mut session)?;
    let steps = profile(&mut session)?;
    let cold = cold_start(args);
    let figures = Figures { isa, load_ns, first_run_ns, times, allocations_per_run, cold, watch };
    if as_json {
        output::json(&figures.object(&model.name, &plan, args.flags.threads, &steps));
    } else {
        figures.print(&model.name, &plan, args.flags.threads);
        if args.profile {
            say!();
            print_profile(&plan, &steps);
        }
    }
    Ok(())
}

/// Loads, runs once and tells that, for the parent that measures from the start of this process.
fn once(args: &BenchArgs) -> Result<()> {
    let model = Model::open(&args.model, &args.flags.compile, true)?;
    let plan = model.plan(&args.model)?;
    let mut engine = Engine::of(&model, &plan, &args.flags)?;
    let mut session = engine.bind(plan)?;
    feed(&mut session);
    // Whoever runs a plan has inputs of his own, and not those of the golden cases in memory.
    model.bytes.forget();
    session.run().map_err(|e| engine::failed(&plan, e))?;
    say!("{}", measure::peak_rss_bytes().unwrap_or(0));
    Ok(())
}

/// Time from the start of a process to its first answer, and its peak memory.
struct Cold {
    first_answer_ns: u64,
    peak_rss_bytes: u64,
}

/// Runs this program anew on a compiled plan; `None` where that is not possible.
fn cold_start(args: &BenchArgs) -> Option<Cold> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args(["bench", "--once", "--threads", &args.flags.threads.to_string()]).arg(&args.model);
    if args.flags.allow_fallback {
        command.arg("--allow-fallback");
    }
    for (name, value) in &args.flags.compile.dims {
        command.arg("--dim").arg(format!("{name}={value}"));
    }
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut line = String::new();
    let read = BufReader::new(child.stdout.take()?).read_line(&mut line);
    let first_answer_ns = began.elapsed().as_nanos() as u64;
    let ended = child.wait().ok()?;
    let peak_rss_bytes = line.trim().parse().ok().filter(|_| read.is_ok() && ended.success())?;
    Some(Cold { first_answer_ns, peak_rss_bytes })
}

/// Gives the session inputs as they may be, where the plan has some: any bits are no index and no token.
fn feed(session: &mut Session<'_>) {
    let plan = *session.plan();
    if plan.golden_count() > 0 {
        verify::feed(session, &plan.golden(0));
    }
}

fn timed(session: &mut Session<'_>) -> Result<u64> {
    let plan = *session.plan();
    feed(session);
    let began = Instant::now();
    session.run().map_err(|e| engine::failed(&plan, e))?;
    Ok(began.elapsed().as_nanos() as u64)
}

/// Times of runs, sorted.
fn measured(session: &mut Session<'_>, seconds: f64, watch: &mut Watch) -> Result<Vec<u64>> {
    let total = Duration::from_secs_f64(seconds);
    let began = Instant::now();
    while began.elapsed() < total.mul_f64(WARM_UP) {
        timed(session)?;
    }
    let mut times = Vec::new();
    watch.begin();
    while times.is_empty() || began.elapsed() < total && times.len() < MAX_RUNS {
        let ns = timed(session)?;
        times.push(ns);
        watch.after(Duration::from_nanos(ns));
    }
    watch.end();
    times.sort_unstable();
    Ok(times)
}

fn allocations(session: &mut Session<'_>) -> Result<f64> {
    const RUNS: u32 = 8;
    let before = allocations::count();
    for _ in 0..RUNS {
        timed(session)?;
    }
    Ok((allocations::count() - before) as f64 / f64::from(RUNS))
}

/// Least time of each step over several runs, in nanoseconds.
fn profile(session: &mut Session<'_>) -> Result<Vec<u64>> {
    struct Times {
        began: Instant,
        least: Vec<u64>,
    }
    impl Observer for Times {
        fn before(&mut self, _: usize) -> bool {
            self.began = Instant::now();
            true
        }
        fn after(&mut self, step: &Step<'_>, _: &Values<'_, '_>) {
            let ns = self.began.elapsed().as_nanos() as u64;
            self.least[step.index] = self.least[step.index].min(ns);
        }
    }
    let plan = *session.plan();
    let mut times = Times { began: Instant::now(), least: vec![u64::MAX; plan.step_count()] };
    for _ in 0..10 {
        feed(session);
        session.observe(&mut times).map_err(|e| engine::failed(&plan, e))?;
    }
    Ok(times.least)
}

struct Figures {
    isa: &'static str,
    load_ns: u64,
    first_run_ns: u64,
    times: Vec<u64>,
    allocations_per_run: f64,
    cold: Option<Cold>,
    watch: Watch,
}

impl Figures {
    fn peak_rss_bytes(&self) -> Option<u64> {
        self.cold.as_ref().map(|c| c.peak_rss_bytes).or_else(measure::peak_rss_bytes)
    }

    fn object(&self, name: &str, plan: &Plan<'_>, threads: u16, steps: &[u64]) -> Value {
        let at = |percent| measure::percentile(&self.times, percent);
        let step = |step: Step<'_>| json!({ "index": step.index, "op": step.code.name(), "node": step.name, "macs": step.macs, "ns": steps[step.index] });
        json!({
            "model": name,
            "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            "isa": self.isa,
            "threads": threads,
            "precision": precision(plan),
            "runs": self.times.len(),
            "median_ns": at(50),
            "p10_ns": at(10),
            "p99_ns": at(99),
            "min_ns": at(0),
            "macs": macs(plan),
            "arena_bytes": plan.arena_bytes(),
            "state_bytes": plan.state_bytes(),
            "plan_bytes": plan.bytes().len(),
            "peak_rss_bytes": self.peak_rss_bytes(),
            "load_ns": self.load_ns,
            "first_run_ns": self.first_run_ns,
            "process_to_first_answer_ns": self.cold.as_ref().map(|c| c.first_answer_ns),
            "allocations_per_run": self.allocations_per_run,
            "joules_per_run": self.watch.joules_per_run(self.times.len()),
            "board": self.watch.object(),
            "steps": plan.steps().map(step).collect::<Vec<_>>(),
        })
    }

    fn print(&self, name: &str, plan: &Plan<'_>, threads: u16) {
        let at = |percent| measure::percentile(&self.times, percent);
        let rate = macs(plan) as f64 / at(50).max(1) as f64;
        say!("{name}: {}, {}, {}", precision(plan), self.isa, output::plural(threads.into(), "thread"));
        let mut rows = vec![
            ("latency", format!("{} median of {} runs", output::duration(at(50)), self.times.len())),
            ("", format!("{} p10, {} p99", output::duration(at(10)), output::duration(at(99)))),
            ("work", format!("{} MACs, {rate:.1} GMAC/s", output::count(macs(plan)))),
            ("load", format!("{}, first run {}", output::duration(self.load_ns), output::duration(self.first_run_ns))),
            (
                "memory",
                format!(
                    "arena {}, plan {}",
                    output::bytes(plan.arena_bytes() as u64),
                    output::bytes(plan.bytes().len() as u64)
                ),
            ),
            ("", format!("{} allocations a run", self.allocations_per_run)),
        ];
        if let Some(cold) = &self.cold {
            let (time, memory) = (output::duration(cold.first_answer_ns), output::bytes(cold.peak_rss_bytes));
            rows.push(("process", format!("{time} from its start to the first answer, peak memory {memory}")));
        }
        rows.extend(self.watch.rows(self.times.len()));
        for (what, text) in rows {
            say!("  {what:8} {text}");
        }
    }
}

fn macs(plan: &Plan<'_>) -> u64 {
    plan.steps().map(|s| s.macs).sum()
}

/// The arithmetic of the steps with multiply-accumulates; of all where there are none.
fn precision(plan: &Plan<'_>) -> &'static str {
    let heavy = |s: &Step<'_>| s.macs > 0 && s.code != OpCode::Fallback;
    let of = |s: Step<'_>| s.operands.input(0).map(|t| t.dtype);
    let found: Vec<DType> = plan.steps().filter(heavy).filter_map(of).collect();
    let is_int8 = |d: &DType| matches!(d, DType::I8 | DType::U8);
    match (found.iter().any(is_int8), found.iter().all(is_int8)) {
        (true, true) => "int8",
        (true, false) => "mixed",
        _ => "f32",
    }
}

fn print_profile(plan: &Plan<'_>, steps: &[u64]) {
    let total: u64 = steps.iter().sum();
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(steps[i]));
    let right = ["#", "time", "share", "MACs", "GMAC/s"];
    let mut table = output::table(&["#", "operator", "output", "time", "share", "MACs", "GMAC/s", "node"], &right);
    for i in order {
        let step = plan.step(i);
        let shape = step.operands.output(0).map(|t| output::shape(&t.dims)).unwrap_or_default();
        let share = format!("{:.1} %", steps[i] as f64 * 100.0 / total.max(1) as f64);
        let (macs, rate) = if step.macs > 0 {
            (output::count(step.macs), format!("{:.1}", step.macs as f64 / steps[i].max(1) as f64))
        } else {
            Default::default()
        };
        let row = [i.to_string(), step.code.name().into(), shape, output::duration(steps[i]), share, macs, rate];
        table.add_row(row.into_iter().chain([output::shorten(step.name, 60)]));
    }
    say!("{table}");
}
