//! What is computed twice from the same tensors is computed once.

use super::patch::{self, Patch};
use super::view::View;
use crate::graph::{Node, Op};

/// Two movements, casts or elementwise functions that are alike → the first of them.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let x = view.input(i, 0)?;
    let mut others = view.readers(x).iter().copied().take_while(|&other| other < i);
    let twin = others.find(|&other| alike(view, view.node(other), view.node(i)))?;
    patch::forward(view, i, view.output(twin)?, "computed elsewhere")
}

fn alike(view: &View<'_>, a: &Node, b: &Node) -> bool {
    let same_op = match (&a.op, &b.op) {
        (Op::Transpose(p), Op::Transpose(q)) => p == q,
        (Op::Reshape, Op::Reshape) | (Op::Broadcast, Op::Broadcast) | (Op::Cast, Op::Cast) => true,
        (Op::Select, Op::Select) => true,
        (Op::Slice { start, step }, Op::Slice { start: s, step: t }) => start == s && step == t,
        (Op::Unary(p), Op::Unary(q)) => p == q,
        (Op::Binary(p), Op::Binary(q)) => p == q,
        (Op::Reduce(p), Op::Reduce(q)) => p == q,
        (Op::Pad(p), Op::Pad(q)) => p == q,
        (Op::Gather(p), Op::Gather(q)) => p == q,
        (Op::Concat(p), Op::Concat(q)) => p == q,
        (Op::Table, Op::Table) => true,
        (Op::Quantize(p), Op::Quantize(q)) => p == q,
        (Op::Dequantize(p), Op::Dequantize(q)) => p == q,
        (Op::QPool2d(p), Op::QPool2d(q)) => p == q,
        _ => false,
    };
    let ([Some(y)], [Some(z)]) = (&a.outputs[..], &b.outputs[..]) else { return false };
    let same_result = view.shape(*y) == view.shape(*z) && view.dtype(*y) == view.dtype(*z);
    same_op && same_result && a.inputs == b.inputs
}
