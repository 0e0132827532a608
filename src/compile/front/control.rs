//! Nodes that hold other nodes: calls of the model's functions, and branches.

use std::collections::BTreeSet;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use super::importer::Importer;
use super::model::{Function, Model, domain, opsets};
use super::node::{Decline, Imported, OnnxNode};

/// Whether an operator runs graphs of its own.
pub(crate) fn is_control(op: &str) -> bool {
    matches!(op, "If" | "Loop" | "Scan")
}

/// The function of the model that a node calls.
pub(crate) fn function<'m>(model: &'m Model, node: &NodeProto) -> Option<&'m Function> {
    let same = |f: &&Function| f.proto.name() == node.op_type && domain(f.proto.domain()) == domain(&node.domain);
    model.functions.iter().find(same)
}

/// Imports the body of a function in place of the call.
pub(crate) fn call(importer: &mut Importer<'_>, node: &OnnxNode<'_>, function: &Function) -> Imported {
    let Function { proto: function, defaults } = function;
    let body = GraphProto {
        node: function.node.iter().map(|inner| with_attributes(inner, node.proto, defaults)).collect(),
        output: function.output.iter().map(|name| named(name)).collect(),
        ..GraphProto::default()
    };
    if node.inputs.len() > function.input.len() {
        let (given, taken) = (node.inputs.len(), function.input.len());
        return Err(Decline::broken(format!("{given} inputs for a function of {taken}")));
    }
    let bound: Vec<_> = function.input.iter().enumerate().map(|(i, name)| (name.clone(), node.optional(i))).collect();
    let body = without_missing(body, &bound);
    let path = format!("{}/", node.proto.name.as_str());
    let path = if node.proto.name.is_empty() { format!("{}/", node.op()) } else { path };
    let outputs = importer.inline(&body, &bound, false, &path, Some(opsets(&function.opset_import)))?;
    importer.graph.folded.push((node.name.clone(), "a function, replaced by its body".into()));
    Ok(outputs)
}

fn named(name: &str) -> tract_onnx::pb::ValueInfoProto {
    tract_onnx::pb::ValueInfoProto { name: name.to_owned(), ..Default::default() }
}

/// Inner nodes read a parameter that the call left out as an input that is left out.
fn without_missing(mut body: GraphProto, bound: &[(String, Option<crate::graph::TensorId>)]) -> GraphProto {
    let missing: BTreeSet<&str> = bound.iter().filter(|(_, id)| id.is_none()).map(|(n, _)| n.as_str()).collect();
    for input in body.node.iter_mut().flat_map(|n| &mut n.input).filter(|name| missing.contains(name.as_str())) {
        input.clear();
    }
    body
}

/// A node of a function with references to the function's attributes replaced by what the call gives, or else by
/// the defaults.
fn with_attributes(node: &NodeProto, call: &NodeProto, defaults: &[AttributeProto]) -> NodeProto {
    let mut node = node.clone();
    let resolve = |attribute: AttributeProto| -> Option<AttributeProto> {
        if attribute.ref_attr_name.is_empty() {
            return Some(attribute);
        }
        let mut known = call.attribute.iter().chain(defaults);
        let given = known.find(|a| a.name == attribute.ref_attr_name)?;
        Some(AttributeProto { name: attribute.name, ..given.clone() })
    };
    node.attribute = std::mem::take(&mut node.attribute).into_iter().filter_map(resolve).collect();
    for graph in node.attribute.iter_mut().filter_map(|a| a.g.as_mut()) {
        graph.node = graph.node.iter().map(|inner| with_attributes(inner, call, defaults)).collect();
    }
    node
}

/// Names that a graph reads from around it.
pub(crate) fn captured(graph: &GraphProto) -> BTreeSet<String> {
    let mut own: BTreeSet<&str> = graph.input.iter().map(|i| i.name.as_str()).collect();
    own.extend(graph.initializer.iter().map(|t| t.name.as_str()));
    own.extend(graph.node.iter().flat_map(|n| &n.output).map(String::as_str));
    let mut read: BTreeSet<String> = graph.node.iter().flat_map(|n| &n.input).cloned().collect();
    read.extend(graph.output.iter().map(|o| o.name.clone()));
    for node in &graph.node {
        read.extend(captured_by(node));
    }
    read.into_iter().filter(|name| !name.is_empty() && !own.contains(name.as_str())).collect()
}

/// Names that the graphs inside a node read from around it.
pub(crate) fn captured_by(node: &NodeProto) -> BTreeSet<String> {
    let graphs = node.attribute.iter().filter(|a| a.r#type == AttributeType::Graph as i32);
    graphs.filter_map(|a| a.g.as_ref()).flat_map(captured).collect()
}

/// `If`: the branch that a constant condition takes; else both branches, where they give results of the same types
/// and shapes, and a choice between the results.
pub(crate) fn branches(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let condition = node.input(0)?;
    let (then, otherwise) = (node.graph("then_branch")?, node.graph("else_branch")?);
    if let Some(value) = &importer.graph.tensor(condition).value {
        let taken = value.0.iter().any(|&b| b != 0);
        let (branch, word) = if taken { (then, "then") } else { (otherwise, "else") };
        let outputs = importer.inline(branch, &[], true, "", None)?;
        let reason = format!("its condition is constant: the {word} branch takes its place");
        importer.graph.folded.push((node.name.clone(), reason));
        return Ok(outputs);
    }
    let mark = importer.mark();
    let mut results = Vec::new();
    for branch in [then, otherwise] {
        results.push(importer.inline(branch, &[], true, "", None)?);
        if importer.problems_since(mark) {
            return Ok(Vec::new());
        }
    }
    let mut outputs = Vec::new();
    for (a, b) in results[0].iter().zip(&results[1]) {
        let (Some(a), Some(b)) = (*a, *b) else { return Ok(Vec::new()) };
        let same = importer.dtype(a) == importer.dtype(b) && importer.shape(a) == importer.shape(b);
        if !same {
            return Err(Decline::fallback("its branches give different shapes and the condition is computed"));
        }
        outputs.push(Some(importer.select(condition, a, b)?));
    }
    Ok(outputs)
}
