//! Pools over a whole image.

use coulter_plan::ops::{pool2d, reduce};

use super::patch::{self, Patch};
use super::view::View;
use crate::graph::Op;

/// Pool over all of height and width → reduction of them, which any layout suits. Mean of a mean → mean of both.
pub(super) fn rule(view: &View<'_>, i: usize) -> Option<Patch> {
    let x = view.input(i, 0)?;
    match &view.node(i).op {
        Op::Pool2d(p) => {
            let (&[_, h, w, _], &[_, 1, 1, _]) = (view.shape(x), view.shape(view.output(i)?)) else { return None };
            let whole = p.pad == [0; 4] && p.kernel.map(|k| k as usize) == [h, w] && p.dilation == [1, 1];
            let kind = if p.kind == pool2d::Kind::Max { reduce::Kind::Max } else { reduce::Kind::Mean };
            let op = Op::Reduce(reduce::Params { kind, axes: 0b110, activation: p.activation });
            whole.then(|| patch::replace(view, i, op, vec![Some(x)]))
        }
        Op::Reduce(outer) => {
            let maker = view.private_maker(x)?;
            let Op::Reduce(inner) = &view.node(maker).op else { return None };
            let same = outer.kind == inner.kind && outer.axes & inner.axes == 0;
            let chains = matches!(
                outer.kind,
                reduce::Kind::Mean | reduce::Kind::Sum | reduce::Kind::Max | reduce::Kind::Min | reduce::Kind::Prod
            );
            if !same || !chains || inner.activation.kind != coulter_plan::ActivationKind::Identity {
                return None;
            }
            let op = Op::Reduce(reduce::Params { axes: outer.axes | inner.axes, ..*outer });
            let mut patch = Patch::removing(view, &[maker, i]);
            patch.node(&view.node(i).name, op, vec![view.input(maker, 0)], view.node(i).outputs.clone());
            Some(patch)
        }
        _ => None,
    }
}
