//! numpy's archives.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use coulter_plan::DType;
use npyz::NpyFile;
use zip::ZipArchive;

use crate::arrays::Array;

/// All arrays of numbers in an archive, by name.
pub fn read(path: &Path) -> Vec<(String, Array)> {
    let file = File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut archive = ZipArchive::new(file).expect("a readable archive");
    let arrays = (0..archive.len()).filter_map(|i| {
        let entry = archive.by_index(i).expect("a readable entry");
        let name = entry.name().trim_end_matches(".npy").to_owned();
        let (descriptor, shape, bytes) = raw(entry, &name);
        Some((name, Array { dtype: dtype(&descriptor)?, shape, bytes }))
    });
    arrays.collect()
}

/// The array with this name.
pub fn named<'a>(arrays: &'a [(String, Array)], name: &str) -> &'a Array {
    let found = arrays.iter().find(|(n, _)| n == name);
    &found.unwrap_or_else(|| panic!("no array {name} in {:?}", arrays.iter().map(|(n, _)| n).collect::<Vec<_>>())).1
}

fn raw(entry: impl Read, name: &str) -> (String, Vec<usize>, Vec<u8>) {
    let array = NpyFile::new(entry).expect("a readable array");
    assert_eq!(array.order(), npyz::Order::C, "{name} is not row-major");
    let shape = array.shape().iter().map(|&d| d as usize).collect();
    let descriptor = array.dtype().descr().trim_matches('\'').to_owned();
    let mut bytes = Vec::new();
    array.into_inner().read_to_end(&mut bytes).expect("a whole array");
    (descriptor, shape, bytes)
}

fn dtype(descriptor: &str) -> Option<DType> {
    Some(match descriptor {
        "<f2" => DType::F16,
        "<f4" => DType::F32,
        "<f8" => DType::F64,
        "|i1" => DType::I8,
        "|u1" => DType::U8,
        "<i2" => DType::I16,
        "<i4" => DType::I32,
        "<u4" => DType::U32,
        "<i8" => DType::I64,
        "|b1" => DType::Bool,
        _ => return None,
    })
}
