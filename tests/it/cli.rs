//! The command line as people and scripts use it: verbs, exit statuses, JSON.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tract_onnx::prelude::Framework;

use crate::{golden, npz};

/// A folder of its own for a test, gone when it ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("coulter-it-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder can be made");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coulter"));
    command.args(arguments).env("XDG_CACHE_HOME", &folder.0).env("COULTER_SYSFS", folder.0.join("sys"));
    command
}

pub(crate) fn coulter(folder: &Folder, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the program starts")
}

/// What a verb prints with `--json`, which must be one object and nothing else.
pub(crate) fn json(folder: &Folder, arguments: &[&str]) -> Value {
    let output = coulter(folder, &[arguments, &["--json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}"));
    assert!(value.is_object(), "{arguments:?} prints {value}");
    value
}

pub(crate) fn model(name: &str) -> String {
    golden::file(name, &format!("{name}.onnx")).to_string_lossy().into_owned()
}

pub(crate) fn sample(model: &str, name: &str) -> String {
    golden::file(model, name).to_string_lossy().into_owned()
}

pub(crate) fn compiled(folder: &Folder, name: &str) -> String {
    let plan = folder.file(&format!("{name}.plan"));
    let output = coulter(folder, &["compile", &model(name), "-o", &plan]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    plan
}

pub(crate) fn has_fields(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(value.get(field).is_some(), "no {field} in {value}");
    }
}

#[test]
fn an_image_is_read_from_onnx_and_from_a_plan() {
    let folder = Folder::new("image");
    for model in [model("digits_cnn"), compiled(&folder, "digits_cnn")] {
        for digit in ["3", "7"] {
            let image = sample("digits_cnn", &format!("sample_{digit}.png"));
            let output = coulter(&folder, &["run", &model, "--input", &image]);
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            let first = text.lines().find(|l| l.contains('%')).unwrap_or_default();
            assert!(first.split_whitespace().any(|word| word == digit), "{digit} is not first in:\n{text}");
        }
    }
}

#[test]
fn every_sample_gives_an_answer() {
    let folder = Folder::new("samples");
    for (name, file) in [
        ("diabetes_mlp", "sample.csv"),
        ("digits_cnn", "sample_7.png"),
        ("digits_transformer", "sample_4.png"),
        ("sunspots_lstm", "sample.csv"),
    ] {
        json(&folder, &["run", &model(name), "--input", &sample(name, file)]);
    }
}

#[test]
fn archives_run_sample_by_sample() {
    let folder = Folder::new("archives");
    for (name, input, output) in golden::MODELS {
        let out = folder.file("out.npz");
        let cases = sample(name, "golden.npz");
        let done = coulter(&folder, &["run", &model(name), "--input", &cases, "--output", &out]);
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        let (wanted, got) = (npz::read(Path::new(&cases)), npz::read(Path::new(&out)));
        assert!(npz::named(&wanted, input).shape[0] > 1);
        crate::engine::assert_close(npz::named(&got, output), npz::named(&wanted, output), 1e-4, name);
    }
}

#[test]
fn bench_prints_what_the_contract_says() {
    let folder = Folder::new("bench");
    let value = json(&folder, &["bench", &compiled(&folder, "digits_cnn"), "--time", "0.2"]);
    has_fields(&value, &["model", "target", "isa", "threads", "precision", "runs", "median_ns", "p10_ns", "p99_ns"]);
    has_fields(&value, &["min_ns", "macs", "arena_bytes", "state_bytes", "plan_bytes", "peak_rss_bytes", "load_ns"]);
    has_fields(&value, &["first_run_ns", "allocations_per_run", "joules_per_run"]);
    assert_eq!(value["allocations_per_run"].as_f64(), Some(0.0));
    assert!(value["runs"].as_u64() > Some(0));
}

#[test]
fn firmware_gets_the_plan_s_numbers() {
    let folder = Folder::new("emit-rust");
    let (plan, constants) = (folder.file("digits.plan"), folder.file("digits.rs"));
    let told = json(&folder, &["compile", &model("digits_cnn"), "-o", &plan, "--emit-rust", &constants]);
    let text = std::fs::read_to_string(&constants).expect("the constants are there");
    let value = |name: &str| {
        let begin = format!("pub const {name}: ");
        let line = text.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.trim_end_matches(';').split_once(" = ").expect("a value").1.to_owned()
    };
    let report = &told["report"];
    assert_eq!(value("PLAN_BYTES"), std::fs::metadata(&plan).expect("the plan is there").len().to_string());
    assert_eq!(value("ARENA_BYTES"), report["arena_bytes"].to_string());
    assert_eq!(value("MEMORY_BYTES"), report["arena_bytes"].to_string());
    let steps = report["steps"].as_array().expect("steps");
    assert_eq!(value("STEP_COUNT"), steps.len().to_string());
    assert_eq!((value("INPUT_0_TYPE"), value("INPUT_0_DIMS")), ("\"f32\"".into(), "[1, 1, 8, 8]".into()));
    assert_eq!(value("OUTPUT_0_BYTES"), "40");
    for step in steps {
        let op = step["op"].as_str().expect("an operator");
        assert!(value("RESOLVER").contains(op), "{op} is missing");
    }
}

#[test]
fn reports_name_every_step() {
    let folder = Folder::new("reports");
    let report = folder.file("report.json");
    let plan = folder.file("digits.plan");
    let done = coulter(&folder, &["compile", &model("digits_transformer"), "-o", &plan, "--report", &report]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read(&report).expect("the report is there");
    let report: Value = serde_json::from_slice(&text).expect("the report is JSON");
    for value in [report, json(&folder, &["inspect", &plan])] {
        has_fields(&value, &["steps", "fallback", "folded", "fused", "arena_bytes", "arena_lower_bound_bytes"]);
        has_fields(&value, &["plan_bytes", "packing", "dims"]);
        let steps = value["steps"].as_array().expect("steps");
        assert!(!steps.is_empty());
        for step in steps {
            has_fields(step, &["index", "op", "precision", "onnx_nodes", "macs", "arena_bytes", "kernel"]);
        }
        assert_eq!(value["fallback"].as_array().map(Vec::len), Some(0));
    }
}

#[test]
fn check_and_verify_tell_by_status() {
    let folder = Folder::new("status");
    let checked = json(&folder, &["check", &model("sunspots_lstm")]);
    assert_eq!((checked["ok"].as_bool(), checked["problems"].as_array().map(Vec::len)), (Some(true), Some(0)));

    let plan = compiled(&folder, "digits_cnn");
    let verified = json(&folder, &["verify", &plan]);
    assert_eq!((verified["ok"].as_bool(), verified["exact"].as_bool()), (Some(true), Some(false)));
    assert_eq!(verified["output_hash"].as_str().map(str::len), Some(64));
    assert_eq!(verified["isas"][0], "generic");
    let mut bytes = std::fs::read(&plan).expect("the plan is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&plan, &bytes).expect("the plan can be replaced");
    assert_eq!(coulter(&folder, &["verify", &plan]).status.code(), Some(3), "a damaged weight is noticed");
}

#[test]
fn diff_finds_no_difference() {
    let folder = Folder::new("diff");
    let (onnx, plan) = (model("digits_cnn"), compiled(&folder, "digits_cnn"));
    let image = sample("digits_cnn", "golden.npz");
    let done = coulter(&folder, &["diff", &onnx, &plan, "--input", &image]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A folder of the model's photos, and its classes by file name, the second one as told.
fn photos(folder: &Folder, second: u32) -> (String, String) {
    let (photos, classes) = (folder.file("photos"), folder.file("classes.json"));
    std::fs::create_dir_all(&photos).expect("a folder can be made");
    for name in ["sample_3.png", "sample_7.png"] {
        std::fs::copy(sample("digits_cnn", name), Path::new(&photos).join(name)).expect("a photo can be copied");
    }
    let text = format!(r#"{{"sample_3.png": 3, "sample_7.png": {second}}}"#);
    std::fs::write(&classes, text).expect("a file can be written");
    (photos, classes)
}

#[test]
fn photos_in_a_folder_calibrate_and_classes_score() {
    let folder = Folder::new("calibrate");
    let (plan, report) = (folder.file("digits.plan"), folder.file("report.json"));
    for (second, accuracy) in [(7, 1.0), (1, 0.5)] {
        let (photos, classes) = photos(&folder, second);
        let arguments = ["--int8", "--calibrate", &photos, "--labels", &classes, "-o", &plan, "--report", &report];
        let done = coulter(&folder, &[&["compile", &model("digits_cnn")], &arguments[..]].concat());
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        let text = std::fs::read(&report).expect("the report is there");
        let report: Value = serde_json::from_slice(&text).expect("the report is JSON");
        let told = &report["quantization"];
        assert_eq!((told["measure"].as_str(), told["samples"].as_u64()), (Some("accuracy"), Some(2)));
        assert_eq!((told["f32"].as_f64(), told["int8"].as_f64()), (Some(accuracy), Some(accuracy)));
    }
    let done = coulter(&folder, &["run", &plan, "--input", &sample("digits_cnn", "sample_7.png")]);
    let answer = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(answer.lines().any(|line| line.trim_start().starts_with("7 ") && line.contains('%')), "{answer}");
}

/// A copy of the model with one constant negated.
fn with_negated(folder: &Folder, onnx: &str, constant: usize) -> String {
    let proto = tract_onnx::onnx().proto_model_for_path(onnx).expect("the model is sound");
    let graph = proto.graph.expect("a model has a graph");
    let mut large = graph.initializer.iter().filter(|t| t.raw_data.len() > 1024);
    let wanted = &large.nth(constant).expect("the model has constants").raw_data;
    let mut bytes = std::fs::read(onnx).expect("the model is there");
    let at = bytes.windows(wanted.len()).position(|w| w == &wanted[..]).expect("constants lie in the file");
    // The sign of a little-endian f32 is in its last byte.
    bytes[at..at + wanted.len()].iter_mut().skip(3).step_by(4).for_each(|b| *b ^= 0x80);
    let other = folder.file("other.onnx");
    std::fs::write(&other, bytes).expect("a file can be written");
    other
}

#[test]
fn diff_of_8_bits_stops_at_the_first_surprise() {
    let folder = Folder::new("surprise");
    let (onnx, plan) = (model("digits_cnn"), folder.file("digits.plan"));
    let image = sample("digits_cnn", "sample_3.png");
    let arguments = ["compile", &onnx, "--int8", "--calibrate", &photos(&folder, 7).0, "-o", &plan];
    let done = coulter(&folder, &arguments);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));

    let told = json(&folder, &["diff", &onnx, &plan, "--input", &image]);
    let rows = told["rows"].as_array().expect("rows");
    assert!(rows.len() > 3 && rows.iter().any(|r| r["op"] == "qconv2d"), "{told}");
    assert!(rows.iter().all(|r| r["sqnr_db"].as_f64() > Some(20.0) && r["first_surprise"] == false), "{told}");

    let other = with_negated(&folder, &onnx, 0);
    let done = coulter(&folder, &["diff", &other, &plan, "--input", &image, "--json"]);
    assert_ne!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stdout));
    let told: Value = serde_json::from_slice(&done.stdout).expect("JSON all the same");
    let rows = told["rows"].as_array().expect("rows");
    let surprises: Vec<&Value> = rows.iter().filter(|r| r["first_surprise"] == true).collect();
    assert_eq!((told["ok"].as_bool(), surprises.len()), (Some(false), 1), "{told}");
    let errors = String::from_utf8_lossy(&done.stderr).into_owned();
    let tensor = surprises[0]["tensor"].as_str().expect("a name");
    assert!(errors.contains(tensor), "{tensor}: {errors}");
}

#[test]
fn mistakes_have_their_own_statuses() {
    let folder = Folder::new("mistakes");
    assert_eq!(coulter(&folder, &["no-such-verb"]).status.code(), Some(2));
    assert_eq!(coulter(&folder, &["run"]).status.code(), Some(2));
    let missing = folder.file("missing.onnx");
    let output = coulter(&folder, &["run", &missing, "--input", "x.npy"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.onnx"), "the message names the file");
    let nonsense = folder.file("nonsense.plan");
    std::fs::write(&nonsense, b"not a plan at all").expect("a file can be written");
    assert_eq!(coulter(&folder, &["inspect", &nonsense]).status.code(), Some(1));
}

#[test]
fn a_reader_may_stop_reading() {
    let folder = Folder::new("pipe");
    let plan = compiled(&folder, "digits_transformer");
    let mut child = Command::new(env!("CARGO_BIN_EXE_coulter"))
        .args(["inspect", &plan])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn eight_bits_are_calibrated_and_told() {
    let folder = Folder::new("int8");
    let (plan, report) = (folder.file("int8.plan"), folder.file("report.json"));
    let samples = sample("digits_cnn", "eval.npz");
    let digits = model("digits_cnn");
    let arguments = ["compile", &digits, "-o", &plan, "--int8", "--calibrate", &samples, "--samples", "50"];
    let rest = ["--ranges", "mse", "--max-drop", "2%", "--report", &report];
    let told = json(&folder, &[&arguments[..], &rest].concat());
    let how = &told["report"]["quantization"];
    assert_eq!((how["ranges"].as_str(), how["measure"].as_str()), (Some("mse"), Some("accuracy")));
    assert_eq!((how["samples"].as_u64(), how["max_drop"].as_f64()), (Some(50), Some(0.02)));
    let inspected = json(&folder, &["inspect", &plan]);
    let steps = inspected["steps"].as_array().expect("steps are listed");
    assert!(steps.iter().any(|step| step["precision"] == "int8" && step["why"] != ""));
    assert_eq!(json(&folder, &["verify", &plan])["exact"], true);

    let refused = |more: &[&str]| {
        let all = [&["compile", &digits, "-o", &plan, "--int8"], more].concat();
        coulter(&folder, &all).status.code()
    };
    assert_eq!(refused(&[]), Some(2), "there is nothing to calibrate on");
    assert_eq!(refused(&["--calibrate", &samples, "--max-drop", "200%"]), Some(2));
    assert_eq!(refused(&["--calibrate", &folder.file("none.npz")]), Some(1));
}
