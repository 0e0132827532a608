//! Plan files as bytes.
#![allow(unsafe_code, reason = "mapping a file is unsafe: see the reason at the call")]

use std::fs::File;
use std::path::Path;

#[cfg(feature = "compile")]
use coulter_exec::AlignedBytes;

use crate::error::{CliError, Result};

/// A plan's bytes, aligned as its reader needs them.
#[derive(Debug)]
pub enum PlanBytes {
    /// A mapped file: pages are read when they are touched.
    Mapped(memmap2::Mmap),
    /// Compiled in this process.
    #[cfg(feature = "compile")]
    Owned(AlignedBytes),
}

impl std::ops::Deref for PlanBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            PlanBytes::Mapped(map) => map,
            #[cfg(feature = "compile")]
            PlanBytes::Owned(bytes) => bytes,
        }
    }
}

impl PlanBytes {
    /// Lets go of the pages that were read so far; those that are touched again are read again.
    #[cfg(unix)]
    pub fn forget(&self) {
        match self {
            PlanBytes::Mapped(map) => {
                // Where the system does not take the advice, more memory stays in use.
                // SAFETY: the map is a file's and nobody writes to it: its pages hold nothing that the file does not.
                let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
            }
            #[cfg(feature = "compile")]
            PlanBytes::Owned(_) => {}
        }
    }

    /// Nothing: the system takes no such advice.
    #[cfg(not(unix))]
    pub fn forget(&self) {}
}

/// Maps a file.
///
/// # Errors
/// When it cannot be opened or mapped.
pub fn file(path: &Path) -> Result<PlanBytes> {
    let failed = |e: std::io::Error| CliError::failed(format!("cannot read {}: {e}", path.display()));
    let file = File::open(path).map_err(failed)?;
    // SAFETY: nothing here writes the file, and plans are replaced by renaming, never in place; a file cut short by
    // another program while it is mapped ends this process with a bus error, as with any mapped program.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
    Ok(PlanBytes::Mapped(map))
}
