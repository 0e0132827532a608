//! Bills of materials: what a program is linked from, as CycloneDX.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::dist::Program;
use crate::process::{self, Result};
use crate::target::{Target, Toolchain};

/// Writes the bill of a program for a machine.
///
/// # Errors
/// When cargo does not tell.
pub fn write(program: &Program, target: &Target, file: &Path) -> Result<()> {
    let mut tree = process::cargo();
    tree.args(["tree", "--quiet", "--locked", "--package", "coulter", "--edges", "normal", "--target", target.triple]);
    tree.args(["--prefix", "depth", "--format", "|{p}|{l}"]).args(program.features);
    let output = tree.output().map_err(|e| format!("cargo tree: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let lock = process::root().join("Cargo.lock");
    let lock = std::fs::read_to_string(&lock).map_err(|e| format!("{}: {e}", lock.display()))?;
    let compiler = Toolchain::with_source().map(|t| t.version()).unwrap_or_default();
    let system = [library("rust-std", &compiler, "MIT OR Apache-2.0"), c_library(program, target)];
    let bill = bill(program, &String::from_utf8_lossy(&output.stdout), &checksums(&lock), system);
    std::fs::write(file, format!("{bill:#}\n")).map_err(|e| format!("{}: {e}", file.display()))
}

/// The bill that a tree tells, each line of which is a depth, a package and its licence. Macros run while compiling:
/// neither they nor what is below them is linked.
fn bill(program: &Program, tree: &str, checksums: &BTreeMap<String, String>, system: [Value; 2]) -> Value {
    let mut components: BTreeMap<String, Value> = BTreeMap::new();
    let mut edges: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // The packages on the way to the line, root first.
    let mut way: Vec<String> = Vec::new();
    let mut macros_at = usize::MAX;
    for line in tree.lines() {
        let mut fields = line.splitn(3, '|');
        let (depth, package, licence) = (fields.next(), fields.next().unwrap_or_default(), fields.next());
        let Some(depth) = depth.and_then(|d| d.parse::<usize>().ok()) else { continue };
        if depth > macros_at {
            continue;
        }
        macros_at = if package.contains("(proc-macro)") { depth } else { usize::MAX };
        let mut words = package.split_whitespace();
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        let version = version.trim_start_matches('v');
        if macros_at == depth {
            continue;
        }
        let id = format!("pkg:cargo/{name}@{version}");
        way.truncate(depth);
        if let Some(parent) = way.last() {
            let below = edges.entry(parent.clone()).or_default();
            if !below.contains(&id) {
                below.push(id.clone());
            }
        }
        edges.entry(id.clone()).or_default();
        // A package that was told before has a star after its licence.
        let licence = licence.unwrap_or_default().trim_end_matches(" (*)").replace('/', " OR ");
        let licence = licence.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut component = library(name, version, &licence);
        component["bom-ref"] = id.as_str().into();
        component["purl"] = id.as_str().into();
        if let Some(sum) = checksums.get(&format!("{name} {version}")) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        components.insert(id.clone(), component);
        way.push(id);
    }
    let root = way.first().cloned().unwrap_or_default();
    let mut own = components.remove(&root).unwrap_or_default();
    own["type"] = "application".into();
    own["name"] = program.name.into();
    for component in system {
        let id = component["bom-ref"].as_str().unwrap_or_default().to_owned();
        edges.entry(root.clone()).or_default().push(id.clone());
        edges.entry(id.clone()).or_default();
        components.insert(id, component);
    }
    let edges: Vec<Value> = edges.iter().map(|(id, on)| json!({ "ref": id, "dependsOn": on })).collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": own },
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": edges,
    })
}

/// A library with its name as its reference.
fn library(name: &str, version: &str, licence: &str) -> Value {
    let licences = if licence.is_empty() { json!([]) } else { json!([{ "expression": licence }]) };
    json!({ "type": "library", "bom-ref": name, "name": name, "version": version, "licenses": licences })
}

/// The C library that is linked, of the version that Debian tells.
fn c_library(program: &Program, target: &Target) -> Value {
    let (name, licence) = if program.uses_musl() { ("musl", "MIT") } else { ("glibc", "LGPL-2.1-or-later") };
    let package = if program.uses_musl() { target.musl_package() } else { target.glibc_package() };
    let mut query = Command::new("dpkg-query");
    let output = query.args(["--show", "--showformat=${Version}", &package]).output().ok();
    let version = output.filter(|o| o.status.success()).map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    library(name, &version.unwrap_or_default(), licence)
}

/// The checksums of a lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let of = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
    };
    let packages = lock.split("[[package]]");
    let of_package = |p| Some((format!("{} {}", of(p, "name")?, of(p, "version")?), of(p, "checksum")?));
    packages.filter_map(of_package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::RUNTIME;

    #[test]
    fn bills_list_what_is_linked() {
        let tree = "0|coulter v0.1.0 (/here)|MIT OR Apache-2.0\n1|clap v4.5.0|MIT/Apache-2.0\n\
                    2|clap_derive v4.5.0 (proc-macro)|MIT\n3|syn v2.0.0|MIT\n2|strsim v0.11.0|MIT\n\
                    1|strsim v0.11.0|MIT (*)\n";
        let sums = checksums("[[package]]\nname = \"strsim\"\nversion = \"0.11.0\"\nchecksum = \"ab\"\n");
        let system = [library("rust-std", "1.96.0", "MIT"), library("musl", "1.2.3", "MIT")];
        let bill = bill(&RUNTIME, tree, &sums, system);
        let names: Vec<&str> =
            bill["components"].as_array().unwrap().iter().filter_map(|c| c["name"].as_str()).collect();
        assert_eq!(names, ["musl", "clap", "strsim", "rust-std"]);
        assert_eq!(bill["metadata"]["component"]["name"], "coulter-rt");
        assert_eq!(bill["components"][1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["components"][2]["hashes"][0]["content"], "ab");
        let of_root = bill["dependencies"].as_array().unwrap().iter().find(|d| d["ref"] == "pkg:cargo/coulter@0.1.0");
        let below = ["pkg:cargo/clap@4.5.0", "pkg:cargo/strsim@0.11.0", "rust-std", "musl"];
        assert_eq!(of_root.unwrap()["dependsOn"], json!(below));
    }
}
