//! Files that are there whole or not at all.

use std::fs::File;
use std::io::{Result, Write};
use std::path::{Path, PathBuf};

/// A file that is written and on the disk, beside the place that it is for.
#[derive(Debug)]
pub struct Staged {
    temporary: PathBuf,
    path: PathBuf,
}

impl Staged {
    /// Writes it, in the folder of `path`, which is made where it is not there.
    ///
    /// # Errors
    /// The system's.
    pub fn write(path: &Path, bytes: &[u8]) -> Result<Self> {
        let folder = folder(path);
        std::fs::create_dir_all(folder)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = folder.join(format!(".{name}.{}", std::process::id()));
        // Made first, so that what is left of a failed write is removed.
        let staged = Self { temporary, path: path.to_owned() };
        let mut file = File::create(&staged.temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(staged)
    }

    /// Where it is now.
    pub fn file(&self) -> &Path {
        &self.temporary
    }

    /// Puts it in its place, instead of what is there, and waits until that is on the disk.
    ///
    /// # Errors
    /// The system's; what was in the place is then still there.
    pub fn commit(self) -> Result<()> {
        std::fs::rename(&self.temporary, &self.path)?;
        // Not every file system can write folders out.
        File::open(folder(&self.path))?.sync_all().or(Ok(()))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a commit it is not there any more; before, it is of no use.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file.
///
/// # Errors
/// The system's.
#[cfg(feature = "compile")]
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    Staged::write(path, bytes)?.commit()
}
