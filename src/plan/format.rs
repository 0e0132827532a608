//! Fixed-size records of the file: see FORMAT.md, which is written for a stranger.

/// First eight bytes of every plan.
pub const MAGIC: [u8; 8] = *b"\x89COULT\r\n";
/// Format version that this crate writes; readers refuse another major and a newer minor.
pub const MAJOR: u16 = 1;
/// See [`MAJOR`].
pub const MINOR: u16 = 0;
/// Alignment of the file in memory, of every section, of every weight and of the arena.
pub const ALIGN: usize = 64;
/// The order of packed weights that this format's operators define, as the metadata name it.
pub const PACKING: &str = "f32p16";
/// Bytes of the header.
pub const HEADER_BYTES: usize = 128;
/// Bytes of an entry of the section table, which follows the header.
pub const SECTION_ENTRY_BYTES: usize = 24;
/// Bytes of a tensor record.
pub const TENSOR_BYTES: usize = 96;
/// Bytes of a step record.
pub const STEP_BYTES: usize = 32;
/// Bytes of a port record (graph input or output).
pub const PORT_BYTES: usize = 8;
/// Stands for "no operand", "no name".
pub const NONE: u32 = u32::MAX;

/// Kinds of sections. Numbers are append-only; a reader skips kinds above 0x8000_0000 that it does not know
/// and refuses unknown ones below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SectionKind {
    /// Array of tensor records.
    Tensors = 1,
    /// Array of step records, in execution order.
    Steps = 2,
    /// Array of `u32`: tensor indices that steps refer to.
    Operands = 3,
    /// Parameter words of the steps.
    Params = 4,
    /// Graph inputs, then graph outputs.
    Ports = 5,
    /// Zero-terminated UTF-8 names.
    Strings = 6,
    /// Constants, each aligned, in the order of their first use.
    Weights = 7,
    /// Sub-models that the fallback runs.
    Fallback = 8,
    /// Golden vectors: for each case all inputs, then all outputs, dense and each aligned.
    Golden = 9,
    /// One `u32` per step: CRC-32 of its outputs in the first golden case.
    Checksums = 10,
    /// JSON: where the plan comes from, its pipeline, labels, compile report.
    Metadata = 0x8000_0001,
}

impl SectionKind {
    /// All of them.
    pub const ALL: [SectionKind; 11] = [
        SectionKind::Tensors,
        SectionKind::Steps,
        SectionKind::Operands,
        SectionKind::Params,
        SectionKind::Ports,
        SectionKind::Strings,
        SectionKind::Weights,
        SectionKind::Fallback,
        SectionKind::Golden,
        SectionKind::Checksums,
        SectionKind::Metadata,
    ];

    /// The kind stored as `number`.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// Where the header holds the file's SHA-256.
pub const HASH_RANGE: core::ops::Range<usize> = 64..96;
