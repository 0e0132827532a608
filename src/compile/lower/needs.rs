//! What operators ask of their operands' strides: the plan's contracts as the compiler uses them.

use super::window::Need;
use crate::graph::Op;

/// What the operator asks of input `i`.
pub(crate) fn of_input(op: &Op, i: usize) -> Need {
    match op {
        Op::Conv2d(_) | Op::DepthwiseConv2d(_) | Op::ConvTranspose2d(_) | Op::FullyConnected(_) => Need::Rows,
        Op::QConv2d(_) | Op::QDepthwiseConv2d(_) | Op::QFullyConnected(_) => Need::Rows,
        Op::DynamicFullyConnected(_) => Need::Rows,
        Op::Pool2d(_) | Op::Softmax(_) | Op::Resize(_) | Op::QPool2d(_) | Op::QSoftmax(_) => Need::Rows,
        Op::Attention(_) if i < 3 => Need::LastContiguous,
        Op::Normalize(_) if i == 0 => Need::Rows,
        Op::Normalize(_) => Need::Dense,
        Op::Gather(_) if i == 1 => Need::Dense,
        Op::Recurrent(_) if i == 0 => Need::Rows,
        Op::Recurrent(_) => Need::LastContiguous,
        Op::Fallback(_) => Need::Dense,
        _ => Need::Any,
    }
}

/// What the operator asks of its outputs. Elementwise operators could write anything, but scattered writes cost
/// what a copy costs: they write runs.
pub(crate) fn of_output(op: &Op) -> Need {
    match op {
        Op::Conv2d(_) | Op::DepthwiseConv2d(_) | Op::ConvTranspose2d(_) | Op::FullyConnected(_) => Need::Rows,
        Op::QConv2d(_) | Op::QDepthwiseConv2d(_) | Op::QFullyConnected(_) => Need::Rows,
        Op::DynamicFullyConnected(_) => Need::Rows,
        Op::Pool2d(_) | Op::Softmax(_) | Op::Normalize(_) | Op::Resize(_) => Need::Rows,
        Op::QPool2d(_) | Op::QSoftmax(_) => Need::Rows,
        Op::Reduce(_) | Op::Pad(_) | Op::Gather(_) | Op::Fallback(_) => Need::Dense,
        _ => Need::LastContiguous,
    }
}
