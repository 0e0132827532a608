//! Reading: what is refused, and how.

use std::path::{Path, PathBuf};

use coulter_plan::DType;
use coulter_testkit::rng::Rng;
use tract_onnx::pb::{StringStringEntryProto, TensorProto};

use super::draft::{Dim, Draft, value};
use crate::front::model::{Model, NEWEST_OPSET};
use crate::front::{importer, tensors};
use crate::{CompileError, CompileOptions, front};

fn relu(opset: i64) -> Draft {
    Draft::new(opset).input("x", DType::F32, &[2]).node("Relu", &["x"], &["y"], &[]).output("y")
}

fn dims(given: &[(&str, usize)]) -> CompileOptions {
    let dims = given.iter().map(|(name, n)| (name.to_string(), *n)).collect();
    CompileOptions { dims, ..CompileOptions::default() }
}

/// The models that lie in the repository.
fn own_models() -> Vec<PathBuf> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let folders = std::fs::read_dir(home).expect("the repository has models").flatten().map(|e| e.path());
    let files = folders.filter(|p| p.is_dir()).flat_map(|p| std::fs::read_dir(p).expect("a folder").flatten());
    let mut models: Vec<_> = files.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "onnx")).collect();
    models.sort();
    models
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let error = front::import(Path::new("no/such/model.onnx"), &CompileOptions::default()).expect_err("no such file");
    assert!(matches!(error, CompileError::Read { .. }), "{error}");
}

#[test]
fn what_is_not_a_model_is_refused() {
    for bytes in [&b""[..], b"hello, world", &[0xff; 64], b"\x3a\x7f"] {
        let error = Model::decode(bytes, Path::new("m")).expect_err("not a model");
        assert!(matches!(error, CompileError::NotOnnx { .. }), "{error}");
    }
}

#[test]
fn operator_sets_of_the_future_are_refused() {
    relu(NEWEST_OPSET).read().expect("the newest is known");
    let error = relu(NEWEST_OPSET + 1).read().expect_err("the next is not");
    assert!(error.to_string().contains(&format!("operator set {}", NEWEST_OPSET + 1)), "{error}");
}

#[test]
fn damaged_models_give_errors_and_no_panics() {
    let mut rng = Rng::new(7);
    for path in own_models() {
        let whole = std::fs::read(&path).expect("a model of the repository");
        for _ in 0..60 {
            let mut bytes = whole.clone();
            if rng.next_u64() & 1 == 0 {
                bytes.truncate(rng.next_u64() as usize % whole.len());
            }
            for _ in 0..rng.next_u64() % 8 {
                // What matters lies mostly before and after the weights.
                let near = (rng.next_u64() as usize % 2000).min(bytes.len().saturating_sub(1));
                let at = if rng.next_u64() & 1 == 0 { near } else { bytes.len().saturating_sub(near + 1) };
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = rng.next_u64() as u8;
                }
            }
            if let Ok(model) = Model::decode(&bytes, &path) {
                let _ = importer::import(&model, &CompileOptions::default());
            }
        }
    }
}

#[test]
fn the_same_file_gives_the_same_graph() {
    for path in own_models() {
        let [one, two] = [0, 1].map(|_| front::import(&path, &CompileOptions::default()).expect("a model of ours"));
        assert_eq!(format!("{one:?}"), format!("{two:?}"), "{}", path.display());
    }
}

#[test]
fn symbolic_dimensions_take_the_values_given() {
    let float = tensors::number(DType::F32);
    let draft = Draft::new(17).input_of("x", float, &[Dim::Named("batch"), Dim::Open, Dim::Of(3)]);
    let draft = draft.node("Relu", &["x"], &["y"], &[]).output("y");
    let unbound = |options: &CompileOptions| match draft.import_with(options) {
        Err(CompileError::UnboundDim { input, dim }) => (input, dim),
        other => panic!("{other:?}"),
    };
    assert_eq!(unbound(&dims(&[])), ("x".into(), "batch".into()));
    assert_eq!(unbound(&dims(&[("batch", 2)])), ("x".into(), "x.1".into()));
    let graph = draft.import_with(&dims(&[("batch", 2), ("x.1", 5)])).expect("all are bound");
    assert_eq!(graph.tensor(graph.outputs[0].1).shape, [2, 5, 3]);
    let error = draft.import_with(&dims(&[("bach", 2)])).expect_err("a slip");
    assert_eq!(error.to_string(), "the model has no symbolic dimension bach; its symbolic dimensions: batch, x.1");
}

#[test]
fn absurd_dimensions_are_problems() {
    let float = tensors::number(DType::F32);
    let draft = Draft::new(17).input_of("x", float, &[Dim::Named("n"), Dim::Named("n")]).output("x");
    for n in [1 << 33, usize::MAX] {
        let problems = draft.problems(&dims(&[("n", n)]));
        assert!(problems[0].reason.contains("too large"), "{problems:?}");
    }
}

#[test]
fn initializers_among_the_inputs_are_constants() {
    let draft = Draft::new(8).input("x", DType::F32, &[2]).input("w", DType::F32, &[2]).floats("w", &[2], &[1.0, 2.0]);
    let graph = draft.node("Add", &["x", "w"], &["y"], &[]).output("y").import();
    assert_eq!(graph.inputs.len(), 1);
}

#[test]
fn inputs_that_a_plan_cannot_take_are_problems() {
    let mut draft = relu(17).input_of("words", 8, &[Dim::Of(2)]);
    draft.graph().input.push(value("unranked", 1, &[]));
    if let Some(tract_onnx::pb::type_proto::Value::TensorType(tensor)) =
        draft.graph().input[2].r#type.as_mut().and_then(|t| t.value.as_mut())
    {
        tensor.shape = None;
    }
    let problems = draft.problems(&CompileOptions::default());
    let told: Vec<_> = problems.iter().map(|p| (p.onnx_node.as_str(), p.op.as_str())).collect();
    assert_eq!(told, [("words", "graph input"), ("unranked", "graph input")]);
    assert!(problems[0].reason.contains("string"), "{problems:?}");
}

fn external(location: &str, offset: Option<&str>) -> TensorProto {
    let entry = |key: &str, value: &str| StringStringEntryProto { key: key.into(), value: value.into() };
    let mut external_data = vec![entry("location", location)];
    external_data.extend(offset.map(|o| entry("offset", o)));
    TensorProto {
        name: "w".into(),
        dims: vec![2],
        data_type: tensors::number(DType::F32),
        data_location: Some(1),
        external_data,
        ..TensorProto::default()
    }
}

#[test]
fn external_data_lie_beside_the_model_and_nowhere_else() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let inside = home.path().join("model");
    std::fs::create_dir(&inside).expect("a folder");
    let numbers: Vec<u8> = [1.0_f32, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    for place in [home.path().join("secret.bin"), inside.join("weights.bin")] {
        std::fs::write(place, &numbers).expect("a file");
    }
    let read = |location, offset| tensors::read(&external(location, offset), &inside);
    let found = read("weights.bin", Some("4")).expect("it is there");
    assert_eq!(found.value.to_f32(), [2.0, 3.0]);
    let secret = home.path().join("secret.bin");
    for location in ["../secret.bin", secret.to_str().expect("UTF-8"), "x/../../secret.bin"] {
        let reason = read(location, None).expect_err("outside");
        assert!(reason.contains("outside"), "{reason}");
    }
    assert!(read("weights.bin", Some("8")).expect_err("too short").contains("12 bytes"));
    assert!(read("weights.bin", Some("18446744073709551615")).is_err());
    assert!(read("other.bin", None).is_err());
}

#[cfg(unix)]
#[test]
fn external_data_behind_a_link_out_of_the_folder_are_refused() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let inside = home.path().join("model");
    std::fs::create_dir(&inside).expect("a folder");
    std::fs::write(home.path().join("secret.bin"), [0; 8]).expect("a file");
    std::os::unix::fs::symlink(home.path().join("secret.bin"), inside.join("weights.bin")).expect("a link");
    assert!(tensors::read(&external("weights.bin", None), &inside).expect_err("outside").contains("outside"));
}

#[test]
fn data_that_do_not_fill_the_shape_are_told() {
    let mut short = tensors::write("w", DType::F32, &[2], &crate::graph::Value::from_f32(&[1.0, 2.0]));
    short.dims = vec![3];
    let draft = relu(17).constant(short).node("Add", &["y", "w"], &["z"], &[]).output("z");
    let problems = draft.problems(&CompileOptions::default());
    assert!(problems[0].reason.contains("8 bytes of data for [3]"), "{problems:?}");
    assert_eq!(problems[0].op, "Add");
}
