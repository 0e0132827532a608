//! The ONNX backend node cases: none is answered wrongly, more pass than in tract, and the support table is current.

mod case;
mod engines;
mod table;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use case::Case;

/// Longest time for one case.
const LIMIT: Duration = Duration::from_secs(60);
const STACK: usize = 32 << 20;
/// Panics of threads with this name are expected and counted.
const CASE_THREAD: &str = "node-case";

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The expected answer, all steps our own.
    Native,
    /// The expected answer, some steps run by tract.
    Fallback,
    /// An error.
    Refused(String),
    /// An answer that is not the expected one.
    Wrong(String),
    /// A panic.
    Panicked(String),
    /// No end within the time limit.
    Hung,
}

impl Outcome {
    fn passed(&self) -> bool {
        matches!(self, Outcome::Native | Outcome::Fallback)
    }

    fn word(&self) -> &'static str {
        match self {
            Outcome::Native => "native",
            Outcome::Fallback => "fallback",
            Outcome::Refused(_) => "refused",
            Outcome::Wrong(_) => "wrong",
            Outcome::Panicked(_) => "panicked",
            Outcome::Hung => "hung",
        }
    }

    fn detail(&self) -> &str {
        match self {
            Outcome::Refused(text) | Outcome::Wrong(text) | Outcome::Panicked(text) => text,
            _ => "",
        }
    }
}

/// A case and what became of it here and in tract.
pub struct Row {
    pub case: String,
    /// Operator that the case is about.
    pub operator: String,
    pub coulter: Outcome,
    pub tract: Outcome,
}

/// Folder of the cases: `COULTER_ONNX_NODE_SUITE`, or the one in CI's Python environment.
fn suite() -> Option<PathBuf> {
    let in_target = || {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let lib = std::fs::read_dir(target.join("venv/lib")).ok()?.flatten().next()?.path();
        Some(lib.join("site-packages/onnx/backend/test/data/node"))
    };
    if let Some(folder) = std::env::var_os("COULTER_ONNX_NODE_SUITE").map(PathBuf::from) {
        assert!(folder.is_dir(), "COULTER_ONNX_NODE_SUITE is not a folder");
        return Some(folder);
    }
    in_target().filter(|folder| folder.is_dir())
}

#[test]
fn onnx_node_cases() {
    let Some(folder) = suite() else {
        assert!(std::env::var_os("COULTER_WRITE_DOCS").is_none(), "no ONNX node cases to write the docs from");
        println!("skipped: no ONNX node cases (set COULTER_ONNX_NODE_SUITE to onnx/backend/test/data/node)");
        return;
    };
    let rows = run_all(&case::list(&folder));
    if let Some(log) = std::env::var_os("COULTER_CONFORMANCE_LOG") {
        std::fs::write(log, table::log(&rows)).expect("the log can be written");
    }
    let bad: Vec<String> = rows
        .iter()
        .filter(|r| matches!(r.coulter, Outcome::Wrong(_) | Outcome::Panicked(_) | Outcome::Hung))
        .map(|r| format!("{}: {} {}", r.case, r.coulter.word(), r.coulter.detail()))
        .collect();
    assert!(bad.is_empty(), "{} cases without a right answer or an error:\n{}", bad.len(), bad.join("\n"));

    let ours = rows.iter().filter(|r| r.coulter.passed()).count();
    let tract = rows.iter().filter(|r| r.tract.passed()).count();
    assert!(ours > tract, "{ours} of {} cases pass here, {tract} in tract", rows.len());

    table::compare_with_docs(&table::render(&rows));
}

fn run_all(cases: &[PathBuf]) -> Vec<Row> {
    silence_case_threads();
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(folder) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = run_one(folder);
                    rows.lock().expect("no thread panics with the lock").push(row);
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("no thread panics with the lock");
    rows.sort_by(|a, b| a.case.cmp(&b.case));
    rows
}

fn run_one(folder: &std::path::Path) -> Row {
    let name = case::name(folder);
    match Case::load(folder) {
        Ok(case) => {
            let coulter = guarded({
                let case = case.clone();
                move || engines::coulter(&case)
            });
            let operator = case.operator.clone();
            let tract = guarded(move || engines::tract(&case));
            Row { case: name, operator, coulter, tract }
        }
        Err(reason) => {
            let outcome = Outcome::Refused(format!("case cannot be read: {reason}"));
            Row { case: name, operator: "?".into(), coulter: outcome.clone(), tract: outcome }
        }
    }
}

/// Runs in a thread of its own, so that a panic or a hang is an outcome.
fn guarded(work: impl FnOnce() -> Outcome + Send + 'static) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let body = move || {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let outcome = caught.unwrap_or_else(|cause| {
            let text = cause.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| cause.downcast_ref::<String>().cloned());
            Outcome::Panicked(text.unwrap_or_default())
        });
        // Past the time limit nobody listens any more.
        let _ = sender.send(outcome);
    };
    let builder = std::thread::Builder::new().name(CASE_THREAD.into()).stack_size(STACK);
    builder.spawn(body).expect("threads can be started");
    receiver.recv_timeout(LIMIT).unwrap_or(Outcome::Hung)
}

fn silence_case_threads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() != Some(CASE_THREAD) {
            usual(info);
        }
    }));
}
