//! Binaries to ship.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Result};
use crate::target::{self, SHIPPED, Target, Toolchain, X86_64};
use crate::{deb, sbom};

/// Most bytes of the runtime-only program: 2.5 MiB; 3 MiB for x86-64, whose kernels are for more instruction sets.
const MAX_RUNTIME_BYTES: [u64; 2] = [5 << 19, 3 << 20];
/// What the runtime-only program leaves out: nobody catches its panics, so that it needs no tables to unwind by.
const NO_UNWINDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/no_unwinding");

/// A program that is shipped.
pub struct Program {
    /// The name of the binary, and of its package.
    pub name: &'static str,
    /// Features of the workspace's package, as cargo is told them.
    pub features: &'static [&'static str],
    /// How it is optimized.
    profile: &'static str,
    /// In a line.
    pub summary: &'static str,
}

impl Program {
    /// Whether it is linked to musl, and not to glibc: compiling allocates, which glibc does faster.
    pub fn uses_musl(&self) -> bool {
        self.profile == RUNTIME.profile
    }
}

/// All of it, compiler and tract included.
pub const FULL: Program = Program {
    name: "coulter",
    features: &["--no-default-features", "--features", "compile"],
    profile: "dist",
    summary: "compiles ONNX models into plans and runs them",
};

/// What runs plans, alone.
pub const RUNTIME: Program = Program {
    name: "coulter-rt",
    features: &["--no-default-features"],
    profile: "dist-rt",
    summary: "runs the plans that coulter compiles",
};

/// Builds both programs for one kind of machine or for all, static and stripped, packs them, and prints their sizes.
///
/// # Errors
/// What could not be built, or is unknown.
pub fn run(triple: Option<&str>) -> Result<()> {
    let targets = match triple {
        None => SHIPPED.to_vec(),
        Some(triple) => vec![Target::named(triple)?],
    };
    let mut table = Vec::new();
    for target in targets {
        for program in [&RUNTIME, &FULL] {
            let binary = build(program, target)?;
            let bill = folder(target).join(format!("{}.cdx.json", program.name));
            sbom::write(program, target, &bill)?;
            let package = deb::pack(program, target, &binary, &bill)?;
            table.extend([binary, package]);
        }
        deb::sums(&folder(target))?;
    }
    println!("{:>10}  file", "MiB");
    for file in table {
        println!("{:10.2}  {}", size(&file)? as f64 / f64::from(1 << 20), shown(&file));
    }
    Ok(())
}

/// Where what is shipped to a machine lies.
pub fn folder(target: &Target) -> PathBuf {
    process::target_dir().join("dist").join(target.triple)
}

/// Builds the runtime-only program and fails when it is too large, brings in tract, or needs files beside it.
///
/// # Errors
/// What is wrong with it.
pub fn runtime(target: &Target) -> Result<()> {
    let mut tree = process::cargo();
    tree.args(["tree", "--quiet", "--package", "coulter", "--edges", "normal"]).args(RUNTIME.features);
    let tree = tree.output().map_err(|e| format!("cargo tree: {e}"))?;
    let text = String::from_utf8_lossy(&tree.stdout);
    if !tree.status.success() || !text.contains("coulter-exec") {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&tree.stderr)));
    }
    if let Some(line) = text.lines().find(|l| l.contains("tract")) {
        return Err(format!("coulter-rt brings in {}", line.trim_matches(|c: char| !c.is_ascii_alphanumeric())));
    }
    let binary = build(&RUNTIME, target)?;
    let bytes = size(&binary)?;
    println!("{}: {:.2} MiB", shown(&binary), bytes as f64 / f64::from(1 << 20));
    let most = MAX_RUNTIME_BYTES[usize::from(*target == X86_64)];
    if bytes <= most { Ok(()) } else { Err(format!("coulter-rt has {bytes} bytes")) }
}

/// Builds one program and copies it to where it is shipped from, stripped; gives the place.
fn build(program: &Program, target: &Target) -> Result<PathBuf> {
    let (mut command, triple) =
        if program.uses_musl() { (musl(target)?, target.runtime) } else { (glibc(target)?, target.triple) };
    command.args(["--profile", program.profile, "--package", "coulter"]).args(program.features);
    command.args(["--target", triple, "--bin", program.name]);
    process::run(&format!("{} for {triple}", program.name), &mut command)?;
    let built = built_in(target, program).join(triple).join(program.profile).join(program.name);

    let out = folder(target);
    std::fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    let copy = out.join(program.name);
    std::fs::copy(&built, &copy).map_err(|e| format!("{}: {e}", built.display()))?;
    // A linker that is given a script keeps the symbols.
    process::run("strip", Command::new(target.tool("strip")).arg(&copy))?;
    check_static(&copy)?;
    Ok(copy)
}

/// The folder that cargo builds a program into.
fn built_in(target: &Target, program: &Program) -> PathBuf {
    let own = *target == X86_64 && program.name == FULL.name;
    if own { process::target_dir() } else { target::target_dir() }
}

/// A cargo that builds with glibc.
fn glibc(target: &Target) -> Result<Command> {
    let mut command = if *target == X86_64 {
        let mut own = process::cargo();
        own.args(["build", "--quiet"]);
        own
    } else {
        Toolchain::of(target.triple)?.cargo("build", "std,panic_unwind")
    };
    // A program that lies where it was linked to has no pointers to correct at its start: they fill pages with copies.
    command.env("RUSTFLAGS", "-Ctarget-feature=+crt-static -Crelocation-model=static");
    command.env(target.variable("LINKER"), target.tool("gcc"));
    Ok(command)
}

/// A cargo that builds with musl, with the standard library built for size from its source.
fn musl(target: &Target) -> Result<Command> {
    let toolchain = Toolchain::with_source().ok_or_else(|| target::missing(target.runtime))?;
    let unwind = target::target_dir().join("unwind").join(target.debian);
    std::fs::create_dir_all(&unwind).map_err(|e| format!("{}: {e}", unwind.display()))?;
    let object = unwind.join("no_unwinding.o");
    let (gcc, source) = (target.tool("gcc"), format!("{NO_UNWINDING}.c"));
    process::run(&gcc, Command::new(&gcc).args(["-Os", "-c", &source, "-o"]).arg(&object))?;
    process::run("ar", Command::new(target.tool("ar")).arg("crs").arg(unwind.join("libunwind.a")).arg(&object))?;

    let musl = target.musl;
    let specs = Path::new(musl).join("musl-gcc.specs");
    if !specs.is_file() {
        return Err(format!("{} is missing: install Debian's {}", specs.display(), target.musl_package()));
    }
    let mut flags = format!("-Ctarget-feature=+crt-static -Crelocation-model=static -Clink-self-contained=no -L{musl}");
    flags += &format!(" -Clinker={gcc} -Clink-arg=-specs={} -L{}", specs.display(), unwind.display());
    flags += &format!(" -Clink-arg=-Wl,--no-eh-frame-hdr -Clink-arg=-Wl,-T,{NO_UNWINDING}.ld");
    let mut command = toolchain.cargo("build", "std,panic_abort");
    command.arg("-Zbuild-std-features=optimize_for_size").env("RUSTFLAGS", flags);
    Ok(command)
}

/// Fails for a program that the system would have to load others for.
fn check_static(program: &Path) -> Result<()> {
    let output = Command::new("readelf").args(["--wide", "--program-headers", "--dynamic"]).arg(program).output();
    let output = output.map_err(|e| format!("readelf: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().find(|line| line.contains("INTERP") || line.contains("(NEEDED)")) {
        None if output.status.success() => Ok(()),
        found => Err(format!("{} is not static: {}", program.display(), found.unwrap_or_default().trim())),
    }
}

/// A file's bytes.
fn size(file: &Path) -> Result<u64> {
    Ok(std::fs::metadata(file).map_err(|e| format!("{}: {e}", file.display()))?.len())
}

/// A path within the folder of builds.
fn shown(file: &Path) -> String {
    file.strip_prefix(process::target_dir()).unwrap_or(file).display().to_string()
}
