//! The arrows between crates, and what the lowest of them may bring in from outside.

use std::collections::BTreeMap;
use std::process::Command;

/// Each crate and those of ours that it may use; development dependencies are free.
const EDGES: [(&str, &[&str]); 14] = [
    ("coulter-plan", &[]),
    ("coulter-kernels", &[]),
    ("coulter-exec", &["coulter-plan", "coulter-kernels"]),
    ("coulter-pipeline", &["coulter-plan"]),
    ("coulter-fallback", &["coulter-exec", "coulter-plan"]),
    ("coulter-repack", &["coulter-plan", "coulter-kernels"]),
    ("coulter-compile", &["coulter-plan", "coulter-kernels", "coulter-exec", "coulter-fallback", "coulter-repack"]),
    ("coulter-boards", &["coulter-plan", "coulter-kernels"]),
    ("coulter-governor", &[]),
    ("coulter-update", &[]),
    ("coulter-testkit", &["coulter-plan", "coulter-kernels"]),
    ("coulter-xtask", &["coulter-pipeline", "coulter-plan"]),
    (
        "coulter-cli",
        &[
            "coulter-plan",
            "coulter-kernels",
            "coulter-exec",
            "coulter-pipeline",
            "coulter-fallback",
            "coulter-repack",
            "coulter-compile",
            "coulter-boards",
            "coulter-governor",
            "coulter-update",
        ],
    ),
    (
        "coulter",
        &[
            "coulter-plan",
            "coulter-kernels",
            "coulter-exec",
            "coulter-pipeline",
            "coulter-fallback",
            "coulter-compile",
            "coulter-cli",
        ],
    ),
];

/// Crates from outside that the lowest layers may use.
const OUTSIDE: [(&str, &[&str]); 4] = [
    ("coulter-plan", &["defmt"]),
    ("coulter-kernels", &["libm"]),
    ("coulter-exec", &["crc32fast", "defmt", "libm"]),
    ("coulter-update", &["crc32fast", "defmt", "ed25519-dalek", "embedded-storage", "sha2"]),
];

/// Crates that never name tract.
const WITHOUT_TRACT: [&str; 9] = [
    "coulter-plan",
    "coulter-kernels",
    "coulter-exec",
    "coulter-pipeline",
    "coulter-repack",
    "coulter-boards",
    "coulter-governor",
    "coulter-update",
    "coulter-cli",
];

/// For each crate of the workspace, what it depends on outside of tests.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let text = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let of = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().expect("dependencies");
        all.iter().filter(|d| d["kind"].as_str() != Some("dev")).map(|d| text(&d["name"])).collect()
    };
    packages.iter().map(|p| (text(&p["name"]), of(p))).collect()
}

#[test]
fn crates_depend_only_on_lower_ones() {
    let dependencies = dependencies();
    let names: Vec<&str> = dependencies.keys().map(String::as_str).collect();
    let mut known: Vec<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(names, known, "a new crate needs its line in EDGES");
    for (name, allowed) in EDGES {
        for dependency in dependencies[name].iter().filter(|d| d.starts_with("coulter")) {
            assert!(allowed.contains(&dependency.as_str()), "{name} may not depend on {dependency}");
        }
    }
}

#[test]
fn lowest_crates_bring_in_nothing_unlisted() {
    let dependencies = dependencies();
    for (name, allowed) in OUTSIDE {
        for dependency in dependencies[name].iter().filter(|d| !d.starts_with("coulter")) {
            assert!(allowed.contains(&dependency.as_str()), "{name} may not depend on {dependency}");
        }
    }
}

#[test]
fn only_compiler_and_fallback_know_tract() {
    let dependencies = dependencies();
    for name in WITHOUT_TRACT {
        let tract = dependencies[name].iter().find(|d| d.starts_with("tract"));
        assert_eq!(tract, None, "{name} depends on tract");
    }
}
