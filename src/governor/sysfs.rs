//! Files of sysfs.

use std::io::ErrorKind;
use std::path::PathBuf;

/// A tree like that at `/sys`.
#[derive(Clone, Debug)]
pub struct Sysfs {
    root: PathBuf,
}

impl Sysfs {
    /// The tree that begins at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// What a file says, without white space around it; `None` where it is not there or cannot be read.
    pub fn text(&self, path: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.trim().to_owned())
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.root.join(path)).ok()
    }

    /// The number that a file holds.
    pub fn number(&self, path: &str) -> Option<f64> {
        self.text(path)?.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Whether a file is there, and this user may not read it.
    pub(crate) fn is_locked(&self, path: &str) -> bool {
        matches!(std::fs::read(self.root.join(path)), Err(error) if error.kind() == ErrorKind::PermissionDenied)
    }

    /// Paths of the entries of a folder whose names begin so, by their numbers.
    pub(crate) fn entries(&self, folder: &str, prefix: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.root.join(folder)) else { return Vec::new() };
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let mut names: Vec<String> = entries.filter_map(name).filter(|name| name.starts_with(prefix)).collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        names.into_iter().map(|name| format!("{folder}/{name}")).collect()
    }
}
