//! Every environment variable that the program reads.

use std::path::PathBuf;

use coulter_kernels::{Isa, IsaSet};

use crate::error::{CliError, Result};

/// Caps the instruction sets in use.
pub const ISA: &str = "COULTER_ISA";
/// Folder of compiled models.
pub const CACHE: &str = "COULTER_CACHE_DIR";

/// Where the sysfs tree begins.
pub const SYSFS: &str = "COULTER_SYSFS";

/// What `--help-env` prints.
pub const HELP: &str = "\
COULTER_ISA        caps the instruction sets in use: generic, avx2, avx512, avx512vbmi, avx512vnni, avxvnni, neon, neondot, neoni8mm, dsp
COULTER_CACHE_DIR  where compiled models are kept (else XDG_CACHE_HOME/coulter, else .cache/coulter in the home folder)
COULTER_SYSFS      where temperature, clock, power and memory limits are read (else /sys)
NO_COLOR           no colours in tables, whatever the terminal can do";

/// The instruction sets that may be used here.
///
/// # Errors
/// When the variable names none.
pub fn isas() -> Result<IsaSet> {
    let detected = IsaSet::detect();
    let Some(name) = std::env::var_os(ISA).filter(|v| !v.is_empty()) else { return Ok(detected) };
    let name = name.to_string_lossy();
    let Some(cap) = Isa::from_name(&name) else {
        let known: Vec<&str> = Isa::ALL.iter().map(|isa| isa.name()).collect();
        return Err(CliError::usage(format!("{ISA} is {name:?}, which is no instruction set"))
            .hint(format!("use one of {}", known.join(", "))));
    };
    Ok(detected.capped(cap))
}

/// The tree of sensors.
pub fn sysfs() -> coulter_governor::Sysfs {
    let root = std::env::var_os(SYSFS).filter(|v| !v.is_empty()).unwrap_or_else(|| "/sys".into());
    coulter_governor::Sysfs::new(root)
}

/// Folder of compiled models, if there is a place for one.
pub fn cache_folder() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    if let Some(folder) = std::env::var_os(CACHE).filter(|v| !v.is_empty()) {
        return Some(folder.into());
    }
    etcetera::choose_base_strategy().ok().map(|s| s.cache_dir().join("coulter"))
}
