//! `coulter diff`

use coulter_compile::diff::{self, DiffRow};
use coulter_plan::OpCode;
use serde_json::json;

use crate::error::{CliError, Result};
use crate::flags::DiffArgs;
use crate::inputs::Inputs;
use crate::model::{self, Model};
use crate::output::{self, say};
use crate::progress::Progress;

/// Compares a plan with its ONNX model, tensor by tensor, on the first sample given.
pub fn run(args: &DiffArgs, as_json: bool) -> Result<()> {
    let model = Model::open(&args.plan, &args.flags.compile, !args.flags.no_cache)?;
    let plan = model.plan(&args.plan)?;
    let falls_back = plan.steps().any(|s| s.code == OpCode::Fallback);
    if falls_back && !args.flags.allow_fallback && !model.trusted {
        return Err(CliError::failed(
            "the plan has steps that tract-core runs, and its sub-models are opened only on request",
        )
        .hint("pass --allow-fallback if you trust this plan"));
    }
    let description = model::description(&plan, &args.flags.compile.pipeline)?;
    let mut inputs = Inputs::read(&plan, &description, &args.input)?;
    let first: Vec<Vec<u8>> = inputs.runs.swap_remove(0).into_iter().map(|a| a.bytes).collect();
    let mut progress = Progress::new();
    let rows = diff::diff(&args.model, plan, &first, &mut |stage, part| progress.tell(stage, part))?;
    drop(progress);
    let surprise = rows.iter().find(|r| r.first_surprise);
    if as_json {
        output::json(&json!({ "ok": surprise.is_none(), "rows": rows }));
    } else {
        print(&rows);
    }
    match surprise {
        None => Ok(()),
        Some(row) => Err(CliError::does_not_hold(format!(
            "step {} ({}) is the first that is further off than rounding explains: tensor {}, relative error {:.1e}",
            row.step, row.op, row.tensor, row.relative_error
        ))),
    }
}

/// Rows up to the first surprise.
fn print(rows: &[DiffRow]) {
    let header = ["step", "operator", "max error", "relative", "SQNR dB", "", "tensor"];
    let mut table = output::table(&header, &["step", "max error", "relative", "SQNR dB"]);
    let shown = rows.iter().position(|r| r.first_surprise).map_or(rows.len(), |i| i + 1);
    for row in &rows[..shown] {
        let mark = if row.first_surprise { "<- surprise" } else { "" };
        let sqnr = if row.sqnr_db.is_finite() { format!("{:.1}", row.sqnr_db) } else { "equal".into() };
        let (max, relative) = (format!("{:.1e}", row.max_abs_error), format!("{:.1e}", row.relative_error));
        table.add_row([
            &row.step.to_string(),
            &row.op,
            &max,
            &relative,
            &sqnr,
            mark,
            &output::shorten(&row.tensor, 60),
        ]);
    }
    say!("{table}");
    say!("{} compared with tract's on the first sample", output::plural(shown, "tensor"));
}
