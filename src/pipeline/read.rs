//! Opens the files that feed models.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek};
use std::path::Path;

use ::image::DynamicImage;

use crate::audio::{self, Audio};
use crate::table::{self, Table};
use crate::{Array, PipelineError, image, npy};

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Raw {
    /// Named arrays; a lone one may have an empty name.
    Arrays(Vec<(String, Array)>),
    /// A picture.
    Image(DynamicImage),
    /// Sound.
    Audio(Audio),
    /// Rows of numbers.
    Table(Table),
}

/// What decoders read from: one type, so that each of them is compiled once.
pub(crate) type Source<'s> = BufReader<Box<dyn ReadSeek + 's>>;

/// Bytes with a place.
pub(crate) trait ReadSeek: Read + Seek {}
impl<T: Read + Seek> ReadSeek for T {}

pub(crate) fn source<'s>(from: impl Read + Seek + 's) -> Source<'s> {
    BufReader::new(Box::new(from))
}

/// Opens a file by its ending: `.npz`, `.npy`, `.csv`, `.txt`, `.wav`, `.png`, `.jpg`.
///
/// # Errors
/// When it cannot be read, or is not what its ending says.
pub fn open(path: &Path) -> Result<Raw, PipelineError> {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let failed = |source| PipelineError::Read { path: path.to_owned(), source };
    let file = || File::open(path).map_err(failed).map(source);
    Ok(match ending.as_str() {
        "npz" => Raw::Arrays(npy::read_npz(path, file()?)?),
        "npy" => Raw::Arrays(vec![(String::new(), npy::read_npy(path, &mut file()?)?)]),
        "png" | "jpg" | "jpeg" => Raw::Image(image::read(path, file()?)?),
        "wav" => Raw::Audio(audio::read(path, file()?)?),
        "csv" | "txt" => Raw::Table(table::read(path, file()?)?),
        _ => return Err(PipelineError::Ending { path: path.to_owned() }),
    })
}

/// Reads what comes from a pipe, telling its kind by its first bytes.
///
/// # Errors
/// As [`open`].
pub fn from_bytes(mut reader: impl Read) -> Result<Raw, PipelineError> {
    let path = Path::new("standard input");
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|source| PipelineError::Read { path: path.to_owned(), source })?;
    let mut source = source(Cursor::new(&bytes));
    Ok(match &bytes[..] {
        [b'P', b'K', ..] => Raw::Arrays(npy::read_npz(path, source)?),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            Raw::Arrays(vec![(String::new(), npy::read_npy(path, &mut source)?)])
        }
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, ..] => Raw::Image(image::read(path, source)?),
        [b'R', b'I', b'F', b'F', ..] => Raw::Audio(audio::read(path, source)?),
        _ => Raw::Table(table::read(path, source)?),
    })
}
