//! The machines that programs are shipped to, and the compilers for them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// A kind of machine.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// The name that people give: the one with glibc, which `coulter` is built for.
    pub triple: &'static str,
    /// What the runtime alone is built for: static, and without what glibc brings along.
    pub runtime: &'static str,
    /// Debian's name.
    pub debian: &'static str,
    /// Begins the names of GNU tools for it.
    tools: &'static str,
    /// Where Debian's musl-dev for it keeps the C library.
    pub musl: &'static str,
}

/// x86-64.
pub const X86_64: Target = Target {
    triple: "x86_64-unknown-linux-gnu",
    runtime: "x86_64-unknown-linux-musl",
    debian: "amd64",
    tools: "x86_64-linux-gnu",
    musl: "/usr/lib/x86_64-linux-musl",
};

/// 64-bit ARM.
pub const AARCH64: Target = Target {
    triple: "aarch64-unknown-linux-gnu",
    runtime: "aarch64-unknown-linux-musl",
    debian: "arm64",
    tools: "aarch64-linux-gnu",
    musl: "/usr/lib/aarch64-linux-musl",
};

/// 32-bit ARM with a floating-point unit.
pub const ARMV7: Target = Target {
    triple: "armv7-unknown-linux-gnueabihf",
    runtime: "armv7-unknown-linux-musleabihf",
    debian: "armhf",
    tools: "arm-linux-gnueabihf",
    musl: "/usr/lib/arm-linux-musleabihf",
};

/// All that programs are shipped to.
pub const SHIPPED: [&Target; 3] = [&X86_64, &AARCH64, &ARMV7];

impl Target {
    /// The one that is called `triple`.
    ///
    /// # Errors
    /// Which there are.
    pub fn named(triple: &str) -> process::Result<&'static Self> {
        let known = || format!("nothing is shipped to {triple}, but to {}", SHIPPED.map(|t| t.triple).join(", "));
        SHIPPED.into_iter().find(|target| target.triple == triple).ok_or_else(known)
    }

    /// A GNU tool for it: `gcc`, `strip`.
    pub fn tool(&self, name: &str) -> String {
        format!("{}-{name}", self.tools)
    }

    /// The Debian package of its musl.
    pub fn musl_package(&self) -> String {
        format!("musl-dev:{}", self.debian)
    }

    /// The Debian package of its glibc.
    pub fn glibc_package(&self) -> String {
        if *self == X86_64 { "libc6-dev:amd64".into() } else { format!("libc6-dev-{}-cross", self.debian) }
    }

    /// The variable of cargo's environment for it that `what` ends: `RUNNER`, `LINKER`.
    pub fn variable(&self, what: &str) -> String {
        format!("CARGO_TARGET_{}_{what}", self.triple.to_uppercase().replace('-', "_"))
    }
}

/// Where other toolchains build.
pub fn target_dir() -> PathBuf {
    process::target_dir().join("cross")
}

/// Says how to come by a compiler.
pub fn missing(triple: &str) -> String {
    format!("no compiler for {triple}: run `rustup target add {triple}`, or see .ci/run for Debian's packages")
}

/// A compiler and its cargo.
pub struct Toolchain {
    /// Folder of `rustc` and `cargo`; none for those that run this.
    bin: Option<PathBuf>,
    /// Whether the standard library has to be built.
    builds_std: bool,
}

impl Toolchain {
    /// The running toolchain or the system's, whichever has the standard library of `triple`, or else its source.
    ///
    /// # Errors
    /// What to install.
    pub fn of(triple: &str) -> process::Result<Self> {
        Self::with_target(triple).or_else(Self::with_source).ok_or_else(|| missing(triple))
    }

    fn with_target(triple: &str) -> Option<Self> {
        let has = |lib: PathBuf| lib.join("rustlib").join(triple).join("lib").is_dir();
        if sysroot().is_some_and(|root| has(root.join("lib"))) {
            return Some(Self { bin: None, builds_std: false });
        }
        has(PathBuf::from("/usr/lib")).then(Self::system)
    }

    /// The system's, if it has the standard library's source.
    pub fn with_source() -> Option<Self> {
        let source = Path::new("/usr/lib/rustlib/src/rust/library");
        source.is_dir().then(|| Self { builds_std: true, ..Self::system() })
    }

    fn system() -> Self {
        Self { bin: Some(PathBuf::from("/usr/bin")), builds_std: false }
    }

    /// Its cargo with a verb, building into the folder that [`target_dir`] names. Where the standard library's source
    /// is there but not its binary, it builds `crates` of it; stable compilers do so only when told so.
    pub fn cargo(&self, verb: &str, crates: &str) -> Command {
        let mut command = process::cargo();
        if let Some(bin) = &self.bin {
            command = Command::new(bin.join("cargo"));
            command.current_dir(process::root()).env("RUSTC", bin.join("rustc")).env("RUSTDOC", bin.join("rustdoc"));
            // What the running toolchain's proxy sets must not reach the other.
            command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        }
        command.env("CARGO_TARGET_DIR", target_dir()).args([verb, "--quiet"]);
        if self.builds_std {
            command.arg(format!("-Zbuild-std={crates}")).env("RUSTC_BOOTSTRAP", "1");
        }
        command
    }

    /// The compiler's version.
    pub fn version(&self) -> String {
        let rustc = self.bin.as_ref().map_or_else(|| PathBuf::from("rustc"), |bin| bin.join("rustc"));
        let output = Command::new(rustc).arg("--version").output().ok();
        let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        text.split_whitespace().nth(1).unwrap_or("unknown").to_owned()
    }
}

fn sysroot() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}
