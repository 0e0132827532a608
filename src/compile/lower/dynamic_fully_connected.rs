//! See [`coulter_plan::ops::dynamic_fully_connected`].

use coulter_plan::DType;
use coulter_plan::ops::dynamic_fully_connected::{Params, scratch_len};

use super::{Lowering, Refusal, constant, constant_f32, input_tensor, optional_constant_f32, output_tensor, packing};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (w, y) = (input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
    let &[depth, columns] = &w.shape[..] else {
        return Err(Refusal(format!("weights have the shape {:?}, [K, N] is expected", w.shape)));
    };
    let matrix = &constant(graph, node, 1, DType::I8)?.0;
    let weights = packing::quad_panels(matrix, depth, columns);
    let weights = lowering.stored(weights.as_slice().into(), DType::I8, &[weights.len()])?;
    let sums = packing::padded_rows(&column_sums(matrix, columns, params.w_zero), columns);
    let bytes = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
    let sums = lowering.stored(bytes, DType::I32, &[sums.len()])?;
    let scale = packing::padded_rows(&constant_f32(graph, node, 2)?, columns);
    let scale = lowering.packed(&scale, &[scale.len()])?;
    let bias = match optional_constant_f32(graph, node, 3)? {
        Some(bias) => {
            let bias = packing::padded_rows(&bias, columns);
            lowering.packed(&bias, &[bias.len()])?
        }
        None => None,
    };
    let x = lowering.input(node, 0)?;
    let scratch = lowering.scratch(x.and_then(|x| scratch_len(&x.window.tensor)))?;
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![x, weights, sums, scale, bias, scratch], vec![output], (y.len() * depth) as u64)
}

/// What the weights of each column less their zero point add up to, in 32 bits, wrapping.
fn column_sums(matrix: &[u8], columns: usize, zero: i32) -> Vec<i32> {
    let mut sums = vec![0i32; columns];
    for row in matrix.chunks_exact(columns.max(1)) {
        for (sum, &w) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(i32::from(w as i8) - zero);
        }
    }
    sums
}
