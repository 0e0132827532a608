//! Products of f32 rows, quantized as they come, with packed 8-bit weights.
//!
//! For each row of x, or for all of them together, with greatest and least including 0: s = (greatest − least) / 255, or
//! 1 where that is 0; z = clamp(rne(0 − least / s), 0, 255); q = clamp(rne(x / s) + z, 0, 255); S = Σ q·w −
//! w_zero·Σ q − z·sums, in 32 bits, wrapping; y = activation(f32(S) · (s · scale) + bias). Every operation on f32 is a
//! single IEEE one. NaN in x counts as 0; other values that are not finite give any number.

mod finish;
#[cfg(test)]
mod tests;

use crate::activation::Function;
use crate::activation_f32::ActivationKernel;
use crate::gemm_i8::{GemmKernel, PANEL, QUAD, Sums};
use crate::parallel::share;
use crate::quantize::{Division, QuantizeKernel};
use crate::requantize::Requantize;
use crate::{Isa, Parallel, Rows, RowsMut};

crate::kernels! { FinishKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    generic;
}

/// A kernel that turns sums into numbers.
#[derive(Debug)]
pub struct FinishKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// See [`finish::run`].
    ///
    /// # Safety
    /// The processor has the kernel's instruction set.
    run: unsafe fn(sums: &[i32], row: &Division, columns: &Columns<'_>, y: &mut [f32]),
}

/// The kernels that a product is made of.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    /// Quantizes x.
    pub quantize: &'static QuantizeKernel,
    /// Multiplies.
    pub gemm: &'static GemmKernel,
    /// Turns sums into numbers.
    pub finish: &'static FinishKernel,
    /// Applies the activation.
    pub activation: &'static ActivationKernel,
}

/// Constants of each column, padded to whole panels.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// What the weights less their zero point add up to.
    pub sums: &'a [i32],
    /// Of the weights.
    pub scale: &'a [f32],
    /// What is added; or nothing.
    pub bias: Option<&'a [f32]>,
}

/// A product.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    /// `[M, K]`.
    pub x: Rows<'a, f32>,
    /// Panels, [`packed_len`](crate::gemm_i8::packed_len) elements.
    pub w: &'a [i8],
    /// Zero point of the weights; 0 for symmetric ones.
    pub w_zero: i32,
    /// Constants of each column.
    pub columns: Columns<'a>,
    /// Whether each row is quantized by itself.
    pub per_row: bool,
    /// Applied last.
    pub activation: Function,
}

/// Numbers of scratch that a row has beside its bytes: scale and zero point, or least and greatest.
const ROW: usize = 2;

/// Elements of scratch for M rows of K.
pub const fn scratch_len(m: usize, k: usize) -> usize {
    m * (k.div_ceil(QUAD) + ROW)
}

/// Elements below which a second thread costs more than it saves.
const GRAIN: usize = if cfg!(test) { 64 } else { 16_384 };

impl Kernels {
    /// y `[M, N]` = the product. Of scratch, [`scratch_len`] elements are used.
    ///
    /// # Panics
    /// If shapes or lengths do not match.
    pub fn run(&self, p: &Product<'_>, y: &mut RowsMut<'_, f32>, scratch: &mut [f32], parallel: &dyn Parallel) {
        let (m, k, n) = (p.x.rows(), p.x.cols(), y.cols());
        let Columns { sums, scale, bias } = p.columns;
        let padded = n.next_multiple_of(PANEL);
        let fits = padded <= scale.len() && bias.is_none_or(|bias| padded <= bias.len());
        assert!(y.rows() == m && fits && (m <= 1 || y.pitch() >= n), "operands of {m}×{k}×{n}");
        assert!(scratch_len(m, k) <= scratch.len(), "scratch for {m} rows of {k}");
        let (rows, quads) = scratch.split_at_mut(ROW * m);
        let (rows, _) = rows.as_chunks_mut::<ROW>();
        let pitch = k.div_ceil(QUAD) * QUAD;
        self.quantize(p, rows, quads, parallel);
        // SAFETY: any bytes are bytes; there are `pitch` for each row.
        let x = unsafe { core::slice::from_raw_parts(quads.as_ptr().cast::<u8>(), m * pitch) };
        let product = Sums { x: Rows::of(x, m, k, pitch), w: p.w, w_zero: p.w_zero, bias: sums, n };
        let y = &*y;
        self.gemm.sums(&product, parallel, |row, column, sums| {
            let cols = sums.len().min(n - column);
            let [scale, zero_point] = rows[row];
            let row_of_x = Division { scale, zero_point: zero_point as u8 };
            // SAFETY: the columns are there, and each is given out once; the kernels were selected for this processor.
            unsafe {
                let y = core::slice::from_raw_parts_mut(y.as_ptr().add(row * y.pitch() + column), cols);
                (self.finish.run)(&sums[..cols], &row_of_x, &p.columns.part(column, cols), y);
                if !p.activation.is_identity() {
                    self.activation.apply(&p.activation, y.as_ptr(), y.as_mut_ptr(), cols);
                }
            }
        });
    }

    /// Finds scales and zero points of the rows and leaves them in `rows`, the bytes in `quads`.
    fn quantize(&self, p: &Product<'_>, rows: &mut [[f32; ROW]], quads: &mut [f32], parallel: &dyn Parallel) {
        let (m, k) = (p.x.rows(), p.x.cols());
        if m == 0 {
            return;
        }
        let tasks = parallel.threads().min(m * k / GRAIN).clamp(1, m);
        let (shared, quads) = (Shared(rows.as_mut_ptr()), Shared(quads.as_mut_ptr()));
        // SAFETY: rows of x and y are there, and each is one task's; the kernel was selected for this processor.
        let range = |r: usize| unsafe { (self.quantize.range)(p.x.as_ptr().add(r * p.x.pitch()), k) };
        let fill = |r: usize, how: Division| {
            // SAFETY: as above; a row has ⌈k/4⌉ quads.
            unsafe {
                let y = quads.at(r * k.div_ceil(QUAD)).cast();
                (self.quantize.divided)(&how, p.x.as_ptr().add(r * p.x.pitch()), y, k);
                shared.at(r).write([how.scale, how.zero_point.into()]);
            }
        };
        if p.per_row {
            parallel.run(tasks, &|task| share(m, 1, task, tasks).for_each(|r| fill(r, Division::of(range(r)))));
            return;
        }
        parallel.run(tasks, &|task| {
            // SAFETY: as above.
            share(m, 1, task, tasks).for_each(|r| unsafe { shared.at(r).write(range(r)) });
        });
        let join = |all: [f32; 2], row: [f32; 2]| [all[0].min(row[0]), all[1].max(row[1])];
        // SAFETY: as above; the tasks are over.
        let how = Division::of((0..m).map(|r| unsafe { shared.at(r).read() }).fold([0.0; 2], join));
        parallel.run(tasks, &|task| share(m, 1, task, tasks).for_each(|r| fill(r, how)));
    }
}

/// What tasks write different elements of.
struct Shared<T>(*mut T);

// SAFETY: whoever reaches an element answers for it.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The address of element `i`.
    fn at(&self, i: usize) -> *mut T {
        self.0.wrapping_add(i)
    }
}

impl Division {
    /// For numbers from `least` to `greatest`, 0 among them.
    fn of([least, greatest]: [f32; 2]) -> Self {
        let scale = (greatest - least) / 255.0;
        let scale = if scale == 0.0 { 1.0 } else { scale };
        let zero_point = Requantize { zero: 0, low: 0, high: 255 }.round(0.0 - least / scale);
        Self { scale, zero_point }
    }
}

impl Columns<'_> {
    /// Those from `first` on.
    fn part(&self, first: usize, len: usize) -> Self {
        let range = first..first + len;
        Self {
            sums: &self.sums[range.clone()],
            scale: &self.scale[range.clone()],
            bias: self.bias.map(|bias| &bias[range]),
        }
    }
}
