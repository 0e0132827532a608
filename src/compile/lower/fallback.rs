//! See [`coulter_plan::ops::fallback`].

use coulter_plan::ops::fallback::{MAX_OPERANDS, Params};

use super::{Lowering, Operand, Refusal, Step};
use crate::graph::{Fallback, Node};

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, model: &Fallback) -> Result<(), Refusal> {
    if node.inputs.len() > MAX_OPERANDS || node.outputs.len() > MAX_OPERANDS {
        return Err(Refusal(format!("it has more than {MAX_OPERANDS} inputs or outputs")));
    }
    let inputs: Result<Vec<Option<Operand>>, Refusal> =
        (0..node.inputs.len()).map(|i| lowering.input(node, i)).collect();
    let outputs: Result<Vec<Option<Operand>>, Refusal> =
        (0..node.outputs.len()).map(|i| lowering.output(node, i)).collect();
    lowering.add(Step {
        name: node.name.clone(),
        onnx_nodes: node.onnx_nodes.clone(),
        params: Params { offset: 0, length: 0 }.into(),
        inputs: inputs?,
        outputs: outputs?,
        macs: 0,
        fallback: Some(model.clone()),
    })
}
