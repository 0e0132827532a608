//! `coulter inspect`

use coulter_plan::{Plan, Port};
use serde_json::{Map, Value, json};

use crate::error::{CliError, Result};
use crate::flags::InspectArgs;
use crate::model::{self, Model};
use crate::output::{self, say};

/// Shows a plan: its card, ports, pipeline and steps.
pub fn run(args: &InspectArgs, as_json: bool) -> Result<()> {
    let model = Model::open(&args.model, &args.flags, true)?;
    let plan = model.plan(&args.model)?;
    let metadata: Map<String, Value> = serde_json::from_str(plan.metadata()).map_err(CliError::failed)?;
    if as_json {
        output::json(&object(&plan, &metadata));
        return Ok(());
    }
    let description = model::description(&plan, &args.flags.pipeline)?;
    head(&plan, &description);
    say!();
    steps(&plan, &metadata);
    Ok(())
}

fn port(port: &Port<'_>) -> Value {
    json!({ "name": port.name, "dtype": port.tensor.dtype.name(), "shape": port.tensor.dims.to_vec() })
}

/// The report that the plan carries, with what the plan itself says.
fn object(plan: &Plan<'_>, metadata: &Map<String, Value>) -> Value {
    let mut object = metadata.get("report").and_then(Value::as_object).cloned().unwrap_or_default();
    object.insert("name".into(), plan.name().into());
    object.insert("inputs".into(), plan.inputs().map(|p| port(&p)).collect());
    object.insert("outputs".into(), plan.outputs().map(|p| port(&p)).collect());
    object.insert("arena_bytes".into(), plan.arena_bytes().into());
    object.insert("state_bytes".into(), plan.state_bytes().into());
    object.insert("plan_bytes".into(), plan.bytes().len().into());
    object.insert("golden_cases".into(), plan.golden_count().into());
    for (key, value) in metadata.iter().filter(|(key, _)| *key != "report") {
        object.insert(key.clone(), value.clone());
    }
    Value::Object(object)
}

fn head(plan: &Plan<'_>, description: &coulter_pipeline::Description) {
    say!("{}", plan.name());
    let card = &description.card;
    for (what, text) in [("task", &card.task), ("metric", &card.metric), ("licence", &card.licence)] {
        if let Some(text) = text {
            say!("  {what:8} {text}");
        }
    }
    for (what, ports) in [("input", plan.inputs().collect::<Vec<_>>()), ("output", plan.outputs().collect())] {
        for p in ports {
            say!("  {what:8} {} {} {}", p.name, p.tensor.dtype, output::shape(&p.tensor.dims));
        }
    }
    say!(
        "  {:8} {}, weights {}",
        "plan",
        output::bytes(plan.bytes().len() as u64),
        output::bytes(plan.weights().len() as u64)
    );
    say!(
        "  {:8} {}, state {}",
        "arena",
        output::bytes(plan.arena_bytes() as u64),
        output::bytes(plan.state_bytes() as u64)
    );
    say!("  {:8} {}", "golden", output::plural(plan.golden_count(), "case"));
}

fn steps(plan: &Plan<'_>, metadata: &Map<String, Value>) {
    let reported = metadata.get("report").and_then(|r| r.get("steps")).and_then(Value::as_array);
    let nodes = |i: usize| -> Option<String> {
        let names = reported?.get(i)?.get("onnx_nodes")?.as_array()?;
        Some(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
    };
    let told = |i: usize, what: &str| Some(reported?.get(i)?.get(what)?.as_str()?.to_owned());
    let live = |i: usize| -> Option<u64> { reported?.get(i)?.get("arena_bytes")?.as_u64() };
    let mut table = output::table(&["#", "operator", "output", "MACs", "live", "nodes", "why"], &["#", "MACs", "live"]);
    for step in plan.steps() {
        let shape = step.operands.output(0).map(|t| output::shape(&t.dims)).unwrap_or_default();
        let macs = if step.macs > 0 { output::count(step.macs) } else { String::new() };
        let live = live(step.index).map(output::bytes).unwrap_or_default();
        let nodes = nodes(step.index).unwrap_or_else(|| step.name.to_owned());
        let why = told(step.index, "why").unwrap_or_default();
        let row =
            [step.index.to_string(), step.code.name().into(), shape, macs, live, output::shorten(&nodes, 60), why];
        table.add_row(row);
    }
    say!("{table}");
}
