//! A plan in the form that this machine prefers, with its metadata and its hash.

use coulter_exec::AlignedBytes;
use coulter_plan::Plan;
use coulter_repack::{Form, Repacked, repack};
use serde_json::{Map, Value, json};

use crate::commands::verify::hash;
use crate::output;

/// Most times that a plan is written which tells its own length: the first guess is wrong, the second may have another
/// number of digits, the third is right.
const MOST_LENGTHS: usize = 3;

/// A plan that was repacked.
#[derive(Debug)]
pub struct Packed {
    /// The file.
    pub bytes: AlignedBytes,
    /// How many steps have another operator now.
    pub steps: usize,
}

/// Repacks a plan in this form; `None` where there is nothing to be done, or nothing can be.
pub fn packed(plan: &Plan<'_>, form: Form) -> Option<Packed> {
    let Repacked { builder, arena_bytes, steps } = repack(plan, form)?;
    let mut metadata: Map<String, Value> = serde_json::from_str(plan.metadata()).unwrap_or_default();
    metadata.insert("repacked".into(), json!({ "from": output::hex(plan.stored_hash()), "steps": steps }));
    let report = |metadata: &mut Map<String, Value>, key: &str, value: Value| {
        if let Some(told) = metadata.get_mut("report").and_then(|report| report.get_mut(key)) {
            *told = value;
        }
    };
    report(&mut metadata, "arena_bytes", arena_bytes.into());
    let (op, kernel) = match form {
        Form::Direct => ("qconv2d", "conv_i8"),
        Form::Tiles => ("qwinograd_conv2d", "winograd_i8"),
    };
    for index in &steps {
        let told = metadata.get_mut("report").and_then(|report| report.get_mut("steps")?.get_mut(*index));
        if let Some(told) = told.and_then(Value::as_object_mut) {
            told.insert("op".into(), op.into());
            told.insert("kernel".into(), kernel.into());
        }
    }
    let mut bytes = Vec::new();
    for _ in 0..MOST_LENGTHS {
        let length = bytes.len();
        report(&mut metadata, "plan_bytes", length.into());
        let mut builder = builder.clone();
        builder.metadata(serde_json::to_string(&metadata).ok()?);
        bytes = builder.finish(hash);
        if bytes.len() == length {
            break;
        }
    }
    Some(Packed { bytes: AlignedBytes::copy_of(&bytes), steps: steps.len() })
}
