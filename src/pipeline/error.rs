//! What can go wrong between a file and a tensor.

use std::path::PathBuf;

/// Why an input cannot be made or a description not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// A file cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{path} is not {wanted}: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should be: "a PNG or JPEG image".
        wanted: &'static str,
        /// What its reader says.
        reason: String,
    },
    /// A file's ending is not one of those known.
    #[error("{path} has an unknown ending: give .npz, .npy, .csv, .txt, .wav, .png or .jpg")]
    Ending {
        /// The file.
        path: PathBuf,
    },
    /// The description is not valid.
    #[error("the description in {place} is not valid: {reason}")]
    Description {
        /// File or section.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// An archive lacks an input's array.
    #[error("no array for input {input}: the archive holds {}", .found.join(", "))]
    Missing {
        /// The input.
        input: String,
        /// Names of the arrays that are there.
        found: Vec<String>,
    },
    /// An array does not have the input's shape.
    #[error("input {input} takes {wanted:?}, or several of them along a leading axis; found {found:?}")]
    Shape {
        /// The input.
        input: String,
        /// Dimensions of one sample.
        wanted: Vec<usize>,
        /// Dimensions found.
        found: Vec<usize>,
    },
    /// A raw file cannot feed this input.
    #[error("input {input}: {reason}")]
    Input {
        /// The input.
        input: String,
        /// Expected, found, and what to do.
        reason: String,
    },
    /// An answer cannot be read from an output.
    #[error("output {output}: {reason}")]
    Output {
        /// The output.
        output: String,
        /// Expected and found.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}
