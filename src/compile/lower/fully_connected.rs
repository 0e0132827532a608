//! See [`coulter_plan::ops::fully_connected`].

use std::sync::Arc;

use coulter_plan::DType;
use coulter_plan::ops::fully_connected::Params;
use half::f16;

use super::{Lowering, Refusal, constant_f32, input_tensor, optional_constant_f32, output_tensor, packing};
use crate::graph::Node;

/// Rows at most whose weights may have 16 bits: with more it is never memory that limits.
const ROWS: usize = 4;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (w, y) = (input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
    let &[depth, columns] = &w.shape[..] else {
        return Err(Refusal(format!("weights have the shape {:?}, [K, N] is expected", w.shape)));
    };
    let weights = packing::panels(&constant_f32(graph, node, 1)?, depth, columns);
    let rows = y.len() / columns.max(1);
    let weights = match halves(&weights).filter(|_| lowering.choices.f16_weights && rows <= ROWS) {
        Some(halves) => lowering.stored(halves, DType::F16, &[weights.len()])?,
        None => lowering.packed(&weights, &[weights.len()])?,
    };
    let bias = match optional_constant_f32(graph, node, 2)? {
        Some(bias) => {
            let bias = packing::padded_rows(&bias, columns);
            lowering.packed(&bias, &[bias.len()])?
        }
        None => None,
    };
    let (x, residual) = (lowering.input(node, 0)?, lowering.optional_input(node, 3)?);
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![x, weights, bias, residual], vec![output], (y.len() * depth) as u64)
}

/// The bytes of the nearest 16-bit floats, unless some weight is too large for one.
fn halves(weights: &[f32]) -> Option<Arc<[u8]>> {
    let halves = || weights.iter().map(|&w| f16::from_f32(w));
    halves().all(f16::is_finite).then(|| halves().flat_map(f16::to_le_bytes).collect())
}

#[cfg(test)]
mod tests {
    use super::halves;

    #[test]
    fn weights_that_16_bits_cannot_hold_stay_as_they_are() {
        let bytes = halves(&[1.0, -0.1, 65504.0]).expect("all are in range");
        assert_eq!(&bytes[..], [0x00, 0x3c, 0x66, 0xae, 0xff, 0x7b]);
        assert_eq!(halves(&[1.0, 65520.0]), None);
        assert_eq!(halves(&[f32::NAN]), None);
    }
}
