//! The project's own models: everything is accounted for, and every tensor is tract's.

use std::collections::BTreeSet;
use std::path::PathBuf;

use coulter_exec::AlignedBytes;
use coulter_plan::Plan;

use crate::diff::{DiffRow, diff};
use crate::{CompileOptions, Compiled};

const MODELS: [&str; 4] = ["diabetes_mlp", "digits_cnn", "digits_transformer", "sunspots_lstm"];

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name).join(format!("{name}.onnx"))
}

fn compile(name: &str) -> Compiled {
    crate::compile(&file(name), &CompileOptions::default(), &mut |_, _| ()).expect("own models compile")
}

/// Compares on the golden case's inputs.
fn compare(name: &str, plan: &[u8]) -> Vec<DiffRow> {
    let bytes = AlignedBytes::copy_of(plan);
    let plan = Plan::parse(&bytes).expect("the plan is valid");
    let inputs: Vec<_> = (0..plan.input_count()).map(|i| plan.golden(0).input(i).to_vec()).collect();
    diff(&file(name), plan, &inputs, &mut |_, _| ()).expect("both run")
}

#[test]
fn every_tensor_is_that_of_the_reference() {
    for name in MODELS {
        let rows = compare(name, &compile(name).plan);
        assert!(!rows.is_empty());
        assert!(rows.iter().all(|row| row.relative_error < 1e-4 && !row.first_surprise), "{name}: {rows:#?}");
    }
}

#[test]
fn a_damaged_weight_is_found_where_it_acts() {
    let mut plan = compile("digits_cnn").plan;
    let bytes = AlignedBytes::copy_of(&plan);
    let parsed = Plan::parse(&bytes).expect("the plan is valid");
    let (last, place) = (parsed.step_count() - 1, parsed.weights().as_ptr() as usize - bytes.as_ptr() as usize);
    let bias = parsed.step(last).operands.input(2).expect("the last step has a bias");
    let at = place + bias.offset as usize;
    plan[at..at + 4].copy_from_slice(&100f32.to_le_bytes());
    let rows = compare("digits_cnn", &plan);
    let surprises: Vec<_> = rows.iter().filter(|row| row.first_surprise).map(|row| row.step).collect();
    assert_eq!(surprises, [last]);
}

#[test]
fn every_node_is_accounted_for_once() {
    for name in MODELS {
        let report = compile(name).report;
        let main = report.steps.iter().flat_map(|step| &step.onnx_nodes);
        let known: BTreeSet<&str> =
            main.chain(report.folded.iter().map(|entry| &entry.onnx_node)).map(String::as_str).collect();
        for node in crate::front::reference::node_names(&file(name)).expect("the model is read") {
            assert!(known.contains(node.as_str()), "{name}: {node} is not accounted for");
        }
        let fused: Vec<_> = report.fused.iter().map(|entry| &entry.onnx_node).collect();
        assert!(report.folded.iter().all(|entry| !fused.contains(&&entry.onnx_node)), "{name}");
    }
}

#[test]
fn the_plan_tells_its_report() {
    let compiled = compile("digits_cnn");
    let bytes = AlignedBytes::copy_of(&compiled.plan);
    let plan = Plan::parse(&bytes).expect("the plan is valid");
    let metadata: serde_json::Value = serde_json::from_str(plan.metadata()).expect("metadata are JSON");
    let report: crate::Report = serde_json::from_value(metadata["report"].clone()).expect("the report is read back");
    assert_eq!(report, compiled.report);
    assert_eq!(metadata["onnx_sha256"].as_str().map(str::len), Some(64));
    assert_eq!(report.arena_bytes, plan.arena_bytes() as u64);
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    for name in MODELS {
        assert!(compile(name).plan == compile(name).plan, "{name}");
    }
}
