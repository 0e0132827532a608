//! Nodes that tract runs, when compiling or as a step of the plan: each a serialized ONNX model of one node.

use std::collections::BTreeSet;

use coulter_plan::DType;
use coulter_plan::ops::fallback::MAX_OPERANDS;
use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{Tensor, Value as TypeValue};
use tract_onnx::pb::{GraphProto, ModelProto, OperatorSetIdProto, TensorShapeProto, TypeProto, ValueInfoProto};

use super::importer::Importer;
use super::node::{Decline, Imported, OnnxNode};
use super::tensors::{self, Literal};
use super::{control, distrust};
use crate::graph::{Fallback, Op, TensorId, Value};

/// Version of the format of the models made here.
const IR_VERSION: i64 = 8;

impl Importer<'_> {
    /// Leaves a node to tract, because of `reason`.
    pub(crate) fn fallback(&mut self, node: &OnnxNode<'_>, reason: String) -> Imported {
        if let Some(wrong) = distrust::reason(self, node) {
            return Err(Decline::problem(format!("{reason}; {wrong}"), distrust::REPLACE));
        }
        if !distrust::tract_knows(node.proto) {
            return Err(distrust::unknown(node));
        }
        let (model, inputs) = self.single_node(node)?;
        let refuse = |error: String| Decline::problem(format!("{reason}; {error}"), distrust::REPLACE);
        let facts = coulter_fallback::output_facts(&model).map_err(|e| refuse(e.to_string()))?;
        if inputs.len() > MAX_OPERANDS || facts.len() > MAX_OPERANDS {
            return Err(refuse(format!("a fallback step has at most {MAX_OPERANDS} operands")));
        }
        let mut facts = facts.into_iter();
        let mut outputs: Vec<Option<(DType, Vec<usize>)>> = Vec::new();
        for (i, name) in node.proto.output.iter().enumerate() {
            let fact = if name.is_empty() { None } else { facts.next() };
            outputs.push(match fact {
                Some((dtype, Some(shape))) => Some((dtype, shape)),
                // A run that gives another shape is an error.
                Some((dtype, None)) => {
                    let shape = self.declared_shape(node, i);
                    Some((dtype, shape.ok_or_else(|| refuse(format!("the shape of output {i} depends on data")))?))
                }
                None => None,
            });
        }
        if self.forbid_fallback {
            let cure = "allow fallback, or replace the node by simpler operators";
            self.problem(node, Decline::problem(format!("{reason}; it could only run through tract"), cure));
        }
        let present: Vec<_> = outputs.iter().flatten().cloned().map(Some).collect();
        let operands: Vec<_> = inputs.into_iter().map(Some).collect();
        let op = Op::Fallback(Fallback { model: model.into(), ops: vec![node.qualified()], reason });
        let mut made = self.emit_many(op, &operands, &present)?.into_iter();
        Ok(outputs.iter().map(|fact| if fact.is_some() { made.next().flatten() } else { None }).collect())
    }

    /// The outputs of a node whose operands are all constants, through tract; `None` where that fails.
    pub(crate) fn computed(&self, node: &OnnxNode<'_>) -> Option<Vec<Literal>> {
        if distrust::reason(self, node).is_some() || !distrust::tract_knows(node.proto) {
            return None;
        }
        let (model, inputs) = self.single_node(node).ok()?;
        if !inputs.is_empty() {
            return None;
        }
        let results = coulter_fallback::evaluate(&model, &[]).ok()?;
        let literal =
            |(dtype, shape, bytes): (DType, Vec<usize>, Vec<u8>)| Literal { dtype, shape, value: Value(bytes.into()) };
        Some(results.into_iter().map(literal).collect())
    }

    /// A model of this node alone, with its constant operands inside, and the operands that are left to give it.
    fn single_node(&self, node: &OnnxNode<'_>) -> Result<(Vec<u8>, Vec<TensorId>), Decline> {
        let mut graph = GraphProto { name: node.op().to_owned(), ..GraphProto::default() };
        let mut inputs = Vec::new();
        let (mut seen, mut names) = (BTreeSet::new(), node.proto.input.clone());
        names.extend(control::captured_by(node.proto));
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            if !seen.insert(name.clone()) {
                continue;
            }
            let id = self.named(&name).ok_or_else(|| Decline::broken(format!("no node makes {name:?}")))?;
            let tensor = self.graph.tensor(id);
            match &tensor.value {
                Some(value) => graph.initializer.push(tensors::write(&name, tensor.dtype, &tensor.shape, value)),
                None => {
                    graph.input.push(typed(&name, tensor.dtype, &tensor.shape));
                    inputs.push(id);
                }
            }
        }
        let outputs = node.proto.output.iter().filter(|name| !name.is_empty());
        graph.output = outputs.map(|name| ValueInfoProto { name: name.clone(), ..Default::default() }).collect();
        graph.node.push(node.proto.clone());
        let sets = self.opsets().iter();
        let opset_import =
            sets.map(|(domain, &version)| OperatorSetIdProto { domain: domain.clone(), version }).collect();
        let model = ModelProto { ir_version: IR_VERSION, opset_import, graph: Some(graph), ..ModelProto::default() };
        Ok((model.encode_to_vec(), inputs))
    }
}

fn typed(name: &str, dtype: DType, shape: &[usize]) -> ValueInfoProto {
    let dim = |&d: &usize| Dimension { value: Some(dimension::Value::DimValue(d as i64)), ..Default::default() };
    let tensor = Tensor {
        elem_type: tensors::number(dtype),
        shape: Some(TensorShapeProto { dim: shape.iter().map(dim).collect() }),
    };
    let r#type = Some(TypeProto { value: Some(TypeValue::TensorType(tensor)), ..Default::default() });
    ValueInfoProto { name: name.to_owned(), r#type, ..Default::default() }
}
