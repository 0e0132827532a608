//! A graph with its edges both ways, as rules look at it.

use coulter_plan::{Activation, DType};

use crate::graph::{Graph, Node, Op, TensorId};

/// A graph that does not change while a rule looks at it.
pub(crate) struct View<'g> {
    graph: &'g Graph,
    makers: Vec<Option<usize>>,
    readers: Vec<Vec<usize>>,
    uses: Vec<usize>,
    outputs: Vec<bool>,
}

impl<'g> View<'g> {
    /// Walks the edges once.
    pub(crate) fn new(graph: &'g Graph) -> Self {
        let count = graph.tensors.len();
        let mut view = View {
            graph,
            makers: vec![None; count],
            readers: vec![Vec::new(); count],
            uses: vec![0; count],
            outputs: vec![false; count],
        };
        for (i, node) in graph.nodes.iter().enumerate() {
            for id in node.outputs.iter().flatten() {
                view.makers[id.0] = Some(i);
            }
            for id in node.inputs.iter().flatten() {
                view.uses[id.0] += 1;
                if view.readers[id.0].last() != Some(&i) {
                    view.readers[id.0].push(i);
                }
            }
        }
        for (_, id) in &graph.outputs {
            view.outputs[id.0] = true;
        }
        view
    }

    /// The graph itself.
    pub(crate) fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// The node at this place.
    pub(crate) fn node(&self, i: usize) -> &'g Node {
        &self.graph.nodes[i]
    }

    /// Dimensions of a tensor.
    pub(crate) fn shape(&self, id: TensorId) -> &'g [usize] {
        &self.graph.tensor(id).shape
    }

    /// Number of elements of a tensor.
    pub(crate) fn len(&self, id: TensorId) -> usize {
        self.graph.tensor(id).len()
    }

    /// Element type of a tensor.
    pub(crate) fn dtype(&self, id: TensorId) -> DType {
        self.graph.tensor(id).dtype
    }

    /// Whether a tensor is f32.
    pub(crate) fn is_plain_f32(&self, id: TensorId) -> bool {
        self.dtype(id) == DType::F32
    }

    /// Input `k` of a node, if it is there.
    pub(crate) fn input(&self, node: usize, k: usize) -> Option<TensorId> {
        self.node(node).inputs.get(k).copied().flatten()
    }

    /// The output of a node that has just one.
    pub(crate) fn output(&self, node: usize) -> Option<TensorId> {
        match self.node(node).outputs[..] {
            [only] => only,
            _ => None,
        }
    }

    /// Where the node that makes a tensor stands.
    pub(crate) fn maker(&self, id: TensorId) -> Option<usize> {
        self.makers[id.0]
    }

    /// The nodes that read a tensor.
    pub(crate) fn readers(&self, id: TensorId) -> &[usize] {
        &self.readers[id.0]
    }

    /// Whether a tensor leaves the graph.
    pub(crate) fn is_output(&self, id: TensorId) -> bool {
        self.outputs[id.0]
    }

    /// Whether a tensor is constant.
    pub(crate) fn is_constant(&self, id: TensorId) -> bool {
        self.graph.tensor(id).value.is_some()
    }

    /// Whether a computed tensor is read in one place only and does not leave the graph.
    pub(crate) fn is_private(&self, id: TensorId) -> bool {
        self.uses[id.0] == 1 && !self.outputs[id.0]
    }

    /// The maker of a tensor that nothing else reads: the two may become one.
    pub(crate) fn private_maker(&self, id: TensorId) -> Option<usize> {
        self.maker(id).filter(|_| self.is_private(id))
    }

    /// Elements of an f32 constant.
    pub(crate) fn floats(&self, id: TensorId) -> Option<Vec<f32>> {
        let tensor = self.graph.tensor(id);
        tensor.value.as_ref().filter(|_| self.is_plain_f32(id)).map(|value| value.to_f32())
    }

    /// Elements of an f32 constant that varies along its last dimension only, or not at all.
    pub(crate) fn row(&self, id: TensorId) -> Option<Vec<f32>> {
        let shape = self.shape(id);
        let is_row = shape.iter().rev().skip(1).all(|&dim| dim == 1);
        if is_row && self.is_constant(id) { self.floats(id) } else { None }
    }

    /// The element of an f32 constant of one element.
    pub(crate) fn scalar(&self, id: TensorId) -> Option<f32> {
        if self.len(id) == 1 { self.floats(id)?.first().copied() } else { None }
    }
}

impl Op {
    /// The function that the operator applies at its end, where it can.
    pub(crate) fn activation(&self) -> Option<Activation> {
        self.clone().activation_mut().copied()
    }

    /// Where that function stands.
    pub(crate) fn activation_mut(&mut self) -> Option<&mut Activation> {
        match self {
            Op::Conv2d(p) => Some(&mut p.activation),
            Op::DepthwiseConv2d(p) => Some(&mut p.activation),
            Op::ConvTranspose2d(p) => Some(&mut p.activation),
            Op::FullyConnected(p) => Some(&mut p.activation),
            Op::MatMul(p) => Some(&mut p.activation),
            Op::Pool2d(p) => Some(&mut p.activation),
            Op::Reduce(p) if !p.kind.is_index() => Some(&mut p.activation),
            Op::Binary(p) if !p.kind.is_comparison() && !p.kind.is_logical() => Some(&mut p.activation),
            Op::Normalize(p) => Some(&mut p.activation),
            Op::DynamicFullyConnected(p) => Some(&mut p.activation),
            _ => None,
        }
    }
}
