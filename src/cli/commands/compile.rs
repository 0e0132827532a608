//! `coulter compile`

use coulter_compile::{Quantization, Report, Sensitivity};
use coulter_exec::AlignedBytes;
use coulter_plan::Plan;
use serde_json::json;

use crate::cache::Source;
use crate::calibration;
use crate::error::{CliError, Result};
use crate::flags::CompileArgs;
use crate::output::{self, say};
use crate::{emit_rust, files, target};

/// Compiles a model, writes the plan and tells what became of the nodes.
pub fn run(args: &CompileArgs, as_json: bool) -> Result<()> {
    let (quantize, flags) = calibration::options(&args.model, &args.quantize, &args.flags)?;
    let mut source = Source::read(&args.model, &flags)?;
    source.options.quantize = quantize;
    let board = args.target.as_deref().map(target::board).transpose()?;
    if let Some(board) = &board {
        source.options.metadata.insert("target".into(), target::note(board));
        source.options.winograd_int8 |= target::wants_int8_tiles(board);
    }
    let mut compiled = source.compile(&args.model)?;
    if let Some(board) = &board
        && target::is_too_large_for_tiles(board, &compiled)
    {
        // Tiles take four or eight times the weights: time is given for room.
        eprintln!("note: convolutions are not computed in tiles: the plan would not fit {}", board.id);
        (source.options.forbid_winograd, source.options.winograd_int8) = (true, false);
        compiled = source.compile(&args.model)?;
    }
    let written = |path: &std::path::Path, bytes: &[u8]| {
        files::write(path, bytes).map_err(|e| CliError::failed(format!("cannot write {}: {e}", path.display())))
    };
    let mut report = serde_json::to_value(&compiled.report).map_err(CliError::failed)?;
    let bytes = AlignedBytes::copy_of(&compiled.plan);
    let plan = Plan::parse(&bytes).map_err(CliError::failed)?;
    if let Some(path) = &args.emit_rust {
        written(path, emit_rust::of(&plan)?.as_bytes())?;
    }
    if let Some(board) = &board {
        target::fits(board, &plan)?;
        let prediction = target::predict(board, &plan);
        report["prediction"] = target::predicted(board, prediction.as_ref());
        target::tell(board, &plan, prediction.as_ref());
    }
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
    if let Some(quantization) = &report.quantization {
        quantized(report, quantization);
    }
    in_f32(report);
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

/// How the model was quantized, and what that costs.
fn quantized(report: &Report, quantization: &Quantization) {
    let Quantization { ranges, equalization, samples, measure, f32, int8, agreement, error, .. } = quantization;
    let bytes = report.steps.iter().filter(|step| step.precision == "int8").count();
    let biases = if quantization.bias_correction { ", biases corrected" } else { "" };
    let equalized =
        if equalization == "none" { String::new() } else { format!(", channels equalized ({equalization})") };
    say!(
        "{bytes} of {} compute in 8 bits; ranges {ranges}{equalized}{biases}",
        output::plural(report.steps.len(), "step")
    );
    let percent = |part: f64| format!("{:.2} %", part * 100.0);
    let agreement = agreement.map_or_else(String::new, |part| format!(", same answer {}", percent(part)));
    let measured = match measure.as_str() {
        "accuracy" => format!("accuracy f32 {}, int8 {}", percent(*f32), percent(*int8)),
        _ => "no labels".into(),
    };
    say!("on {}: {measured}{agreement}, error of the outputs {}", output::plural(*samples, "sample"), percent(*error));
    if !quantization.sensitivity.is_empty() {
        sensitivity(&quantization.sensitivity);
    }
}

/// The f32 steps that could have been of 8 bits, and why they are not.
fn in_f32(report: &Report) {
    let real: Vec<_> = report.steps.iter().filter(|step| step.precision == "f32" && !step.why.is_empty()).collect();
    if !real.is_empty() {
        let mut table = output::table(&["#", "f32 step", "why", "nodes"], &["#"]);
        for step in real {
            let nodes = output::shorten(&step.onnx_nodes.join(", "), 60);
            table.add_row([&step.index.to_string(), &step.op, &step.why, &nodes]);
        }
        say!("{table}");
    }
}

/// What each node costs, the worst first.
fn sensitivity(rows: &[Sensitivity]) {
    let header = ["node", "operator", "MACs", "SQNR dB", "error alone", "drop alone", ""];
    let mut table = output::table(&header, &["MACs", "SQNR dB", "error alone", "drop alone"]);
    let mut rows: Vec<&Sensitivity> = rows.iter().collect();
    rows.sort_by(|a, b| b.error.total_cmp(&a.error));
    for row in rows {
        let db = row.sqnr_db.map_or_else(String::new, |db| format!("{db:.1}"));
        let percent = |part: f64| format!("{:.2} %", part * 100.0);
        let kept = if row.kept { "kept in f32" } else { "" };
        let macs = output::count(row.macs);
        let node = output::shorten(&row.node, 60);
        table.add_row([&node, &row.op, &macs, &db, &percent(row.error), &percent(row.drop), kept]);
    }
    say!("{table}");
}
