//! See [`coulter_plan::ops::matmul`].

use coulter_plan::ops::matmul::{Params, scratch_len};

use super::{Lowering, Refusal, input_tensor, output_tensor};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (a, b, y) = (input_tensor(graph, node, 0)?, input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
    let (&[.., m, k], &[.., depth, n], [batch @ .., _, _]) = (&a.shape[..], &b.shape[..], &y.shape[..]) else {
        return Err(Refusal(format!("factors have the shapes {:?} and {:?}, matrices are expected", a.shape, b.shape)));
    };
    if k != depth {
        return Err(Refusal(format!("factors have the shapes {:?} and {:?}, which do not match", a.shape, b.shape)));
    }
    let a = lowering.broadcast_input(node, 0, &[batch, &[m, k]].concat())?;
    let b = lowering.broadcast_input(node, 1, &[batch, &[k, n]].concat())?;
    let len = a.zip(b).and_then(|(a, b)| scratch_len(&a.window.tensor, &b.window.tensor));
    let scratch = lowering.scratch(len)?;
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![a, b, scratch], vec![output], (y.len() * k) as u64)
}
