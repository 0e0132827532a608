//! Operators whose windows slide over rows, where the output may lie over the input: then each output row is computed by a
//! call of its own, with the input rows that it reads, so that what a kernel sees overlaps nowhere.

use core::ops::Range;

use coulter_kernels::window::Axis;
use coulter_plan::OpError;
use coulter_plan::overlap::{Order, Sliding};

use crate::arena::RowSlot;
use crate::bind::BindContext;

#[cfg(test)]
mod tests;

/// How a step goes over its rows: all at once, or one by one where its output overlaps its input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep(Option<Order>);

/// Output rows that one call computes.
#[derive(Clone, Debug)]
pub(crate) struct Strip {
    /// How the window slides over [`Self::x`].
    pub(crate) vertical: Axis,
    /// Input rows behind those of `x`, of all that there are.
    pub(crate) behind: usize,
    /// The pixels of the input rows that are read.
    pub(crate) x: RowSlot,
    /// The pixels of the output rows.
    pub(crate) y: RowSlot,
    pixels: Range<usize>,
}

impl Strip {
    /// The part of a residual that belongs to the output rows.
    pub(crate) fn residual(&self, residual: &RowSlot) -> RowSlot {
        residual.part(self.pixels.clone())
    }
}

impl Sweep {
    /// That of a step from input 0 to output 0.
    pub(crate) fn bind(context: &BindContext<'_>) -> Result<Self, OpError> {
        let (x, y) = (context.input(0)?, context.output(0)?);
        if x.is_disjoint_from(&y) {
            return Ok(Self(None));
        }
        let sliding = Sliding::of(context.step.code, context.step.params).ok_or(OpError::Params)?;
        sliding.order(&x, &y).map(|order| Self(Some(order))).ok_or(OpError::Alias)
    }

    /// Calls `compute` with all rows of the images, or with each output row in the order that lets it overlap.
    pub(crate) fn each(self, vertical: &Axis, x: &RowSlot, y: &RowSlot, mut compute: impl FnMut(&Strip)) {
        let calls = if self.0.is_some() { vertical.output } else { 1 };
        for call in 0..calls {
            compute(&match self.0 {
                None => Strip { vertical: *vertical, behind: 0, x: *x, y: *y, pixels: 0..y.rows },
                Some(Order::Forward) => row(vertical, x, y, call),
                Some(Order::Backward) => row(vertical, x, y, calls - 1 - call),
            });
        }
    }
}

/// Output row `o` of one image. Its window begins above the end of the input and ends below its beginning.
fn row(vertical: &Axis, x: &RowSlot, y: &RowSlot, o: usize) -> Strip {
    let first = vertical.first(o);
    let begin = first.max(0) as usize;
    let window = (vertical.kernel - 1) * vertical.dilation + 1;
    let end = first.saturating_add_unsigned(window).clamp(0, vertical.input as isize) as usize;
    let (in_row, out_row) = (x.rows / vertical.input, y.rows / vertical.output);
    let pixels = o * out_row..(o + 1) * out_row;
    Strip {
        vertical: Axis { input: end - begin, output: 1, pad: (begin as isize - first) as usize, ..*vertical },
        behind: vertical.input - end,
        x: x.part(begin * in_row..end * in_row),
        y: y.part(pixels.clone()),
        pixels,
    }
}
