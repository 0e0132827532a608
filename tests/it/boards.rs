//! Boards: what is compiled for them, what they refuse, what they tell. Sensors are files in the test's folder.

use std::path::Path;

use coulter_kernels::{Isa, IsaSet};
use serde_json::Value;

use crate::cli::{Folder, command, compiled, coulter, has_fields, json, model, sample};

/// Writes files into the sysfs tree of a test.
fn sysfs(folder: &Folder, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.file(&format!("sys/{path}"));
        std::fs::create_dir_all(Path::new(&path).parent().expect("files lie in folders"))
            .expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
}

/// The exit status, and what was told on standard error.
fn failure(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    let output = coulter(folder, arguments);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn compiled_for(folder: &Folder, board: &str) -> (String, Value) {
    let plan = folder.file(&format!("{board}.plan"));
    let told = json(folder, &["compile", &model("digits_cnn"), "-o", &plan, "--target", board]);
    (plan, told["report"]["prediction"].clone())
}

/// The board of a Raspberry Pi 4 with so much memory.
fn board_with(folder: &Folder, mib: u32) -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/boards/raspberry-pi-4/board.toml"));
    let text = text.expect("the board is there").replace("[1024, 2048, 4096, 8192]", &format!("[{mib}]"));
    let path = folder.file("board.toml");
    std::fs::write(&path, text).expect("a file can be written");
    path
}

#[test]
fn boards_are_listed() {
    let folder = Folder::new("boards");
    let told = json(&folder, &["boards"]);
    let boards = told["boards"].as_array().expect("boards");
    assert!(boards.iter().any(|board| board["id"] == "raspberry-pi-4"));
    for board in boards {
        has_fields(
            board,
            &["id", "name", "triples", "isas", "qemu", "core", "cores", "mhz", "ram_mib", "usable_bytes"],
        );
    }
    let text = coulter(&folder, &["boards"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("jetson-orin-nano"));
}

#[test]
fn a_target_is_recorded_and_its_latency_predicted() {
    let folder = Folder::new("target");
    let (plan, slow) = compiled_for(&folder, "raspberry-pi-zero-2w");
    let (_, fast) = compiled_for(&folder, "raspberry-pi-5");
    assert_eq!((slow["error"]["measured"].as_bool(), slow["isa"].as_str()), (Some(false), Some("neon")));
    assert!(slow["total_ns"].as_f64() > fast["total_ns"].as_f64());
    let steps = slow["steps"].as_array().expect("steps");
    let sum: f64 = steps.iter().filter_map(|step| step["ns"].as_f64()).sum();
    assert!((sum / slow["total_ns"].as_f64().expect("a total") - 1.0).abs() < 0.01);
    let inspected = json(&folder, &["inspect", &plan]);
    assert_eq!(inspected["target"]["board"], "raspberry-pi-zero-2w");
    assert_eq!(inspected["steps"].as_array().map(Vec::len), Some(steps.len()));

    let (_, told) = failure(&folder, &["compile", &model("digits_cnn"), "-o", &plan, "--target", "raspberry-pi-4"]);
    assert!(told.contains("predicted:") && told.contains("not measured"), "{told}");
    let (_, told) = failure(&folder, &["compile", &model("digits_cnn"), "-o", &plan, "--target", "x86-server"]);
    assert!(told.contains("mean error"), "{told}");
}

#[test]
fn what_does_not_fit_is_not_written() {
    let folder = Folder::new("fit");
    let (plan, board) = (folder.file("large.plan"), board_with(&folder, 8));
    let (status, told) = failure(&folder, &["compile", &model("digits_cnn"), "-o", &plan, "--target", &board]);
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains("does not fit") && told.contains("arena") && told.contains("--int8"), "{told}");
    assert!(!Path::new(&plan).exists());
    let board = board_with(&folder, 64);
    assert_eq!(failure(&folder, &["compile", &model("digits_cnn"), "-o", &plan, "--target", &board]).0, Some(0));
    let (status, told) =
        failure(&folder, &["compile", &model("digits_cnn"), "-o", &plan, "--target", "raspberry-pi-9"]);
    assert!(status == Some(2) && told.contains("raspberry-pi-4"), "{told}");
}

#[test]
fn too_little_memory_is_told_before_it_is_taken() {
    let folder = Folder::new("memory");
    let plan = compiled(&folder, "digits_cnn");
    sysfs(&folder, &[("fs/cgroup/memory.max", "1000\n")]);
    let image = sample("digits_cnn", "sample_7.png");
    let there = folder.file("there.plan");
    let verbs = [
        &["run", &plan, &image][..],
        &["bench", &plan, "--time", "0.1"],
        &["verify", &plan],
        &["install", &plan, &there],
    ];
    for arguments in verbs {
        let (status, told) = failure(&folder, arguments);
        assert_eq!(status, Some(1), "{arguments:?}: {told}");
        assert!(told.contains("1000 B are left") && told.contains("coulter compile"), "{arguments:?}: {told}");
    }
    sysfs(&folder, &[("fs/cgroup/memory.max", "max\n")]);
    assert_eq!(failure(&folder, &["verify", &plan]).0, Some(0));
}

#[test]
fn another_packing_and_another_format_are_refused() {
    let folder = Folder::new("packing");
    let bytes = std::fs::read(compiled(&folder, "digits_cnn")).expect("the plan is there");
    let (other, image) = (folder.file("other.plan"), sample("digits_cnn", "sample_7.png"));
    let at = bytes.windows(8).position(|w| w == b"\"f32p16\"").expect("the plan tells its packing");
    let mut packed = bytes.clone();
    packed[at..at + 8].copy_from_slice(b"\"f32p32\"");
    let of_major = |major: u8| {
        let mut bytes = bytes.clone();
        bytes[8] = major;
        bytes
    };
    let there = folder.file("there.plan");
    for (bytes, words) in [
        (packed, ["f32p32", "f32p16", "coulter compile digits_cnn.onnx -o digits_cnn.plan"]),
        (of_major(2), ["format 2.0", "recompile", "coulter compile other.onnx -o other.plan"]),
        (of_major(0), ["format 0.0", "recompile", "coulter compile other.onnx -o other.plan"]),
    ] {
        std::fs::write(&other, bytes).expect("a file can be written");
        for arguments in [&["run", &other, &image][..], &["install", &other, &there]] {
            let (status, told) = failure(&folder, arguments);
            assert_eq!(status, Some(1), "{arguments:?}: {told}");
            let whole = words.iter().all(|word| told.contains(word)) && told.contains("compile the model again");
            assert!(whole, "{arguments:?}: {told}");
        }
    }
    assert!(!Path::new(&there).exists());
}

#[test]
fn a_plan_for_another_processor_runs_and_is_told_of() {
    let folder = Folder::new("elsewhere");
    let image = sample("digits_cnn", "sample_7.png");
    // No processor is both.
    let boards = ["raspberry-pi-4", "x86-cloud"].map(|board| compiled_for(&folder, board).0);
    let told = boards.map(|plan| failure(&folder, &["run", &plan, &image]));
    assert!(told.iter().all(|(status, _)| *status == Some(0)));
    assert!(told.iter().any(|(_, told)| told.contains("was compiled for")), "{told:?}");
}

#[test]
fn plans_are_installed_whole_or_not_at_all() {
    let folder = Folder::new("install");
    let (plan, _) = compiled_for(&folder, "raspberry-pi-5");
    let there = folder.file("models");
    std::fs::create_dir_all(&there).expect("a folder can be made");
    let told = json(&folder, &["install", &plan, &there]);
    assert_eq!((told["golden_cases"].as_u64(), told["repacked"].as_bool()), (Some(1), Some(false)));
    let names = || -> Vec<_> {
        let entries = std::fs::read_dir(&there).expect("the folder is there");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    };
    let installed = Path::new(&there).join("raspberry-pi-5.plan");
    let bytes = std::fs::read(&plan).expect("the plan is there");
    assert_eq!(std::fs::read(&installed).expect("it is installed"), bytes);
    assert_eq!(names(), ["raspberry-pi-5.plan"]);

    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    std::fs::write(&plan, &damaged).expect("a file can be written");
    assert_eq!(failure(&folder, &["install", &plan, &there]).0, Some(3));
    assert_eq!(std::fs::read(&installed).expect("it is still there"), bytes);
    assert_eq!(names(), ["raspberry-pi-5.plan"], "nothing is left lying");

    let installed = installed.to_string_lossy().into_owned();
    let file = folder.file("new/place.plan");
    assert_eq!(failure(&folder, &["install", &installed, &file, "--target", "jetson-orin-nano"]).0, Some(0));
    assert_eq!(std::fs::read(&file).expect("it is installed"), bytes);
    let (status, told) = failure(&folder, &["install", &installed, &file, "--target", "raspberry-pi-4"]);
    assert_eq!(status, Some(1), "{told}");
    assert!(told.contains("neondot") && told.contains("--target raspberry-pi-4"), "{told}");
}

#[test]
fn convolutions_are_repacked_where_they_are_installed() {
    let onnx = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models/mlperf_ic_resnet8/model_int8_qdq.onnx");
    if !onnx.is_file() {
        println!("skipped: {} is absent", onnx.display());
        return;
    }
    let (folder, onnx) = (Folder::new("repack"), onnx.to_string_lossy().into_owned());
    let file = |name: &str| folder.file(name);
    let [direct, tiles, there, back] = ["direct.plan", "tiles.plan", "there.plan", "back.plan"].map(file);
    json(&folder, &["compile", &onnx, "-o", &direct]);
    json(&folder, &["compile", &onnx, "-o", &tiles, "--winograd-int8"]);
    let install = |isa: &str, arguments: &[&str]| {
        let mut command = command(&folder, &[&["install"], arguments, &["--json"]].concat());
        let output = command.env("COULTER_ISA", isa).output().expect("the program starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {errors}"))
    };
    let ops = |plan: &str| {
        let steps = json(&folder, &["inspect", plan])["steps"].as_array().expect("steps").clone();
        steps.iter().map(|step| step["op"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let hash = |plan: &str| json(&folder, &["verify", plan])["output_hash"].clone();

    // Portable code multiplies no four bytes at once.
    let told = install("generic", &[&direct, &there]);
    let steps = told["repacked_steps"].as_u64();
    assert!(steps > Some(0) && told["repacked"] == true, "{told}");
    assert_eq!((ops(&there), hash(&there)), (ops(&tiles), hash(&direct)));
    let size = |plan: &str| std::fs::metadata(plan).expect("the plan is there").len();
    assert!(size(&there) > size(&direct));
    assert_eq!(json(&folder, &["inspect", &there])["plan_bytes"].as_u64(), Some(size(&there)));
    assert_eq!(install("generic", &[&there, &back])["repacked"], false, "it is repacked once");
    assert_eq!(std::fs::read(&there).expect("it is there"), std::fs::read(&back).expect("it is there"));
    assert_eq!(install("generic", &[&direct, &back, "--as-is"])["repacked"], false);
    assert_eq!(std::fs::read(&direct).expect("it is there"), std::fs::read(&back).expect("it is there"));

    let best = IsaSet::detect().best();
    if !matches!(best, Isa::Generic | Isa::Avx2 | Isa::Neon) {
        let told = install(best.name(), &[&there, &back]);
        assert_eq!(told["repacked_steps"].as_u64(), steps, "{told}");
        assert_eq!((ops(&back), hash(&back)), (ops(&direct), hash(&direct)));
    }

    let mut damaged = std::fs::read(&tiles).expect("the plan is there");
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&tiles, damaged).expect("a file can be written");
    assert_eq!(failure(&folder, &["install", &tiles, &folder.file("damaged.plan")]).0, Some(3));
}

#[test]
fn bench_tells_what_the_board_tells() {
    let folder = Folder::new("sensors");
    let plan = compiled(&folder, "digits_cnn");
    let bench = |more: &[&str]| json(&folder, &[&["bench", &plan, "--time", "0.3"], more].concat());
    let told = bench(&[]);
    assert!(told["joules_per_run"].is_null() && told["board"]["celsius"].is_null(), "{told}");
    assert!(told["board"]["why_no_power"].as_str().is_some_and(|why| !why.is_empty()), "{told}");
    for limit in [["--max-temp", "60"], ["--max-watts", "3"]] {
        let (status, told) = failure(&folder, &[&["bench", &plan], &limit[..]].concat());
        assert!(status == Some(1) && told.contains(limit[0]), "{told}");
    }

    let hwmon = "class/hwmon/hwmon0";
    sysfs(
        &folder,
        &[
            ("class/thermal/thermal_zone0/type", "cpu-thermal"),
            ("class/thermal/thermal_zone0/temp", "71500"),
            ("devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1500000"),
            (&format!("{hwmon}/name"), "ina3221"),
            (&format!("{hwmon}/in1_label"), "VDD_IN"),
            (&format!("{hwmon}/in1_input"), "5000"),
            (&format!("{hwmon}/curr1_input"), "1000"),
        ],
    );
    let told = bench(&["--max-temp", "80"]);
    let joules = told["joules_per_run"].as_f64().expect("5 W for some time");
    assert!(joules > 0.0, "{told}");
    let board = &told["board"];
    assert_eq!((board["celsius"].as_f64(), board["mhz"].as_f64()), (Some(71.5), Some(1500.0)));
    assert_eq!((board["power_sensor"].as_str(), board["changes"].as_u64()), (Some("VDD_IN"), Some(0)));
    let told = bench(&["--max-temp", "70", "--threads", "2"]);
    assert_eq!((told["board"]["threads"].as_u64(), told["board"]["changes"].as_u64()), (Some(1), Some(1)), "{told}");
}

#[test]
fn a_raspberry_pi_says_why_it_tells_no_power() {
    let folder = Folder::new("pi");
    let plan = compiled(&folder, "digits_cnn");
    sysfs(
        &folder,
        &[
            ("firmware/devicetree/base/compatible", "raspberrypi,5-model-b\0brcm,bcm2712\0"),
            ("devices/platform/soc@107c000000:firmware/get_throttled", "4"),
        ],
    );
    let text = coulter(&folder, &["bench", &plan, "--time", "0.1"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("Raspberry Pi 5") && text.contains("vcgencmd") && text.contains("THROTTLED"), "{text}");
}

#[test]
fn watching_shows_lines_where_there_is_no_terminal() {
    let folder = Folder::new("watch");
    let (plan, image) = (compiled(&folder, "digits_cnn"), sample("digits_cnn", "sample_7.png"));
    let arguments = ["run", &plan, &image, "--watch", "--time", "0.2"];
    let text = coulter(&folder, &arguments);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.lines().any(|line| line.contains("runs/s") && line.contains("median")), "{text}");
    assert!(!text.contains('\x1b') && text.contains('7'), "{text}");
    let told = json(&folder, &arguments);
    assert!(told["watch"]["runs"].as_u64() > Some(0), "{told}");
    assert_eq!(failure(&folder, &["run", &plan, &image, "--time", "1"]).0, Some(2));
}
