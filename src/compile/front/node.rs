//! An ONNX node as import functions see it.

use std::path::Path;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::tensors::{self, Literal};
use crate::graph::TensorId;

/// What an import function gives: the tensors of the node's outputs, `None` for those that the node does not want.
pub(crate) type Imported = Result<Vec<Option<TensorId>>, Decline>;

/// Why a node is not imported.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decline {
    /// There is no operator of ours for this case; tract may have one. Why.
    Fallback(String),
    /// Nobody can run it.
    Problem {
        /// Expected and found.
        reason: String,
        /// What to do.
        cure: String,
    },
}

impl Decline {
    /// See [`Decline::Fallback`].
    pub(crate) fn fallback(reason: impl Into<String>) -> Self {
        Decline::Fallback(reason.into())
    }

    /// The model breaks the rules of ONNX.
    pub(crate) fn broken(reason: impl Into<String>) -> Self {
        Decline::problem(reason, "the model breaks the operator's rules: look at it with onnx.checker, export it again")
    }

    /// See [`Decline::Problem`].
    pub(crate) fn problem(reason: impl Into<String>, cure: impl Into<String>) -> Self {
        Decline::Problem { reason: reason.into(), cure: cure.into() }
    }
}

/// One output.
pub(crate) fn one(id: TensorId) -> Imported {
    Ok(vec![Some(id)])
}

/// See the module.
#[derive(Debug)]
pub(crate) struct OnnxNode<'a> {
    /// As it stands in the file.
    pub proto: &'a NodeProto,
    /// Its name, or its first output's when it has none, behind the names of the functions that it lies in.
    pub name: String,
    /// Version of its domain's operator set.
    pub opset: i64,
    /// Where external data of attributes lie.
    pub folder: &'a Path,
    /// Operands; `None` for those left out.
    pub inputs: Vec<Option<TensorId>>,
}

impl<'a> OnnxNode<'a> {
    /// Operator.
    pub(crate) fn op(&self) -> &'a str {
        &self.proto.op_type
    }

    /// Operator with its domain, unless that is ONNX's own.
    pub(crate) fn qualified(&self) -> String {
        match super::model::domain(&self.proto.domain) {
            "" => self.proto.op_type.clone(),
            domain => format!("{domain}.{}", self.proto.op_type),
        }
    }

    /// Operand `i`, which must be there.
    pub(crate) fn input(&self, i: usize) -> Result<TensorId, Decline> {
        self.optional(i).ok_or_else(|| Decline::broken(format!("input {i} is missing")))
    }

    /// Operand `i`, if it is there.
    pub(crate) fn optional(&self, i: usize) -> Option<TensorId> {
        self.inputs.get(i).copied().flatten()
    }

    /// All operands of an operator that takes any number of them.
    pub(crate) fn all_inputs(&self) -> Result<Vec<TensorId>, Decline> {
        (0..self.inputs.len()).map(|i| self.input(i)).collect()
    }

    /// Whether output `i` is used.
    pub(crate) fn wants(&self, i: usize) -> bool {
        self.proto.output.get(i).is_some_and(|name| !name.is_empty())
    }

    /// Number of outputs, those left out in between included.
    pub(crate) fn outputs(&self) -> usize {
        self.proto.output.len()
    }

    fn attribute(&self, name: &str, wanted: AttributeType) -> Result<Option<&'a AttributeProto>, Decline> {
        let Some(found) = self.proto.attribute.iter().find(|a| a.name == name) else { return Ok(None) };
        // The first version of the format did not write types.
        if found.r#type != wanted as i32 && found.r#type != AttributeType::Undefined as i32 {
            let kind = wanted.as_str_name().to_lowercase();
            return Err(Decline::broken(format!("attribute {name} is not of type {kind}")));
        }
        Ok(Some(found))
    }

    /// Whether there is an attribute of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.proto.attribute.iter().any(|a| a.name == name)
    }

    /// An integer.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Decline> {
        Ok(self.attribute(name, AttributeType::Int)?.map(|a| a.i))
    }

    /// An integer, or what it is when not given.
    pub(crate) fn int_or(&self, name: &str, default: i64) -> Result<i64, Decline> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// A flag, false when not given.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Decline> {
        Ok(self.int_or(name, 0)? != 0)
    }

    /// Integers.
    pub(crate) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, Decline> {
        Ok(self.attribute(name, AttributeType::Ints)?.map(|a| a.ints.as_slice()))
    }

    /// A number.
    pub(crate) fn float(&self, name: &str) -> Result<Option<f32>, Decline> {
        Ok(self.attribute(name, AttributeType::Float)?.map(|a| a.f))
    }

    /// A number, or what it is when not given.
    pub(crate) fn float_or(&self, name: &str, default: f32) -> Result<f32, Decline> {
        Ok(self.float(name)?.unwrap_or(default))
    }

    /// Numbers.
    pub(crate) fn floats(&self, name: &str) -> Result<Option<&'a [f32]>, Decline> {
        Ok(self.attribute(name, AttributeType::Floats)?.map(|a| a.floats.as_slice()))
    }

    /// Text.
    pub(crate) fn string(&self, name: &str) -> Result<Option<&'a str>, Decline> {
        let Some(found) = self.attribute(name, AttributeType::String)? else { return Ok(None) };
        let text = std::str::from_utf8(&found.s);
        text.map(Some).map_err(|_| Decline::broken(format!("attribute {name} is not UTF-8")))
    }

    /// Text, or what it is when not given.
    pub(crate) fn string_or(&self, name: &str, default: &'a str) -> Result<&'a str, Decline> {
        Ok(self.string(name)?.unwrap_or(default))
    }

    /// Texts.
    pub(crate) fn strings(&self, name: &str) -> Result<Option<Vec<&'a str>>, Decline> {
        let Some(found) = self.attribute(name, AttributeType::Strings)? else { return Ok(None) };
        let texts: Result<Vec<_>, _> = found.strings.iter().map(|s| std::str::from_utf8(s)).collect();
        texts.map(Some).map_err(|_| Decline::broken(format!("attribute {name} is not UTF-8")))
    }

    /// A constant.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Literal>, Decline> {
        let found = self.attribute(name, AttributeType::Tensor)?.and_then(|a| a.t.as_ref());
        found.map(|proto| self.literal(name, proto)).transpose()
    }

    fn literal(&self, name: &str, proto: &TensorProto) -> Result<Literal, Decline> {
        tensors::read(proto, self.folder).map_err(|reason| {
            Decline::problem(format!("attribute {name}: {reason}"), "export the model with constants of another type")
        })
    }

    /// A subgraph.
    pub(crate) fn graph(&self, name: &str) -> Result<&'a GraphProto, Decline> {
        let found = self.attribute(name, AttributeType::Graph)?.and_then(|a| a.g.as_ref());
        found.ok_or_else(|| Decline::broken(format!("attribute {name} is missing")))
    }
}
