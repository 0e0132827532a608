//! What tract computes for every tensor of a model, to compare with.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use coulter_fallback::{FallbackError, Output, Port, evaluate};
use coulter_plan::DType;
use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{GraphProto, ModelProto, TensorShapeProto, ValueInfoProto, type_proto};

use crate::CompileError;

/// A graph input: name, type, shape and bytes.
pub(crate) type Given<'a> = (&'a str, DType, Vec<usize>, &'a [u8]);

/// A graph input as the fallback crate takes it.
type Bound<'a> = (DType, Vec<usize>, &'a [u8]);

/// The tensors that the model's nodes compute, by name. Those of types that plans do not have are left out.
///
/// # Errors
/// If the file cannot be read, is not a model, or tract cannot run it.
pub(crate) fn values(path: &Path, inputs: &[Given<'_>]) -> Result<HashMap<String, Output>, CompileError> {
    let bytes = std::fs::read(path).map_err(|source| CompileError::Read { path: path.to_owned(), source })?;
    let not_onnx = |reason: String| CompileError::NotOnnx { path: path.to_owned(), reason };
    let mut model = ModelProto::decode(&bytes[..]).map_err(|error| not_onnx(error.to_string()))?;
    let graph = model.graph.as_mut().ok_or_else(|| not_onnx("it has no graph".into()))?;
    let given = bind_inputs(graph, inputs)?;
    let mut names = node_outputs(graph);
    name_nodes(graph, &mut 0);
    loop {
        let graph = model.graph.get_or_insert_with(GraphProto::default);
        graph.output = names.iter().map(|name| ValueInfoProto { name: name.clone(), ..Default::default() }).collect();
        match evaluate(&model.encode_to_vec(), &given) {
            Ok(outputs) => return Ok(names.into_iter().zip(outputs).collect()),
            Err(
                FallbackError::Type { port: Port::Output(i), .. }
                | FallbackError::SymbolicShape { port: Port::Output(i), .. },
            ) if i < names.len() => drop(names.remove(i)),
            Err(error) => return Err(CompileError::Reference(error.to_string())),
        }
    }
}

/// Gives the graph's inputs the shapes of the values, and puts these in the graph's order.
fn bind_inputs<'a>(graph: &mut GraphProto, inputs: &[Given<'a>]) -> Result<Vec<Bound<'a>>, CompileError> {
    let constants: HashSet<&String> = graph.initializer.iter().map(|tensor| &tensor.name).collect();
    let mut given = Vec::new();
    for port in graph.input.iter_mut().filter(|port| !constants.contains(&port.name)) {
        let Some((_, dtype, shape, bytes)) = inputs.iter().find(|(name, ..)| *name == port.name) else {
            return Err(CompileError::Reference(format!("the plan has no input {}", port.name)));
        };
        let tensor = port.r#type.as_mut().and_then(|t| t.value.as_mut());
        if let Some(type_proto::Value::TensorType(tensor)) = tensor {
            let dim =
                |&dim: &usize| Dimension { value: Some(dimension::Value::DimValue(dim as i64)), ..Default::default() };
            tensor.shape = Some(TensorShapeProto { dim: shape.iter().map(dim).collect() });
        }
        given.push((*dtype, shape.clone(), *bytes));
    }
    Ok(given)
}

/// Gives every node a name of its own, those of inner graphs included: tract takes no two nodes for one.
fn name_nodes(graph: &mut GraphProto, count: &mut usize) {
    for node in &mut graph.node {
        node.name = format!("node {count}");
        *count += 1;
        for attribute in &mut node.attribute {
            attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(|inner| name_nodes(inner, count));
        }
    }
}

/// Names of everything that nodes compute, each once.
fn node_outputs(graph: &GraphProto) -> Vec<String> {
    let mut seen = HashSet::new();
    let all = graph.node.iter().flat_map(|node| &node.output).filter(|name| !name.is_empty());
    all.filter(|name| seen.insert(name.as_str())).cloned().collect()
}

/// Names of the model's nodes, as reports tell them: those without one go by their first output's.
#[cfg(test)]
pub(crate) fn node_names(path: &Path) -> Option<Vec<String>> {
    let graph = ModelProto::decode(&std::fs::read(path).ok()?[..]).ok()?.graph?;
    let name = |node: &tract_onnx::pb::NodeProto| {
        if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name.clone() }
    };
    Some(graph.node.iter().map(name).collect())
}
