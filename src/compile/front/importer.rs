//! Walks the nodes of a model and builds the graph.

use std::collections::HashMap;

use coulter_plan::DType;
use tract_onnx::pb::{GraphProto, NodeProto};

use super::model::{Model, Opsets, domain};
use super::node::{Decline, Imported, OnnxNode};
use super::tensors::{self, Literal};
use super::{control, distrust, fold, implied, ops};
use crate::graph::{Graph, Node, Op, TensorId, Value};
use crate::{CompileError, CompileOptions, Problem};

/// What is known of an ONNX value.
#[derive(Clone, Debug)]
enum Known {
    /// It is this tensor.
    Tensor(TensorId),
    /// Nothing, because of a problem: one told already, or one told where the value is used.
    Nothing(Option<String>),
}

/// Names that a node can refer to.
struct Scope {
    values: HashMap<String, Known>,
    /// Whether names that are not here are looked up in the scope around.
    open: bool,
    /// What the names of nodes in it begin with.
    path: String,
    /// What its nodes are to be read by.
    opsets: Opsets,
}

/// Where the graph stood, to go back to.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    nodes: usize,
    tensors: usize,
    folded: usize,
    problems: usize,
    scopes: usize,
}

/// See the module. Import functions build the graph through [`Importer::emit`] and the helpers of
/// [`build`](super::build).
pub(crate) struct Importer<'m> {
    /// What has been built.
    pub graph: Graph,
    /// The model.
    pub model: &'m Model,
    /// Whether what only tract can run is a problem.
    pub forbid_fallback: bool,
    problems: Vec<Problem>,
    scopes: Vec<Scope>,
    /// The ONNX node that is being imported.
    current: String,
    declared: HashMap<String, (DType, Vec<usize>)>,
    table: HashMap<(&'static str, &'static str), ops::ImportFn>,
    /// What is known of products of numbers that are quantized as they come.
    pub dynamic: ops::dynamic::Known,
    /// How deep calls of functions and branches lie in each other.
    depth: usize,
}

/// Deepest nesting of functions and branches.
const MAX_DEPTH: usize = 64;
/// Largest constant, in bytes, that folding makes of smaller ones.
const MAX_FOLDED: usize = 1 << 20;

/// Imports a model. The problems are those that keep it from compiling; with any, the graph is not whole.
pub(crate) fn import(model: &Model, options: &CompileOptions) -> Result<(Graph, Vec<Problem>), CompileError> {
    let (ports, problems) = model.ports(&options.dims)?;
    let mut importer = Importer {
        graph: Graph {
            name: model.graph.name.clone(),
            opset: model.opsets.get("").copied().unwrap_or(0),
            ..Graph::default()
        },
        model,
        forbid_fallback: options.forbid_fallback,
        problems,
        scopes: vec![Scope { values: HashMap::new(), open: false, path: String::new(), opsets: model.opsets.clone() }],
        current: String::new(),
        declared: model.declared(&options.dims),
        table: ops::TABLE.iter().map(|&(domain, op, import)| ((domain, op), import)).collect(),
        dynamic: ops::dynamic::Known::default(),
        depth: 0,
    };
    for problem in &importer.problems {
        importer.scopes[0].values.insert(problem.onnx_node.clone(), Known::Nothing(None));
    }
    for port in ports {
        let id = importer.graph.add(port.name.clone(), port.dtype, &port.shape);
        importer.graph.tensors[id.0].origin = Some((port.name.clone(), (0..port.shape.len()).collect()));
        importer.graph.inputs.push((port.name.clone(), id));
        importer.scopes[0].values.insert(port.name, Known::Tensor(id));
    }
    importer.body(&model.graph);
    importer.outputs();
    let Importer { graph, problems, .. } = importer;
    Ok((graph, problems))
}

impl<'m> Importer<'m> {
    // ---- scopes

    /// The value of an ONNX name: found in this scope or in one that it sees.
    fn lookup(&self, name: &str) -> Option<&Known> {
        for scope in self.scopes.iter().rev() {
            if let Some(known) = scope.values.get(name) {
                return Some(known);
            }
            if !scope.open {
                break;
            }
        }
        None
    }

    /// The tensor of an ONNX name, if it is known.
    pub(crate) fn named(&self, name: &str) -> Option<TensorId> {
        match self.lookup(name)? {
            Known::Tensor(id) => Some(*id),
            Known::Nothing(_) => None,
        }
    }

    /// The shape that the model declares for output `i` of a node: the last resort where it depends on an operand that
    /// is not constant.
    pub(crate) fn declared_shape(&self, node: &OnnxNode<'_>, i: usize) -> Option<Vec<usize>> {
        let in_main_graph = self.scopes.len() == 1;
        self.declared.get(node.proto.output.get(i)?).filter(|_| in_main_graph).map(|(_, shape)| shape.clone())
    }

    fn bind(&mut self, name: &str, known: Known) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.values.insert(name.to_owned(), known);
        }
    }

    /// The operator sets of the nodes that are being read.
    pub(crate) fn opsets(&self) -> &Opsets {
        &self.scopes.last().expect("there is always a scope").opsets
    }

    /// Binds initializers and imports the nodes of a graph into the innermost scope.
    fn body(&mut self, graph: &GraphProto) {
        for proto in &graph.initializer {
            self.initializer(&proto.name, tensors::read(proto, &self.model.folder));
        }
        for proto in &graph.sparse_initializer {
            match tensors::read_sparse(proto, &self.model.folder) {
                Ok((name, literal)) => self.initializer(&name, Ok(literal)),
                Err(reason) => {
                    let name = proto.values.as_ref().map_or("", |v| &v.name).to_owned();
                    self.initializer(&name, Err(reason));
                }
            }
        }
        for node in &graph.node {
            self.node(node);
        }
    }

    fn initializer(&mut self, name: &str, literal: Result<Literal, String>) {
        let known = match literal {
            Ok(literal) => Known::Tensor(self.graph.constant(name, literal.dtype, &literal.shape, literal.value)),
            Err(reason) => Known::Nothing(Some(format!("the constant {name}: {reason}"))),
        };
        self.bind(name, known);
    }

    /// Imports a graph in a scope of its own and gives the tensors of its outputs; `bound` are its inputs. With
    /// `open`, its nodes see the names around it. Its problems have been told when there is an output without tensor.
    pub(crate) fn inline(
        &mut self,
        graph: &GraphProto,
        bound: &[(String, Option<TensorId>)],
        open: bool,
        path: &str,
        opsets: Option<Opsets>,
    ) -> Result<Vec<Option<TensorId>>, Decline> {
        if self.depth >= MAX_DEPTH {
            return Err(Decline::broken(format!("functions or branches lie in each other {MAX_DEPTH} times")));
        }
        let parent = self.scopes.last().expect("there is always a scope");
        let path = format!("{}{path}", parent.path);
        let opsets = opsets.unwrap_or_else(|| parent.opsets.clone());
        self.scopes.push(Scope { values: HashMap::new(), open, path, opsets });
        self.depth += 1;
        for (name, id) in bound {
            if let Some(id) = id {
                self.bind(name, Known::Tensor(*id));
            }
        }
        let outer = std::mem::take(&mut self.current);
        self.body(graph);
        self.current = outer;
        let outputs = graph.output.iter().map(|output| self.named(&output.name)).collect();
        self.depth -= 1;
        self.scopes.pop();
        Ok(outputs)
    }

    // ---- nodes

    fn node(&mut self, proto: &NodeProto) {
        let own = if proto.name.is_empty() {
            proto.output.iter().find(|o| !o.is_empty()).unwrap_or(&proto.op_type)
        } else {
            &proto.name
        };
        let scope = self.scopes.last().expect("there is always a scope");
        let version = scope.opsets.get(domain(&proto.domain)).copied();
        let mut node = OnnxNode {
            proto,
            name: format!("{}{own}", scope.path),
            opset: version.unwrap_or(1),
            folder: &self.model.folder,
            inputs: Vec::new(),
        };
        self.current = node.name.clone();
        match self.operands(&node) {
            Operands::Known(inputs) => node.inputs = inputs,
            Operands::Missing(reason) => {
                self.problem(&node, Decline::broken(reason));
                return self.placeholders(proto);
            }
            Operands::Unknown => {
                self.check_without_operands(&node);
                return self.placeholders(proto);
            }
        }
        let implied = implied::operands(self, &node);
        let renamed = self.renamed(proto, &implied);
        if let Some(proto) = &renamed {
            implied.iter().for_each(|&(i, id)| node.inputs[i] = Some(id));
            node.proto = proto;
        }
        let (mark, folded) = (self.mark(), self.graph.folded.len());
        match self.import_node(&node) {
            Ok(outputs) => {
                if self.graph.nodes.len() == mark.nodes && self.graph.folded.len() == folded {
                    let constant = outputs.iter().flatten().all(|id| self.graph.tensor(*id).value.is_some());
                    let reason = if constant { "computed when compiling" } else { "without effect" };
                    self.graph.folded.push((node.name.clone(), reason.to_owned()));
                }
                self.bind_outputs(&node, mark, &outputs);
            }
            Err(decline) => {
                self.rewind(mark);
                self.problem(&node, decline);
                self.placeholders(proto);
            }
        }
    }

    /// The node with names for implied operands.
    fn renamed(&mut self, proto: &NodeProto, implied: &[(usize, TensorId)]) -> Option<NodeProto> {
        if implied.is_empty() {
            return None;
        }
        let mut proto = proto.clone();
        for &(i, id) in implied {
            let name = self.graph.tensor(id).name.clone();
            self.bind(&name, Known::Tensor(id));
            proto.input[i] = name;
        }
        Some(proto)
    }

    fn operands(&self, node: &OnnxNode<'_>) -> Operands {
        let mut inputs = Vec::new();
        let mut unknown = false;
        for name in &node.proto.input {
            let found = if name.is_empty() { None } else { Some(self.lookup(name)) };
            match found {
                None => inputs.push(None),
                Some(Some(Known::Tensor(id))) => inputs.push(Some(*id)),
                Some(Some(Known::Nothing(None))) => unknown = true,
                Some(Some(Known::Nothing(Some(reason)))) => return Operands::Missing(reason.clone()),
                Some(None) => return Operands::Missing(format!("no node makes the input {name:?}")),
            }
        }
        if unknown { Operands::Unknown } else { Operands::Known(inputs) }
    }

    /// Our own import, or constants computed through tract, or a fallback.
    fn import_node(&mut self, node: &OnnxNode<'_>) -> Imported {
        if let Some(function) = control::function(self.model, node.proto) {
            return control::call(self, node, function);
        }
        let known_domain = distrust::domain_is_known(domain(&node.proto.domain));
        let import = self.table.get(&(domain(&node.proto.domain), node.op())).copied();
        let mark = self.mark();
        let result = match import {
            Some(import) => import(self, node),
            None if known_domain => Err(Decline::fallback(format!("{} has no native form", node.qualified()))),
            None => Err(Decline::problem(
                format!("{} belongs to no operator set that is known", node.qualified()),
                "define it as a function in the model, or replace it",
            )),
        };
        match result {
            Ok(outputs) => {
                let grown = self.graph.nodes.len() > mark.nodes;
                if !grown || !self.foldable(node) || control::is_control(node.op()) {
                    return Ok(outputs);
                }
                let bytes: usize = outputs.iter().flatten().map(|id| self.graph.tensor(*id).bytes()).sum();
                match if bytes <= MAX_FOLDED { self.computed(node) } else { None } {
                    None => Ok(outputs),
                    Some(values) => {
                        self.rewind(mark);
                        self.constants(node, values)
                    }
                }
            }
            Err(Decline::Fallback(reason)) => {
                self.rewind(mark);
                if self.foldable(node)
                    && let Some(values) = self.computed(node)
                {
                    return self.constants(node, values);
                }
                self.fallback(node, reason)
            }
            Err(problem) => Err(problem),
        }
    }

    /// Whether all operands are constants.
    fn foldable(&self, node: &OnnxNode<'_>) -> bool {
        node.inputs.iter().flatten().all(|id| self.graph.tensor(*id).value.is_some())
    }

    fn constants(&mut self, node: &OnnxNode<'_>, values: Vec<Literal>) -> Imported {
        let mut values = values.into_iter();
        let wanted = node.proto.output.iter();
        let bound = wanted.map(|name| {
            let literal = if name.is_empty() { None } else { values.next() };
            literal.map(|l| self.graph.constant(name.clone(), l.dtype, &l.shape, l.value))
        });
        Ok(bound.collect())
    }

    fn bind_outputs(&mut self, node: &OnnxNode<'_>, mark: Mark, outputs: &[Option<TensorId>]) {
        for (i, name) in node.proto.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            match outputs.get(i).copied().flatten() {
                Some(id) => {
                    self.name_tensor(name, mark, id);
                    self.bind(name, Known::Tensor(id));
                }
                None => {
                    // A branch or function that has told its problems, or an output that the operator does not have.
                    if self.problems.len() == mark.problems {
                        self.problem(node, Decline::broken(format!("it has no output {i}, which is used")));
                    }
                    self.placeholder(name);
                }
            }
        }
    }

    /// Gives a tensor that this node made its ONNX name; and says so of the transposed one that it may be made of.
    fn name_tensor(&mut self, name: &str, mark: Mark, id: TensorId) {
        if id.0 < mark.tensors {
            return;
        }
        let rank = self.graph.tensors[id.0].shape.len();
        let tensor = &mut self.graph.tensors[id.0];
        if tensor.origin.is_some() {
            return;
        }
        tensor.name = name.to_owned();
        tensor.origin = Some((name.to_owned(), (0..rank).collect()));
        let producer = self.graph.nodes[mark.nodes..].iter().rev().find(|n| n.outputs.contains(&Some(id)));
        if let Some(Node { op: Op::Transpose(perm), inputs, .. }) = producer
            && let Some(Some(source)) = inputs.first()
            && source.0 >= mark.tensors
        {
            let mut inverse = vec![0; perm.len()];
            perm.iter().enumerate().for_each(|(i, &p)| inverse[p] = i);
            self.graph.tensors[source.0].origin.get_or_insert((name.to_owned(), inverse));
        }
    }

    // ---- problems

    /// Notes a problem of a node.
    pub(crate) fn problem(&mut self, node: &OnnxNode<'_>, decline: Decline) {
        let (reason, cure) = match decline {
            Decline::Problem { reason, cure } => (reason, cure),
            Decline::Fallback(reason) => (reason, distrust::REPLACE.to_owned()),
        };
        let (onnx_node, op, opset) = (node.name.clone(), node.qualified(), node.opset);
        self.problems.push(Problem { onnx_node, op, opset, reason, cure });
    }

    /// Whether problems have been noted since.
    pub(crate) fn problems_since(&self, mark: Mark) -> bool {
        self.problems.len() > mark.problems
    }

    /// Tells what can be told of a node whose operands are not known.
    fn check_without_operands(&mut self, node: &OnnxNode<'_>) {
        let key = (domain(&node.proto.domain), node.op());
        let ours = self.table.contains_key(&key) || control::function(self.model, node.proto).is_some();
        if !ours && !distrust::tract_knows(node.proto) {
            self.problem(node, distrust::unknown(node));
        }
    }

    fn placeholders(&mut self, proto: &NodeProto) {
        for name in proto.output.iter().filter(|name| !name.is_empty()) {
            self.placeholder(name);
        }
    }

    /// Goes on with what the model declares of a value that could not be made.
    fn placeholder(&mut self, name: &str) {
        let known = match self.declared.get(name).cloned() {
            Some((dtype, shape)) => Known::Tensor(self.graph.add(name, dtype, &shape)),
            None => Known::Nothing(None),
        };
        self.bind(name, known);
    }

    // ---- building

    /// Where the graph stands.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            nodes: self.graph.nodes.len(),
            tensors: self.graph.tensors.len(),
            folded: self.graph.folded.len(),
            problems: self.problems.len(),
            scopes: self.scopes.len(),
        }
    }

    /// Forgets what was built since.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.graph.nodes.truncate(mark.nodes);
        self.graph.tensors.truncate(mark.tensors);
        self.dynamic.truncate(mark.tensors);
        self.graph.folded.truncate(mark.folded);
        self.problems.truncate(mark.problems);
        self.scopes.truncate(mark.scopes);
    }

    /// The operands, as constants where all are.
    fn constant_of(&self, op: &Op, inputs: &[Option<TensorId>], dtype: DType, shape: &[usize]) -> Option<Value> {
        let operands: Option<Vec<_>> = inputs.iter().map(|id| id.map(|id| self.graph.tensor(id))).collect();
        let operands = operands.filter(|all| !all.is_empty() && all.iter().all(|t| t.value.is_some()))?;
        let bytes = tensors::count(shape, dtype)? * dtype.size();
        if bytes > MAX_FOLDED && bytes > operands.iter().map(|t| t.bytes()).sum() {
            return None;
        }
        fold::evaluate(op, &operands, dtype, shape).map(Value)
    }

    /// Adds an operation with one output, or its value where all operands are constants.
    pub(crate) fn emit(
        &mut self,
        op: Op,
        inputs: &[TensorId],
        dtype: DType,
        shape: &[usize],
    ) -> Result<TensorId, Decline> {
        let inputs: Vec<_> = inputs.iter().copied().map(Some).collect();
        self.emit_optional(op, &inputs, dtype, shape)
    }

    /// As [`Importer::emit`], with operands that may be left out.
    pub(crate) fn emit_optional(
        &mut self,
        op: Op,
        inputs: &[Option<TensorId>],
        dtype: DType,
        shape: &[usize],
    ) -> Result<TensorId, Decline> {
        check_shape(dtype, shape)?;
        if let Some(value) = self.constant_of(&op, inputs, dtype, shape) {
            let name = self.made_name();
            let first = inputs.first().copied().flatten().map(|id| self.graph.tensor(id));
            let quantization = first.and_then(|x| x.quantization.as_ref()?.moved(&op, &x.shape, shape));
            let id = self.graph.constant(name, dtype, shape, value);
            self.graph.tensors[id.0].quantization = quantization;
            return Ok(id);
        }
        let outputs = self.emit_many(op, inputs, &[Some((dtype, shape.to_vec()))])?;
        outputs[0].ok_or_else(|| Decline::broken("no output"))
    }

    /// Adds an operation with several outputs, `None` being one left out.
    pub(crate) fn emit_many(
        &mut self,
        op: Op,
        inputs: &[Option<TensorId>],
        outputs: &[Option<(DType, Vec<usize>)>],
    ) -> Result<Vec<Option<TensorId>>, Decline> {
        for (dtype, shape) in outputs.iter().flatten() {
            check_shape(*dtype, shape)?;
        }
        let mut made = Vec::new();
        for output in outputs {
            let name = self.made_name();
            made.push(output.as_ref().map(|(dtype, shape)| self.graph.add(name, *dtype, shape)));
        }
        self.graph.nodes.push(Node {
            name: self.current.clone(),
            op,
            inputs: inputs.to_vec(),
            outputs: made.clone(),
            onnx_nodes: vec![self.current.clone()],
        });
        Ok(made)
    }

    /// A name for the next tensor that has none in the model.
    pub(crate) fn made_name(&self) -> String {
        format!("{}#{}", self.current, self.graph.tensors.len())
    }

    /// Binds the graph outputs, each to a tensor of its own that a node makes.
    fn outputs(&mut self) {
        for output in &self.model.graph.output {
            let Some(found) = self.named(&output.name) else {
                if self.lookup(&output.name).is_none() {
                    self.problems.push(Problem {
                        onnx_node: output.name.clone(),
                        op: "graph output".into(),
                        opset: self.model.opsets.get("").copied().unwrap_or(0),
                        reason: "no node makes it".into(),
                        cure: "export the model again".into(),
                    });
                }
                continue;
            };
            let taken = self.graph.outputs.iter().chain(&self.graph.inputs).any(|(_, id)| *id == found);
            let id = if taken || self.graph.tensor(found).value.is_some() {
                self.copied(&output.name, found)
            } else {
                found
            };
            self.graph.outputs.push((output.name.clone(), id));
        }
    }

    fn copied(&mut self, name: &str, id: TensorId) -> TensorId {
        let (dtype, shape) = (self.graph.tensor(id).dtype, self.graph.tensor(id).shape.clone());
        let copy = self.graph.add(name, dtype, &shape);
        self.graph.nodes.push(Node {
            name: name.to_owned(),
            op: Op::Copy,
            inputs: vec![Some(id)],
            outputs: vec![Some(copy)],
            onnx_nodes: Vec::new(),
        });
        copy
    }
}

enum Operands {
    Known(Vec<Option<TensorId>>),
    Missing(String),
    Unknown,
}

/// What a plan can hold.
fn check_shape(dtype: DType, shape: &[usize]) -> Result<(), Decline> {
    const CURE: &str = "bind smaller dimensions with --dim, or split the model";
    if shape.len() > coulter_plan::MAX_RANK {
        let most = coulter_plan::MAX_RANK;
        return Err(Decline::problem(format!("a tensor of rank {} where {most} is the most", shape.len()), CURE));
    }
    let fits = tensors::count(shape, dtype).is_some() && shape.iter().all(|&d| u32::try_from(d).is_ok());
    if fits { Ok(()) } else { Err(Decline::problem(format!("a tensor of shape {shape:?} is too large"), CURE)) }
}
