//! A board's description.

use coulter_kernels::Isa;
use serde::{Deserialize, Deserializer};

/// What `board.toml` says, with its id: the name of the folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Board {
    /// What `--target` calls it.
    #[serde(skip)]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Triples that programs for it are built for, the best first.
    pub triples: Vec<String>,
    /// Instruction sets besides `generic` that kernels may use, best last.
    #[serde(deserialize_with = "isas")]
    pub isas: Vec<Isa>,
    /// What `qemu-aarch64 -cpu` or `qemu-x86_64 -cpu` takes for it.
    pub qemu: String,
    /// How an entry of the device tree's `compatible` begins on this board alone.
    #[serde(default)]
    pub device_tree: Option<String>,
    /// Its processor.
    pub core: Core,
    /// Caches of its processor.
    pub cache: Cache,
    /// Its memory.
    pub memory: Memory,
    /// What it tells of itself.
    pub sensors: Sensors,
}

/// The cores that compute.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Core {
    /// Microarchitecture, as `cost.toml` names it.
    pub model: String,
    /// How many.
    pub count: u32,
    /// Clock that one core holds, in MHz.
    pub mhz: u32,
}

/// Caches, in KiB; 0 where there is none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cache {
    /// First level, data, of a core.
    pub l1d_kib: u32,
    /// Second level, of a core or of those that share it.
    pub l2_kib: u32,
    /// Third level.
    pub l3_kib: u32,
}

/// Main memory.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Memory {
    /// Sizes that the board is sold with, in MiB, the smallest first: that one is counted on.
    pub ram_mib: Vec<u64>,
    /// The part of it that a model may take, 0 to 1: the rest is the system's and other programs'.
    pub share: f64,
    /// What it carries at most, in 10⁹ bytes a second.
    pub gb_per_s: f64,
}

/// Where sysfs tells something.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sensors {
    /// Types of the thermal zones that tell the processor's temperature.
    pub thermal: Vec<String>,
    /// The file with the firmware's throttling flags, where there is one.
    #[serde(default)]
    pub throttling: Option<String>,
    /// Kinds of power sensors: `rapl`, `ina3221`.
    pub power: Vec<String>,
    /// What to tell where there is none.
    #[serde(default)]
    pub why_no_power: Option<String>,
}

/// Why a description is none.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// It is no TOML, or fields are missing or unknown.
    #[error("{0}: {1}")]
    Toml(String, toml::de::Error),
    /// A field has a value that is none.
    #[error("{0}: {1}")]
    Value(String, &'static str),
}

impl Board {
    /// Reads a `board.toml`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(id: &str, text: &str) -> Result<Self, BoardError> {
        let board: Self = toml::from_str(text).map_err(|e| BoardError::Toml(id.to_owned(), e))?;
        let wrong = |what| Err(BoardError::Value(id.to_owned(), what));
        let Memory { ram_mib, share, gb_per_s } = &board.memory;
        if ram_mib.is_empty() || ram_mib.contains(&0) || !ram_mib.is_sorted() {
            return wrong("memory.ram-mib lists sizes from the smallest to the greatest");
        }
        if ram_mib.iter().any(|&mib| mib > u64::MAX >> 20) {
            return wrong("memory.ram-mib has more bytes than there are addresses");
        }
        if !(*share > 0.0 && *share <= 1.0) {
            return wrong("memory.share lies between 0 and 1");
        }
        if !(*gb_per_s > 0.0 && gb_per_s.is_finite()) {
            return wrong("memory.gb-per-s is above 0");
        }
        if board.core.count == 0 || board.core.mhz == 0 || board.triples.is_empty() {
            return wrong("a board has a core, its clock and a triple");
        }
        Ok(Self { id: id.to_owned(), ..board })
    }

    /// The instruction set that most kernels will use.
    pub fn best_isa(&self) -> Isa {
        self.isas.last().copied().unwrap_or(Isa::Generic)
    }

    /// Bytes of the smallest memory that it is sold with.
    pub fn ram_bytes(&self) -> u64 {
        self.memory.ram_mib.first().copied().unwrap_or(0) << 20
    }

    /// Bytes of that which a model may take.
    pub fn usable_bytes(&self) -> u64 {
        (self.ram_bytes() as f64 * self.memory.share) as u64
    }
}

fn isas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Isa>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let isa = |name: &String| {
        Isa::from_name(name).ok_or_else(|| serde::de::Error::custom(format!("no instruction set is called {name:?}")))
    };
    names.iter().map(isa).collect()
}
