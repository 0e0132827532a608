//! `coulter compile`

use coulter_compile::Report;
use serde_json::json;

use crate::cache::{self, Source};
use crate::error::{CliError, Result};
use crate::flags::CompileArgs;
use crate::output::{self, say};

/// Compiles a model, writes the plan and tells what became of the nodes.
pub fn run(args: &CompileArgs, as_json: bool) -> Result<()> {
    let compiled = Source::read(&args.model, &args.flags)?.compile(&args.model)?;
    let written = |path: &std::path::Path, bytes: &[u8]| {
        cache::write(path, bytes).map_err(|e| CliError::failed(format!("cannot write {}: {e}", path.display())))
    };
    let report = serde_json::to_value(&compiled.report).map_err(CliError::failed)?;
    if let Some(path) = &args.report {
        written(path, format!("{report:#}\n").as_bytes())?;
    }
    written(&args.output, &compiled.plan)?;
    if as_json {
        output::json(&json!({ "model": args.model, "plan": args.output, "report": report }));
    } else {
        summary(&compiled.report, &args.output.display().to_string());
    }
    Ok(())
}

fn summary(report: &Report, plan: &str) {
    let macs: u64 = report.steps.iter().map(|s| s.macs).sum();
    say!("{plan}: {}, {}", output::bytes(report.plan_bytes), output::plural(report.steps.len(), "step"));
    say!(
        "arena {} (lower bound {}), {} MACs, {} nodes fused, {} folded",
        output::bytes(report.arena_bytes),
        output::bytes(report.arena_lower_bound_bytes),
        output::count(macs),
        report.fused.len(),
        report.folded.len()
    );
    if report.fallback.is_empty() {
        say!("every step is native");
        return;
    }
    say!("{} in tract-core:", output::plural(report.fallback.len(), "node"));
    let mut table = output::table(&["node", "operator", "why"], &[]);
    for entry in &report.fallback {
        table.add_row([&entry.onnx_node, &entry.op, &entry.reason]);
    }
    say!("{table}");
}
