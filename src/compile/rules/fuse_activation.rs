//! Elementwise functions at the end of other steps.

use coulter_plan::{Activation, ActivationKind};

use super::patch::Patch;
use super::view::View;
use crate::graph::Op;

/// f(op x) → op with f as its activation; two clamps become one.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let Op::Unary(p) = &view.node(i).op else { return None };
    let maker = view.private_maker(view.input(i, 0)?)?;
    let node = view.node(maker);
    let result = view.output(maker)?;
    if !view.is_plain_f32(result) {
        return None;
    }
    let mut op = node.op.clone();
    let first = op.activation_mut()?;
    *first = chained(*first, p.function)?;
    let mut patch = Patch::removing(view, &[maker, i]);
    patch.node(&node.name, op, node.inputs.clone(), view.node(i).outputs.clone());
    Some(patch)
}

/// One function that does what `first` and then `second` do.
fn chained(first: Activation, second: Activation) -> Option<Activation> {
    match (first.kind, second.kind) {
        (ActivationKind::Identity, _) => Some(second),
        (ActivationKind::Clamp, ActivationKind::Clamp) => {
            let clamped = |x: f32| x.max(second.a).min(second.b);
            (first.a <= first.b && second.a <= second.b).then(|| Activation {
                kind: ActivationKind::Clamp,
                a: clamped(first.a),
                b: clamped(first.b),
            })
        }
        _ => None,
    }
}
