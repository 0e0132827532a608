//! Decoding a step and choosing its kernel.

use coulter_kernels::IsaSet;
use coulter_kernels::conv_f32::Shape;
use coulter_kernels::window::Axis;
use coulter_plan::{DType, Dims, OpError, Plan, Space, Step, Tensor};

use crate::arena::{DenseSlot, RowSlot, Slot};
use crate::error::RunErrorKind;
use crate::ops::Args;
use crate::session::RunContext;

/// What binding a step may look at.
#[derive(Clone, Copy, Debug)]
pub struct BindContext<'p> {
    /// The plan.
    pub plan: &'p Plan<'p>,
    /// The step.
    pub step: Step<'p>,
    /// The instruction sets that may be used.
    pub isas: IsaSet,
}

/// Runs a bound step.
pub(crate) type RunFn = fn(&Args, &RunContext<'_>) -> Result<(), RunErrorKind>;

/// A step, ready to run: an entry of a session's table.
#[derive(Clone, Copy, Debug)]
pub struct BoundStep {
    pub(crate) run: RunFn,
    pub(crate) args: Args,
}

impl BoundStep {
    /// Fills a table before binding.
    #[cfg(feature = "alloc")]
    pub(crate) const EMPTY: Self = Self { run: |_, _| Err(RunErrorKind::Internal), args: Args::None };
}

impl<'p> BindContext<'p> {
    /// The step's parameters.
    pub fn params<P: coulter_plan::ops::Params>(&self) -> Result<P, OpError> {
        coulter_plan::ops::read(self.step.params)
    }

    /// Input `i`, which must be there.
    pub fn input(&self, i: usize) -> Result<Tensor, OpError> {
        self.step.operands.input(i).ok_or(OpError::Arity)
    }

    /// Output `i`, which must be there.
    pub fn output(&self, i: usize) -> Result<Tensor, OpError> {
        self.step.operands.output(i).ok_or(OpError::Arity)
    }

    /// Input `i` as a slot.
    pub fn input_slot(&self, i: usize, dtype: DType) -> Result<Slot, OpError> {
        typed(self.input(i)?, dtype).map(|t| Slot::new(&t))
    }

    /// Input `i`, whose elements lie one after another.
    pub fn input_dense(&self, i: usize, dtype: DType) -> Result<DenseSlot, OpError> {
        DenseSlot::new(&typed(self.input(i)?, dtype)?).ok_or(OpError::Layout)
    }

    /// Input `i`, whose elements lie one after another, if it is there.
    pub fn optional_dense(&self, i: usize, dtype: DType) -> Result<Option<DenseSlot>, OpError> {
        let dense = |t| DenseSlot::new(&typed(t, dtype)?).ok_or(OpError::Layout);
        self.step.operands.input(i).map(dense).transpose()
    }

    /// Bytes of input `i`, which must lie whole in the weights section.
    pub fn weights(&self, i: usize) -> Result<&'p [u8], OpError> {
        let tensor = self.input(i)?;
        let bytes = tensor.len().and_then(|len| len.checked_mul(tensor.dtype.size())).ok_or(OpError::Shape)?;
        let begin = usize::try_from(tensor.offset).map_err(|_| OpError::Storage)?;
        let end = begin.checked_add(bytes).ok_or(OpError::Storage)?;
        let is_there = tensor.space == Space::Weights && tensor.is_dense();
        self.plan.weights().get(begin..end).filter(|_| is_there).ok_or(OpError::Storage)
    }

    /// Output `i` as a slot.
    pub fn output_slot(&self, i: usize, dtype: DType) -> Result<Slot, OpError> {
        typed(self.output(i)?, dtype).map(|t| Slot::new(&t))
    }

    /// Input `i` as rows.
    pub fn input_rows(&self, i: usize, dtype: DType) -> Result<RowSlot, OpError> {
        RowSlot::new(&typed(self.input(i)?, dtype)?).ok_or(OpError::Layout)
    }

    /// Input `i` as rows, if it is there.
    pub fn optional_rows(&self, i: usize, dtype: DType) -> Result<Option<RowSlot>, OpError> {
        let rows = |t| RowSlot::new(&typed(t, dtype)?).ok_or(OpError::Layout);
        self.step.operands.input(i).map(rows).transpose()
    }

    /// Output `i` as rows.
    pub fn output_rows(&self, i: usize, dtype: DType) -> Result<RowSlot, OpError> {
        RowSlot::new(&typed(self.output(i)?, dtype)?).ok_or(OpError::Layout)
    }
}

fn typed(tensor: Tensor, dtype: DType) -> Result<Tensor, OpError> {
    if tensor.dtype == dtype { Ok(tensor) } else { Err(OpError::Type) }
}

/// Dimensions of a tensor of rank 4: N, H, W, C.
pub(crate) fn nhwc(dims: &Dims<u32>) -> Result<[usize; 4], OpError> {
    match dims[..] {
        [n, h, w, c] => Ok([n, h, w, c].map(|d| d as usize)),
        _ => Err(OpError::Shape),
    }
}

/// The shape of a 3×3 convolution in tiles, from the step's first input to its first output.
pub(crate) fn tiled(context: &BindContext<'_>, pad: [u32; 4]) -> Result<Shape, OpError> {
    let (x, y) = (nhwc(&context.input(0)?.dims)?, nhwc(&context.output(0)?.dims)?);
    let [vertical, horizontal] = axes(x, y, [3, 3], [1, 1], [1, 1], pad);
    Ok(Shape { batch: x[0], vertical, horizontal, channels: x[3], outputs: y[3], groups: 1 })
}

/// How a kernel slides over the height and the width of `x`, giving `y`. `pad`: top, left, bottom, right.
pub(crate) fn axes(
    x: [usize; 4],
    y: [usize; 4],
    kernel: [u32; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
    pad: [u32; 4],
) -> [Axis; 2] {
    [0, 1].map(|i| Axis {
        input: x[1 + i],
        output: y[1 + i],
        kernel: kernel[i] as usize,
        stride: stride[i] as usize,
        dilation: dilation[i] as usize,
        pad: pad[i] as usize,
    })
}
