//! `--target`: the board that a plan is compiled for.

use std::path::Path;

use coulter_boards::{Board, Confidence, Cost, Misfit, Needs, Prediction};
use coulter_compile::Compiled;
use coulter_kernels::Isa;
use coulter_plan::{OpCode, Plan};
use coulter_repack::Form;
use serde_json::{Value, json};

use crate::error::{CliError, Result};
use crate::{output, suits};

/// Most steps that are told one by one.
const MAX_TOLD: usize = 12;

/// The board with this name, or that a file describes.
///
/// # Errors
/// When there is none, or the file cannot be read.
pub fn board(name: &str) -> Result<Board> {
    if let Some(board) = coulter_boards::find(name) {
        return Ok(board.clone());
    }
    if !name.ends_with(".toml") {
        let known: Vec<&str> = coulter_boards::all().iter().map(|board| board.id.as_str()).collect();
        return Err(CliError::usage(format!("no board is called {name:?}"))
            .hint(format!("use one of {}, or a board.toml of your own", known.join(", "))));
    }
    let text = std::fs::read_to_string(name).map_err(|e| CliError::failed(format!("cannot read {name}: {e}")))?;
    // A board is called as its folder is.
    let folder = Path::new(name).parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    Board::parse(&folder.unwrap_or_else(|| name.to_owned()), &text).map_err(CliError::failed)
}

/// What a plan's metadata tell of the board.
pub fn note(board: &Board) -> Value {
    let isas: Vec<&str> = board.isas.iter().map(|isa| isa.name()).collect();
    json!({ "board": board.id, "isa": board.best_isa().name(), "isas": isas, "ram_bytes": board.ram_bytes() })
}

/// Holds a plan against the board's memory.
///
/// # Errors
/// What it needs, what there is, and what to do.
pub fn fits(board: &Board, plan: &Plan<'_>) -> Result<()> {
    Needs::of(plan).on(board).map_err(|misfit| too_large(board, &misfit))
}

/// Whether 8-bit convolutions in tiles are faster there.
pub fn wants_int8_tiles(board: &Board) -> bool {
    Form::preferred(board.best_isa()) == Form::Tiles
}

/// Whether a plan does not fit, and has convolutions in tiles that could be computed directly in less memory.
pub fn is_too_large_for_tiles(board: &Board, compiled: &Compiled) -> bool {
    let tiles = [OpCode::WinogradConv2d, OpCode::QWinogradConv2d].map(OpCode::name);
    let report = &compiled.report;
    let needs = Needs { arena: report.arena_bytes, plan: report.plan_bytes, ..Needs::EMPTY };
    report.steps.iter().any(|step| tiles.contains(&step.op.as_str())) && needs.on(board).is_err()
}

/// Tells whether a plan may be brought to this board: it fits, and was compiled for it or for none.
///
/// # Errors
/// What the board lacks, and how to compile again.
pub fn accepts(board: &Board, plan: &Plan<'_>) -> Result<()> {
    fits(board, plan)?;
    match suits::target(plan) {
        Some(target)
            if Isa::from_name(&target.isa).is_none_or(|isa| isa != Isa::Generic && !board.isas.contains(&isa)) =>
        {
            Err(CliError::failed(format!(
                "the plan was compiled for {} ({}), which {} lacks: it has {}",
                target.board,
                target.isa,
                board.id,
                board.best_isa().name()
            ))
            .hint(format!(
                "coulter compile {}.onnx -o {}.plan --target {}",
                plan.name(),
                plan.name(),
                board.id
            )))
        }
        _ => Ok(()),
    }
}

fn too_large(board: &Board, Misfit { needs, usable, ram }: &Misfit) -> CliError {
    let larger =
        board.memory.ram_mib.iter().find(|&&mib| (mib << 20) as f64 * board.memory.share >= needs.total() as f64);
    let mut cures = vec!["compile with --int8, or with smaller --dim".to_owned()];
    if needs.arena < needs.plan {
        cures.push("--no-winograd makes weights shorter".into());
    }
    if let Some(mib) = larger {
        cures.push(format!("the board with {mib} MiB would hold it: give a board.toml with that memory"));
    }
    CliError::failed(format!(
        "the plan does not fit {}: it needs {} (arena {}, state {}, plan {}, program {}), a model may take {} of {}",
        board.id,
        output::bytes(needs.total()),
        output::bytes(needs.arena),
        output::bytes(needs.state),
        output::bytes(needs.plan),
        output::bytes(needs.program),
        output::bytes(*usable),
        output::bytes(*ram),
    ))
    .hint(cures.join("; "))
}

/// What a plan takes there, as the report tells it; null where nothing is known of the core.
pub fn predicted(board: &Board, prediction: Option<&Prediction>) -> Value {
    let Some(prediction) = prediction else { return Value::Null };
    let step = |step: &coulter_boards::StepCost| {
        json!({
            "index": step.index, "op": step.code.name(), "multiplications": step.multiplications,
            "elements": step.elements, "bytes": step.bytes, "ns": step.ns.round(),
        })
    };
    let error = match prediction.confidence {
        Confidence::Measured { mean, max, models } => {
            json!({ "measured": true, "mean": mean, "max": max, "models": models })
        }
        Confidence::Estimated { within } => json!({ "measured": false, "within_factor": within }),
    };
    json!({
        "target": board.id, "core": board.core.model, "isa": board.best_isa().name(), "mhz": board.core.mhz, "threads": 1,
        "total_ns": prediction.total_ns().round(), "error": error,
        "steps": prediction.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

/// Tells a person what a plan will take there, on standard error.
pub fn tell(board: &Board, plan: &Plan<'_>, prediction: Option<&Prediction>) {
    let (needs, isa) = (Needs::of(plan), board.best_isa().name());
    eprintln!("{}: needs {} of {}", board.name, output::bytes(needs.total()), output::bytes(board.usable_bytes()));
    let Some(prediction) = prediction else {
        eprintln!("no latency is predicted: nothing is known of the core {} with {isa}", board.core.model);
        return;
    };
    let total = prediction.total_ns();
    let mut order: Vec<_> = prediction.steps.iter().collect();
    order.sort_by(|a, b| b.ns.total_cmp(&a.ns));
    let right = ["#", "predicted", "share", "products", "bytes"];
    let mut table = output::table(&["#", "operator", "predicted", "share", "products", "bytes", "node"], &right);
    let percent = |ns: f64| format!("{:.1} %", ns * 100.0 / total.max(1.0));
    for step in order.iter().take(MAX_TOLD) {
        let products = if step.multiplications > 0 { output::count(step.multiplications) } else { String::new() };
        let node = output::shorten(plan.step(step.index).name, 60);
        let time = output::duration(step.ns as u64);
        let row = [
            step.index.to_string(),
            step.code.name().into(),
            time,
            percent(step.ns),
            products,
            output::bytes(step.bytes),
            node,
        ];
        table.add_row(row);
    }
    let rest: f64 = order.iter().skip(MAX_TOLD).map(|step| step.ns).sum();
    if order.len() > MAX_TOLD {
        let others = format!("{} others", order.len() - MAX_TOLD);
        table.add_row([String::new(), others, output::duration(rest as u64), percent(rest)]);
    }
    eprintln!("{table}");
    eprintln!(
        "predicted: {} on one {} at {} MHz with {isa}",
        output::duration(total as u64),
        board.core.model,
        board.core.mhz
    );
    eprintln!("  {}", prediction.confidence);
}

/// The prediction for a plan, where something is known of the board's core.
pub fn predict(board: &Board, plan: &Plan<'_>) -> Option<Prediction> {
    Cost::of(board).map(|cost| cost.predict(plan))
}
