//! The project's own models: everything is accounted for, and every tensor is tract's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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

/// Every ONNX node is in a step or folded, and none both fused and folded.
fn account(file: &Path, report: &crate::Report) {
    let name = file.display();
    let main = report.steps.iter().flat_map(|step| &step.onnx_nodes);
    let known: BTreeSet<&str> =
        main.chain(report.folded.iter().map(|entry| &entry.onnx_node)).map(String::as_str).collect();
    for node in crate::front::reference::node_names(file).expect("the model is read") {
        assert!(known.contains(node.as_str()), "{name}: {node} is not accounted for");
    }
    let fused: Vec<_> = report.fused.iter().map(|entry| &entry.onnx_node).collect();
    assert!(report.folded.iter().all(|entry| !fused.contains(&&entry.onnx_node)), "{name}");
}

#[test]
fn every_node_is_accounted_for_once() {
    for name in MODELS {
        account(&file(name), &compile(name).report);
    }
}

#[test]
fn every_node_of_real_models_is_accounted_for() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/models");
    let Ok(models) = std::fs::read_dir(&folder) else {
        println!("skipped: ../shared/models is absent");
        return;
    };
    let mut count = 0;
    for model in models.map(|entry| entry.expect("the folder is read").path()) {
        let files = std::fs::read_dir(&model).into_iter().flatten().map(|entry| entry.expect("read").path());
        for file in files.filter(|file| file.extension().is_some_and(|e| e == "onnx")) {
            let dims: &[(&str, usize)] = match &file {
                file if file.ends_with("minilm_l2_snips/model.onnx") => &[("batch", 1), ("seq", 32)],
                file if file.ends_with("silero_vad_16k/model.onnx") => &[("batch", 1), ("sequence", 576)],
                _ => &[],
            };
            let dims = dims.iter().map(|(name, n)| (name.to_string(), *n)).collect();
            let options = CompileOptions { dims, ..CompileOptions::default() };
            let compiled = crate::compile(&file, &options, &mut |_, _| ());
            account(&file, &compiled.unwrap_or_else(|e| panic!("{}: {e}", file.display())).report);
            count += 1;
        }
    }
    assert!(count > 0, "no model in {}", folder.display());
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
