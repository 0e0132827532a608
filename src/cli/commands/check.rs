//! `coulter check`

use coulter_compile::Problem;
use serde_json::json;

use crate::cache::Source;
use crate::error::{CliError, Result};
use crate::flags::CheckArgs;
use crate::output::{self, say};

/// Lists all problems of a model at once.
pub fn run(args: &CheckArgs, as_json: bool) -> Result<()> {
    let source = Source::read(&args.model, &args.flags)?;
    let problems = coulter_compile::check(&args.model, &source.options)?;
    if as_json {
        output::json(&json!({ "ok": problems.is_empty(), "problems": problems }));
    } else if problems.is_empty() {
        say!("{}: compiles", args.model.display());
    } else {
        print(&problems);
    }
    if problems.is_empty() {
        return Ok(());
    }
    let count = output::plural(problems.len(), "problem");
    Err(CliError::does_not_hold(format!("{} does not compile: {count}", args.model.display())))
}

fn print(problems: &[Problem]) {
    let mut table = output::table(&["node", "operator", "opset", "problem", "cure"], &["opset"]);
    for p in problems {
        table.add_row([&p.onnx_node, &p.op, &p.opset.to_string(), &p.reason, &p.cure]);
    }
    say!("{table}");
}
