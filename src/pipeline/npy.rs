//! numpy's files.

use std::io::{Read, Write};
use std::path::Path;

use coulter_plan::DType;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::read::Source;
use crate::{Array, PipelineError};

/// What a file begins with.
const MAGIC: &[u8] = b"\x93NUMPY";
/// Elements begin at a multiple of so many bytes.
const ALIGNMENT: usize = 64;

/// Reads one `.npy`.
pub(crate) fn read_npy(path: &Path, reader: &mut dyn Read) -> Result<Array, PipelineError> {
    read_array(reader).map_err(|reason| not_numpy(path, &reason))
}

/// Reads every array of an `.npz`, in the archive's order.
pub(crate) fn read_npz(path: &Path, source: Source<'_>) -> Result<Vec<(String, Array)>, PipelineError> {
    let mut archive = ZipArchive::new(source).map_err(|e| not_numpy(path, &e.to_string()))?;
    let mut arrays = Vec::with_capacity(archive.len());
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(|e| not_numpy(path, &e.to_string()))?;
        let Some(name) = entry.name().strip_suffix(".npy").map(str::to_owned) else { continue };
        arrays.push((name, read_npy(path, &mut entry)?));
    }
    Ok(arrays)
}

fn not_numpy(path: &Path, reason: &str) -> PipelineError {
    PipelineError::Format { path: path.to_owned(), wanted: "a numpy file", reason: reason.to_owned() }
}

fn read_array(reader: &mut dyn Read) -> Result<Array, String> {
    let header = read_header(reader).map_err(|e| e.to_string())?;
    let kind = value(&header, "descr")?;
    let kind = match kind.chars().next() {
        Some(quote @ ('\'' | '"')) => kind[1..].split(quote).next().unwrap_or_default(),
        _ => return Err("records are not taken".into()),
    };
    let shape = shape(value(&header, "shape")?)?;
    if value(&header, "fortran_order")?.starts_with("True") && shape.len() > 1 {
        return Err("the array is in Fortran order: save numpy.ascontiguousarray of it".into());
    }
    let (order, name) = kind.split_at_checked(1).unwrap_or_default();
    let dtype = DTYPES.iter().find(|(_, known)| *known == name).map(|(dtype, _)| *dtype);
    let dtype = dtype.ok_or_else(|| format!("elements of type {kind} are not taken"))?;
    let len =
        shape.iter().try_fold(dtype.size(), |len, &dim| len.checked_mul(dim)).ok_or("it has too many elements")?;
    let mut bytes = Vec::new();
    reader.take(len as u64).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() < len {
        return Err(format!("it ends after {} of {len} bytes", bytes.len()));
    }
    if order == ">" {
        bytes.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    }
    if dtype == DType::Bool {
        bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
    }
    Ok(Array { dtype, shape, bytes })
}

/// numpy's names of the types that it knows.
const DTYPES: [(DType, &str); 12] = [
    (DType::F32, "f4"),
    (DType::F64, "f8"),
    (DType::F16, "f2"),
    (DType::I8, "i1"),
    (DType::I16, "i2"),
    (DType::I32, "i4"),
    (DType::I64, "i8"),
    (DType::U8, "u1"),
    (DType::U16, "u2"),
    (DType::U32, "u4"),
    (DType::U64, "u8"),
    (DType::Bool, "b1"),
];

/// The dictionary, as Python writes it.
fn read_header(reader: &mut dyn Read) -> std::io::Result<String> {
    let invalid = |reason: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, reason.to_owned());
    let mut start = [0; 8];
    reader.read_exact(&mut start)?;
    if !start.starts_with(MAGIC) {
        return Err(invalid("it does not begin as one"));
    }
    let mut len = [0; 4];
    match start[6] {
        1 => reader.read_exact(&mut len[..2])?,
        2 | 3 => reader.read_exact(&mut len)?,
        _ => return Err(invalid("its version is not known")),
    }
    let len = u32::from_le_bytes(len);
    let mut header = Vec::new();
    reader.take(len.into()).read_to_end(&mut header)?;
    String::from_utf8(header).map_err(|_| invalid("its header is not text"))
}

/// What follows a key of the dictionary.
fn value<'h>(header: &'h str, key: &str) -> Result<&'h str, String> {
    let found = ['\'', '"'].iter().find_map(|quote| header.split_once(&format!("{quote}{key}{quote}")));
    let value = found.and_then(|(_, after)| after.trim_start().strip_prefix(':'));
    value.map(str::trim_start).ok_or_else(|| format!("its header has no {key}"))
}

/// Dimensions, from a tuple on.
fn shape(tuple: &str) -> Result<Vec<usize>, String> {
    let inside = tuple.strip_prefix('(').and_then(|t| t.split_once(')')).ok_or("its shape is no tuple")?.0;
    let dims = inside.split(',').map(str::trim).filter(|dim| !dim.is_empty());
    dims.map(|dim| dim.parse().map_err(|_| format!("{dim} is no dimension"))).collect()
}

/// Writes arrays to an `.npz`; bfloat16 becomes f32, which numpy knows.
///
/// # Errors
/// When the file cannot be written.
pub fn write_npz(path: &Path, arrays: &[(String, Array)]) -> Result<(), PipelineError> {
    let failed = |e: std::io::Error| PipelineError::Write { path: path.to_owned(), reason: e.to_string() };
    let mut archive = ZipWriter::new(std::fs::File::create(path).map_err(failed)?);
    // As numpy does: not compressed, and prepared for more than 4 GiB.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), options).map_err(|e| failed(e.into()))?;
        write_array(&mut archive, array).map_err(failed)?;
    }
    archive.finish().map(drop).map_err(|e| failed(e.into()))
}

fn write_array(file: &mut dyn Write, array: &Array) -> std::io::Result<()> {
    let Some((_, name)) = DTYPES.iter().find(|(dtype, _)| *dtype == array.dtype) else {
        let wide = array.convert(DType::F32).ok_or_else(|| std::io::Error::other("bfloat16 does not convert"))?;
        return write_array(file, &wide);
    };
    let order = if array.dtype.size() == 1 { '|' } else { '<' };
    let dims: String = array.shape.iter().map(|dim| format!("{dim}, ")).collect();
    let dims = if array.shape.len() > 1 { dims.trim_end_matches(", ") } else { dims.trim_end() };
    let mut header = format!("{{'descr': '{order}{name}', 'fortran_order': False, 'shape': ({dims}), }}");
    let (before, after) = (MAGIC.len() + 4, 1);
    let padded = (before + header.len() + after).next_multiple_of(ALIGNMENT);
    header.extend(std::iter::repeat_n(' ', padded - before - header.len() - after));
    header.push('\n');
    let len = u16::try_from(header.len()).map_err(std::io::Error::other)?;
    file.write_all(MAGIC)?;
    file.write_all(&[1, 0])?;
    file.write_all(&len.to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    file.write_all(&array.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::source;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("x.npz");
        let arrays: Vec<(String, Array)> = DType::ALL
            .iter()
            .filter(|d| **d != DType::BF16)
            .map(|&dtype| {
                let bytes = (0..6 * dtype.size()).map(|i| if dtype == DType::Bool { 1 } else { i as u8 });
                (dtype.name().to_owned(), Array { dtype, shape: vec![2, 3], bytes: bytes.collect() })
            })
            .collect();
        write_npz(&path, &arrays).expect("it is written");
        let file = std::fs::File::open(&path).expect("it is there");
        let mut read = read_npz(&path, source(file)).expect("it is read");
        read.sort_by(|a, b| a.0.cmp(&b.0));
        let mut arrays = arrays;
        arrays.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(read, arrays);
    }

    fn file(header: &str, elements: &[u8]) -> Vec<u8> {
        let len = (header.len() as u16).to_le_bytes();
        [MAGIC, &[1, 0], &len, header.as_bytes(), elements].concat()
    }

    #[test]
    fn headers_of_other_writers_are_read() {
        let read = |header: &str, bytes: &[u8]| read_npy(Path::new("x.npy"), &mut &file(header, bytes)[..]);
        let swapped = read("{\"shape\": (2,), \"fortran_order\": False, \"descr\": \">i2\"}", &[0, 1, 2, 0]);
        assert_eq!(swapped.expect("it is read").to_f64(), [1.0, 512.0]);
        let scalar = read("{'descr':'|b1','fortran_order':True,'shape':()}\n", &[7]).expect("it is read");
        assert_eq!((scalar.shape, scalar.bytes), (vec![], vec![1]));
        for (header, reason) in [
            ("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", "ascontiguousarray"),
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "<c8"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "records"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "4 of 8"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "-1"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", "too many"),
            ("{'descr': '', 'fortran_order': False, 'shape': (2,), }", "type"),
            ("{'descr': '<f4', 'shape': (1,), }", "fortran_order"),
        ] {
            let error = read(header, &[0; 4]).expect_err(header).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn headers_are_those_that_numpy_writes() {
        for (shape, text) in [(vec![], "()"), (vec![3], "(3,)"), (vec![3, 1], "(3, 1)")] {
            let array = Array { dtype: DType::U8, bytes: vec![0; shape.iter().product()], shape };
            let mut bytes = Vec::new();
            write_array(&mut bytes, &array).expect("memory takes it");
            let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {text}, }}");
            assert!(bytes[10..].starts_with(header.as_bytes()));
            assert_eq!(bytes[127], b'\n');
        }
    }

    #[test]
    fn garbage_is_refused() {
        assert!(read_npy(Path::new("x.npy"), &mut &b"\x93NUMPY\x01\x00\xff\xff"[..]).is_err());
        assert!(read_npz(Path::new("x.npz"), source(std::io::Cursor::new(b"PK\x03\x04 no archive"))).is_err());
    }
}
