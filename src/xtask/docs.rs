//! Generated reference pages.

use crate::process::{self, Result};

/// Writes the support table from a run of the ONNX node cases, or with `check` tells whether it is stale.
pub fn run(check: bool) -> Result<()> {
    let mut command = process::cargo();
    command.args(["test", "--quiet", "--test", "it", "--", "conformance::"]);
    if !check {
        command.env("COULTER_WRITE_DOCS", "1");
    }
    process::run("ONNX node cases", &mut command)
}
