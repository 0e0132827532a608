//! How much flash and RAM a linked firmware takes.

use std::path::Path;

use crate::process::Result;

/// Bytes of a 32-bit ELF program.
pub struct Image {
    /// Code, constants, and what data begin with.
    pub flash: u64,
    /// Data, zeroed or not.
    pub ram: u64,
}

/// Section types and flags (System V ABI).
const SHT_NOBITS: u32 = 8;
const SHF_WRITE: u32 = 1;
const SHF_ALLOC: u32 = 2;

impl Image {
    /// Adds up the sections of a program.
    ///
    /// # Errors
    /// When the file is no such program.
    pub fn read(program: &Path) -> Result<Self> {
        let file = std::fs::read(program).map_err(|e| format!("{}: {e}", program.display()))?;
        Self::of(&file).ok_or_else(|| format!("{} is no 32-bit ELF program", program.display()))
    }

    fn of(file: &[u8]) -> Option<Self> {
        let word = |at: usize| file.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let half = |at: usize| file.get(at..at + 2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])));
        if !file.starts_with(b"\x7fELF\x01\x01") {
            return None;
        }
        let (table, entry, count) = (word(32)? as usize, half(46)?, half(48)?);
        let mut image = Self { flash: 0, ram: 0 };
        for i in 0..count {
            let at = table + i * entry;
            let (kind, flags, bytes) = (word(at + 4)?, word(at + 8)?, u64::from(word(at + 20)?));
            if flags & SHF_ALLOC == 0 {
                continue;
            }
            image.flash += if kind == SHT_NOBITS { 0 } else { bytes };
            image.ram += if flags & SHF_WRITE == 0 { 0 } else { bytes };
        }
        Some(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_added_up_by_where_they_lie() {
        let mut file = vec![0; 52];
        file[..6].copy_from_slice(b"\x7fELF\x01\x01");
        file[32] = 52;
        (file[46], file[48]) = (40, 4);
        // Type, flags, size: code, data, zeroed data, and what is not loaded.
        for (kind, flags, bytes) in [(1u32, 6u32, 100u32), (1, 3, 8), (SHT_NOBITS, 3, 32), (1, 0, 1000)] {
            let mut section = [0u8; 40];
            section[4..8].copy_from_slice(&kind.to_le_bytes());
            section[8..12].copy_from_slice(&flags.to_le_bytes());
            section[20..24].copy_from_slice(&bytes.to_le_bytes());
            file.extend(section);
        }
        let image = Image::of(&file).expect("a program");
        assert_eq!((image.flash, image.ram), (108, 40));
        assert!(Image::of(&file[..100]).is_none() && Image::of(b"ELF").is_none());
    }
}
