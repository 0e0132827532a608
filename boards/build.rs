//! The build script of every board: lays out its memory, and brings in the plan that `COULTER_PLAN` names, with the
//! constants that `coulter compile --emit-rust` wrote beside it.

use std::path::{Path, PathBuf};

/// The plan that the firmware shall carry: an absolute path, and beside it the same name ending in `.rs`.
const PLAN: &str = "COULTER_PLAN";

fn main() {
    println!("cargo::rerun-if-env-changed={PLAN}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names a folder"));
    copy(Path::new("memory.x"), &out.join("memory.x"));
    println!("cargo::rustc-link-search={}", out.display());
    let Some(plan) = std::env::var_os(PLAN).map(PathBuf::from) else {
        println!(
            "cargo::error=set {PLAN} to a plan that `coulter compile --emit-rust` wrote, or use `cargo xtask firmware`"
        );
        return;
    };
    copy(&plan, &out.join("model.plan"));
    copy(&plan.with_extension("rs"), &out.join("model.rs"));
}

fn copy(from: &Path, to: &Path) {
    println!("cargo::rerun-if-changed={}", from.display());
    if let Err(e) = std::fs::copy(from, to) {
        println!("cargo::error=cannot copy {}: {e}", from.display());
    }
}
