//! From the graph to steps: one file an operator.
//!
//! Nodes are taken in order. Each tensor has a [`Window`]: that of a compute node looks onto a buffer of its own, or
//! onto the part of another tensor's that [`placement`] reserved for it; reshapes, transpositions, slices and
//! broadcasts are further windows onto the same bytes. A consumer that cannot walk a window reads a dense copy.

mod epilogue;
mod needs;
mod packing;
mod placement;
mod program;
mod sound;
mod views;
mod window;

use std::collections::HashMap;
use std::sync::Arc;

use coulter_plan::{DType, for_each_op};

use crate::graph::{Graph, Node, Op, Tensor, TensorId, Value};
use crate::{CompileOptions, Problem};

pub(crate) use program::{Operand, Port, Program, Step, StepParams};
pub(crate) use window::{Base, BufferId, Need, TooLarge, Window};

macro_rules! declare {
    ($(($number:literal, $module:ident, $variant:ident),)*) => { $(mod $module;)* };
}
for_each_op!(declare);

/// Why a node cannot be lowered: expected and found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal(pub(crate) String);

impl From<TooLarge> for Refusal {
    fn from(_: TooLarge) -> Self {
        Self("a tensor has more than 8 dimensions or more than 2³¹ − 1 elements".into())
    }
}

/// What may be computed or stored otherwise where that is faster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choices {
    /// f32 convolutions in tiles.
    pub(crate) winograd_f32: bool,
    /// 8-bit convolutions in tiles.
    pub(crate) winograd_int8: bool,
    /// Weights of f32 products in 16 bits.
    pub(crate) f16_weights: bool,
}

impl Choices {
    #[cfg(test)]
    pub(crate) const ALL: Self = Self { winograd_f32: true, winograd_int8: true, f16_weights: true };
    pub(crate) const NONE: Self = Self { winograd_f32: false, winograd_int8: false, f16_weights: false };

    /// What the options allow.
    pub(crate) fn new(options: &CompileOptions) -> Self {
        let winograd_f32 = !options.forbid_winograd && !options.small_arena;
        let winograd_int8 = options.winograd_int8 && !options.small_arena;
        Self { winograd_f32, winograd_int8, f16_weights: options.f16_weights }
    }
}

/// Lowers a graph.
///
/// # Errors
/// Every node that cannot be lowered.
pub(crate) fn lower(graph: &Graph, choices: Choices) -> Result<Program, Vec<Problem>> {
    let mut lowering = Lowering {
        graph,
        choices,
        program: Program::default(),
        windows: vec![None; graph.tensors.len()],
        copies: HashMap::new(),
        targets: vec![None; graph.tensors.len()],
        viewers: HashMap::new(),
        source: None,
    };
    match lowering.all() {
        problems if problems.is_empty() => Ok(lowering.program),
        problems => Err(problems.into_iter().map(|problem| Problem { opset: graph.opset, ..problem }).collect()),
    }
}

/// A graph on its way to a program.
pub(crate) struct Lowering<'g> {
    graph: &'g Graph,
    choices: Choices,
    program: Program,
    /// Where each tensor lies, as soon as that is known.
    windows: Vec<Option<Window>>,
    /// Dense copies of tensors whose own windows a consumer cannot walk.
    copies: HashMap<TensorId, Window>,
    /// Where tensors yet to be computed shall lie.
    targets: Vec<Option<Window>>,
    /// The node that made each view.
    viewers: HashMap<TensorId, usize>,
    /// The node being lowered.
    source: Option<usize>,
}

impl<'g> Lowering<'g> {
    fn all(&mut self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let graph = self.graph;
        self.program.folded.clone_from(&graph.folded);
        for node in &graph.nodes {
            problems.extend(sound::node(graph, node).err().map(|refusal| problem(&node.name, node.op.name(), refusal)));
        }
        for (name, id) in &graph.outputs {
            problems.extend(sound::constant(graph.tensor(*id)).err().map(|refusal| problem(name, "output", refusal)));
        }
        if !problems.is_empty() {
            return problems;
        }
        if let Err(refusal) = self.inputs() {
            problems.push(problem("", "input", refusal));
            return problems;
        }
        let live = needed_nodes(graph);
        if let Err(refusal) = placement::place(self, &live) {
            problems.push(problem("", "concat", refusal));
            return problems;
        }
        for (i, node) in graph.nodes.iter().enumerate() {
            if !live[i] {
                self.fold(node, "its result is not used");
                continue;
            }
            self.source = Some(i);
            if let Err(refusal) = self.node(node) {
                problems.push(problem(&node.name, node.op.name(), refusal));
                self.invent_outputs(node);
            }
        }
        self.source = None;
        if problems.is_empty()
            && let Err(refusal) = self.outputs()
        {
            problems.push(problem("", "output", refusal));
        }
        problems
    }

    fn inputs(&mut self) -> Result<(), Refusal> {
        for (name, id) in &self.graph.inputs {
            let window = self.room(*id)?;
            self.windows[id.0] = Some(window);
            self.program.inputs.push(Port { name: name.clone(), operand: Operand { window, tensor: Some(*id) } });
        }
        Ok(())
    }

    /// Lets the ports look onto the outputs' windows where these are dense, computed, and apart from or equal to
    /// those of other outputs; else onto copies.
    fn outputs(&mut self) -> Result<(), Refusal> {
        let of_inputs: Vec<_> = self.program.inputs.iter().map(|port| port.operand.window.base).collect();
        for (name, id) in &self.graph.outputs {
            let window = self.window(*id)?;
            let (start, end) = window.byte_range();
            let clashes = self.program.outputs.iter().any(|other| {
                let (other_start, other_end) = other.operand.window.byte_range();
                let meets = start < other_end && other_start < end && (start, end) != (other_start, other_end);
                other.operand.window.base == window.base && meets
            });
            let usable = window.buffer().is_some() && window.tensor.is_dense() && !of_inputs.contains(&window.base);
            let window = if usable && !clashes {
                window
            } else {
                let room = self.room(*id)?;
                self.copy(*id, window, room, name)?;
                room
            };
            self.program.outputs.push(Port { name: name.clone(), operand: Operand { window, tensor: Some(*id) } });
        }
        Ok(())
    }

    fn node(&mut self, node: &'g Node) -> Result<(), Refusal> {
        match &node.op {
            Op::Conv2d(params) => conv2d::lower(self, node, params),
            Op::DepthwiseConv2d(params) => depthwise_conv2d::lower(self, node, params),
            Op::ConvTranspose2d(params) => conv_transpose2d::lower(self, node, params),
            Op::FullyConnected(params) => fully_connected::lower(self, node, params),
            Op::MatMul(params) => matmul::lower(self, node, params),
            Op::Attention(params) => attention::lower(self, node, params),
            Op::Pool2d(params) => pool2d::lower(self, node, params),
            Op::Reduce(params) => reduce::lower(self, node, params),
            Op::Unary(params) => unary::lower(self, node, params),
            Op::Binary(params) => binary::lower(self, node, params),
            Op::Select => select::lower(self, node),
            Op::Cast => cast::lower(self, node),
            Op::Softmax(params) => softmax::lower(self, node, params),
            Op::Normalize(params) => normalize::lower(self, node, params),
            Op::Pad(params) => pad::lower(self, node, params),
            Op::Gather(params) => gather::lower(self, node, params),
            Op::Resize(params) => resize::lower(self, node, params),
            Op::Recurrent(params) => recurrent::lower(self, node, params),
            Op::Quantize(params) => quantize::lower(self, node, params),
            Op::Dequantize(params) => dequantize::lower(self, node, params),
            Op::Table => table::lower(self, node),
            Op::QConv2d(params) => qconv2d::lower(self, node, params),
            Op::QDepthwiseConv2d(params) => qdepthwise_conv2d::lower(self, node, params),
            Op::QFullyConnected(params) => qfully_connected::lower(self, node, params),
            Op::QBinary(params) => qbinary::lower(self, node, params),
            Op::QPool2d(params) => qpool2d::lower(self, node, params),
            Op::QSoftmax(params) => qsoftmax::lower(self, node, params),
            Op::DynamicFullyConnected(params) => dynamic_fully_connected::lower(self, node, params),
            Op::Copy => copy::lower(self, node),
            Op::Fallback(model) => fallback::lower(self, node, model),
            Op::Reshape => views::reshape(self, node),
            Op::Transpose(permutation) => views::transpose(self, node, permutation),
            Op::Slice { start, step } => views::slice(self, node, start, step),
            Op::Broadcast => views::broadcast(self, node),
            Op::Concat(axis) => views::concat(self, node, *axis),
        }
    }

    /// After a refusal: rooms for the outputs, so that the nodes behind can be looked at too.
    fn invent_outputs(&mut self, node: &Node) {
        for id in node.outputs.iter().flatten() {
            if self.windows[id.0].is_none() {
                self.windows[id.0] = self.room(*id).ok();
            }
        }
    }

    /// The graph.
    pub(crate) fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// Notes ONNX nodes that leave no step.
    pub(crate) fn fold(&mut self, node: &Node, reason: &str) {
        let notes = node.onnx_nodes.iter().map(|name| (name.clone(), reason.to_owned()));
        self.program.folded.extend(notes);
    }

    /// A new buffer for a tensor, as a dense window.
    pub(crate) fn room(&mut self, id: TensorId) -> Result<Window, Refusal> {
        let tensor = self.graph.tensor(id);
        let bytes = tensor.bytes() as u64;
        let base = Base::Buffer(self.program.buffer(bytes));
        Ok(Window::dense(base, tensor.dtype, &tensor.shape)?)
    }

    /// f32 room to work in.
    pub(crate) fn scratch(&mut self, len: Option<u64>) -> Result<Option<Operand>, Refusal> {
        let len = len.and_then(|len| usize::try_from(len).ok()).ok_or(TooLarge)?;
        let base = Base::Buffer(self.program.buffer(len as u64 * 4));
        let window = Window::dense(base, DType::F32, &[len])?;
        Ok(Some(Operand { window, tensor: None }))
    }

    /// Where a tensor lies.
    pub(crate) fn window(&mut self, id: TensorId) -> Result<Window, Refusal> {
        if let Some(window) = self.windows[id.0] {
            return Ok(window);
        }
        let tensor = self.graph.tensor(id);
        let value = tensor.value.as_ref();
        let value = value.ok_or_else(|| Refusal(format!("tensor {} is read before it is computed", tensor.name)))?;
        let base = Base::Constant(self.program.constant(&value.0));
        let window = Window::dense(base, tensor.dtype, &tensor.shape)?;
        self.windows[id.0] = Some(window);
        Ok(window)
    }

    /// A tensor to read; a dense copy where its window does not meet the need.
    pub(crate) fn operand(&mut self, id: TensorId, need: Need) -> Result<Operand, Refusal> {
        let window = self.window(id)?;
        if need.is_met_by(&window) {
            return Ok(Operand { window, tensor: Some(id) });
        }
        let window = self.dense_copy(id)?;
        if !need.is_met_by(&window) {
            let tensor = self.graph.tensor(id);
            return Err(Refusal(format!(
                "tensor {} has the shape {:?}: one dimension at least is expected",
                tensor.name, tensor.shape
            )));
        }
        Ok(Operand { window, tensor: Some(id) })
    }

    /// Input `i`, which must be there.
    pub(crate) fn input(&mut self, node: &Node, i: usize) -> Result<Option<Operand>, Refusal> {
        self.operand(required(node, i)?, needs::of_input(&node.op, i)).map(Some)
    }

    /// Input `i`, if it is there.
    pub(crate) fn optional_input(&mut self, node: &Node, i: usize) -> Result<Option<Operand>, Refusal> {
        match node.inputs.get(i).copied().flatten() {
            Some(id) => self.operand(id, needs::of_input(&node.op, i)).map(Some),
            None => Ok(None),
        }
    }

    /// Input `i`, which must be there, repeated to `shape`.
    pub(crate) fn broadcast_input(
        &mut self,
        node: &Node,
        i: usize,
        shape: &[usize],
    ) -> Result<Option<Operand>, Refusal> {
        let mut operand = self.operand(required(node, i)?, needs::of_input(&node.op, i))?;
        if operand.window.shape() != shape {
            let own = operand.window.shape();
            let added = shape.len().saturating_sub(own.len());
            let fits = own.len() <= shape.len() && own.iter().zip(&shape[added..]).all(|(a, b)| a == b || *a == 1);
            if !fits {
                return Err(Refusal(format!("the shape {own:?} cannot be broadcast to {shape:?}")));
            }
            operand = Operand { window: operand.window.broadcast(shape)?, tensor: None };
        }
        Ok(Some(operand))
    }

    /// Where output `i`, which must be there, is to be written.
    pub(crate) fn output(&mut self, node: &Node, i: usize) -> Result<Option<Operand>, Refusal> {
        let absent = || Refusal(format!("output {i} is missing"));
        let id = node.outputs.get(i).copied().flatten().ok_or_else(absent)?;
        self.result(id).map(Some)
    }

    /// Where a tensor is to be written.
    pub(crate) fn result(&mut self, id: TensorId) -> Result<Operand, Refusal> {
        let window = match self.targets[id.0] {
            Some(window) => window,
            None => self.room(id)?,
        };
        self.windows[id.0] = Some(window);
        Ok(Operand { window, tensor: Some(id) })
    }

    /// Bytes to be stored in the weights, as a tensor of this shape.
    pub(crate) fn packed(&mut self, values: &[f32], shape: &[usize]) -> Result<Option<Operand>, Refusal> {
        self.stored(values.iter().flat_map(|v| v.to_le_bytes()).collect(), DType::F32, shape)
    }

    /// As [`Lowering::packed`], of elements of any type, by their bytes.
    pub(crate) fn stored(
        &mut self,
        bytes: Arc<[u8]>,
        dtype: DType,
        shape: &[usize],
    ) -> Result<Option<Operand>, Refusal> {
        let base = Base::Constant(self.program.constant(&bytes));
        Ok(Some(Operand { window: Window::dense(base, dtype, shape)?, tensor: None }))
    }

    /// Adds the step of the node being lowered.
    pub(crate) fn step(
        &mut self,
        node: &Node,
        params: impl Into<StepParams>,
        inputs: Vec<Option<Operand>>,
        outputs: Vec<Option<Operand>>,
        macs: u64,
    ) -> Result<(), Refusal> {
        self.add(Step {
            name: node.name.clone(),
            onnx_nodes: node.onnx_nodes.clone(),
            params: params.into(),
            inputs,
            outputs,
            macs,
            fallback: None,
        })
    }

    /// Adds a step. One that writes nothing is left out; one that would write over what it reads gets room of its
    /// own, from which a copy follows.
    pub(crate) fn add(&mut self, mut step: Step) -> Result<(), Refusal> {
        if step.outputs.iter().flatten().all(|output| output.window.tensor.is_empty()) {
            let notes = step.onnx_nodes.into_iter().map(|name| (name, "its result has no elements".to_owned()));
            self.program.folded.extend(notes);
            return Ok(());
        }
        let mut later = Vec::new();
        for i in 0..step.outputs.len() {
            let Some(output) = step.outputs[i] else { continue };
            let inputs = step.inputs.iter().flatten();
            let mut others =
                inputs.chain(step.outputs.iter().enumerate().filter(|(k, _)| *k != i).filter_map(|(_, o)| o.as_ref()));
            if others.all(|other| output.window.is_disjoint_from(&other.window)) {
                continue;
            }
            let window = self.room_like(&output.window)?;
            later.push((window, output.window));
            step.outputs[i] = Some(Operand { window, ..output });
        }
        let (name, onnx_nodes) = (step.name.clone(), step.onnx_nodes.clone());
        self.program.steps.push(step);
        for (from, to) in later {
            self.push_copy(&name, &onnx_nodes, from, Operand { window: to, tensor: None })?;
        }
        Ok(())
    }

    /// A dense copy of a tensor, made once.
    pub(crate) fn dense_copy(&mut self, id: TensorId) -> Result<Window, Refusal> {
        if let Some(&window) = self.copies.get(&id) {
            return Ok(window);
        }
        let from = self.window(id)?;
        let room = self.room(id)?;
        self.copy(id, from, room, &self.graph.tensor(id).name)?;
        self.copies.insert(id, room);
        Ok(room)
    }

    /// Copies a tensor; the step bears the name of the view that it makes real, or of the node being lowered.
    pub(crate) fn copy(&mut self, id: TensorId, from: Window, to: Window, otherwise: &str) -> Result<(), Refusal> {
        let graph = self.graph;
        let node = self.viewers.get(&id).copied().or(self.source).map(|i| &graph.nodes[i]);
        let (name, onnx_nodes) = node.map_or((otherwise, &[][..]), |node| (&node.name, &node.onnx_nodes));
        self.push_copy(name, onnx_nodes, from, Operand { window: to, tensor: Some(id) })
    }

    /// Copies a part of a concatenation into its place.
    pub(crate) fn copy_into(&mut self, node: &Node, id: TensorId, from: Window, to: Window) -> Result<(), Refusal> {
        self.push_copy(&node.name, &node.onnx_nodes, from, Operand { window: to, tensor: Some(id) })
    }

    /// A step that copies; two where the first would write over what it reads.
    fn push_copy(&mut self, name: &str, onnx_nodes: &[String], from: Window, to: Operand) -> Result<(), Refusal> {
        if to.window.tensor.is_empty() {
            return Ok(());
        }
        let step = |from, to| Step {
            name: name.to_owned(),
            onnx_nodes: onnx_nodes.to_vec(),
            params: coulter_plan::ops::copy::Params {}.into(),
            inputs: vec![Some(Operand { window: from, tensor: None })],
            outputs: vec![Some(to)],
            macs: 0,
            fallback: None,
        };
        if from.is_disjoint_from(&to.window) {
            self.program.steps.push(step(from, to));
            return Ok(());
        }
        let between = self.room_like(&from)?;
        self.program.steps.push(step(from, Operand { window: between, tensor: None }));
        self.program.steps.push(step(between, to));
        Ok(())
    }

    /// A new buffer for what has the window's type and shape, as a dense window.
    fn room_like(&mut self, window: &Window) -> Result<Window, Refusal> {
        let tensor = &window.tensor;
        let bytes = tensor.len().ok_or(TooLarge)? as u64 * tensor.dtype.size() as u64;
        let base = Base::Buffer(self.program.buffer(bytes));
        Ok(Window::dense(base, tensor.dtype, &window.shape())?)
    }
}

fn problem(node: &str, op: &str, Refusal(reason): Refusal) -> Problem {
    Problem {
        onnx_node: node.to_owned(),
        op: op.to_owned(),
        opset: 0,
        reason,
        cure: "simplify the model around this node, or report it".into(),
    }
}

/// Input `i`, which must be there.
pub(crate) fn required(node: &Node, i: usize) -> Result<TensorId, Refusal> {
    node.inputs.get(i).copied().flatten().ok_or_else(|| Refusal(format!("input {i} is missing")))
}

/// A required input's tensor.
pub(crate) fn input_tensor<'g>(graph: &'g Graph, node: &Node, i: usize) -> Result<&'g Tensor, Refusal> {
    Ok(graph.tensor(required(node, i)?))
}

/// A required output's tensor.
pub(crate) fn output_tensor<'g>(graph: &'g Graph, node: &Node, i: usize) -> Result<&'g Tensor, Refusal> {
    let id = node.outputs.get(i).copied().flatten().ok_or_else(|| Refusal(format!("output {i} is missing")))?;
    Ok(graph.tensor(id))
}

/// The values of a required constant of f32s.
pub(crate) fn constant_f32(graph: &Graph, node: &Node, i: usize) -> Result<Vec<f32>, Refusal> {
    constant(graph, node, i, DType::F32).map(Value::to_f32)
}

/// A required constant of this type.
pub(crate) fn constant<'g>(graph: &'g Graph, node: &Node, i: usize, dtype: DType) -> Result<&'g Value, Refusal> {
    let tensor = input_tensor(graph, node, i)?;
    match &tensor.value {
        Some(value) if tensor.dtype == dtype => Ok(value),
        Some(_) => Err(Refusal(format!("input {i} is {}, {dtype} is expected", tensor.dtype))),
        None => Err(Refusal(format!("input {i} ({}) is computed, a constant is expected", tensor.name))),
    }
}

/// As [`constant_f32`], where the input is there.
pub(crate) fn optional_constant_f32(graph: &Graph, node: &Node, i: usize) -> Result<Option<Vec<f32>>, Refusal> {
    match node.inputs.get(i) {
        Some(Some(_)) => constant_f32(graph, node, i).map(Some),
        _ => Ok(None),
    }
}

/// For each node, whether a graph output depends on it.
fn needed_nodes(graph: &Graph) -> Vec<bool> {
    let mut needed_tensors = vec![false; graph.tensors.len()];
    graph.outputs.iter().for_each(|(_, id)| needed_tensors[id.0] = true);
    let mut needed = vec![false; graph.nodes.len()];
    for (i, node) in graph.nodes.iter().enumerate().rev() {
        needed[i] = node.outputs.iter().flatten().any(|id| needed_tensors[id.0]);
        if needed[i] {
            node.inputs.iter().flatten().for_each(|id| needed_tensors[id.0] = true);
        }
    }
    needed
}
