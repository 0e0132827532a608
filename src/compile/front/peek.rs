//! What can be told of a model without importing it.

use std::collections::BTreeSet;
use std::path::Path;

use sha2::{Digest, Sha256};
use tract_onnx::pb::{GraphProto, TensorProto};

use super::model::Model;
use super::tensors;
use crate::CompileError;

/// See [`peek`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// Names of the graph inputs that take data at run time.
    pub inputs: Vec<String>,
    /// Names of the graph outputs.
    pub outputs: Vec<String>,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// SHA-256 that changes with the file and with the files of weights that it names.
    pub fingerprint: [u8; 32],
}

/// Reads names and fingerprints.
///
/// # Errors
/// When the file, or one that it names, cannot be read, or it is no ONNX model.
pub fn peek(path: &Path) -> Result<Peek, CompileError> {
    let read = |path: &Path| std::fs::read(path).map_err(|source| CompileError::Read { path: path.to_owned(), source });
    let bytes = read(path)?;
    let model = Model::decode(&bytes, path)?;
    let sha256: [u8; 32] = Sha256::digest(&bytes).into();
    let mut files = BTreeSet::new();
    external_files(&model.graph, &mut files);
    let mut hash = Sha256::new_with_prefix(sha256);
    // A file that is not there, or not where it may be, is a problem that the import tells.
    for file in files.iter().filter_map(|location| tensors::external_path(&model.folder, location).ok()) {
        hash.update(Sha256::digest(read(&file)?));
    }
    Ok(Peek {
        inputs: model.input_names(),
        outputs: model.graph.output.iter().map(|o| o.name.clone()).collect(),
        sha256,
        fingerprint: hash.finalize().into(),
    })
}

/// Files that hold a graph's weights, those of its subgraphs included.
fn external_files(graph: &GraphProto, files: &mut BTreeSet<String>) {
    let mut add = |tensor: &TensorProto| {
        let place = tensor.external_data.iter().find(|entry| entry.key == "location");
        files.extend(place.map(|entry| entry.value.clone()));
    };
    graph.initializer.iter().for_each(&mut add);
    let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
    attributes().filter_map(|a| a.t.as_ref()).for_each(&mut add);
    for subgraph in attributes().flat_map(|a| a.g.iter().chain(&a.graphs)) {
        external_files(subgraph, files);
    }
}
