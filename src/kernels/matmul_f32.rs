//! Batched product of two computed matrices: y = activation(alpha · a·b).
//!
//! Errors are those of [`gemm_f32`](crate::gemm_f32).

use crate::activation::Function;
use crate::gemm_f32::{GemmKernel, Matrix, PANEL, Product, Store, for_each_part, pack_panel, packed_len, run_part};
use crate::parallel::{Parallel, share};
use crate::{MAX_RANK, View, ViewMut};

#[cfg(test)]
mod tests;

/// Row tiles below which `b` is read where it lies rather than packed.
const TILES_UNPACKED: usize = 2;

/// Elements to pack that are worth a task of their own.
const TASK_COPIES: usize = 16 * 1024;

/// Factors of a product.
#[derive(Clone, Copy, Debug)]
pub struct MatMul<'a> {
    /// `[B.., M, K]`, any strides.
    pub a: View<'a, f32>,
    /// `[B.., K, N]`, any strides.
    pub b: View<'a, f32>,
    /// Factor of the product.
    pub alpha: f32,
    /// Applied last.
    pub activation: Function,
}

/// What products of a batch have in common.
struct Batch {
    dims: [usize; MAX_RANK],
    rank: usize,
    /// Of a, b and y.
    strides: [[isize; MAX_RANK]; 3],
}

impl MatMul<'_> {
    /// Elements of scratch needed: a packed b, and a itself where its rows are not contiguous.
    pub fn scratch_len(&self) -> usize {
        let (a, b) = (self.a.dims(), self.b.dims());
        let (m, k, n) = (a[a.len() - 2], a[a.len() - 1], b[b.len() - 1]);
        let rows = if self.a.strides()[a.len() - 1] == 1 { 0 } else { m * k };
        packed_len(k, n) + rows
    }

    /// Computes `y [B.., M, N]`, whose last dimension is contiguous.
    ///
    /// # Panics
    /// If shapes do not match, or there is less scratch than [`MatMul::scratch_len`].
    pub fn run(&self, kernel: &GemmKernel, y: &mut ViewMut<'_, f32>, scratch: &mut [f32], parallel: &dyn Parallel) {
        let (a, b, rank) = (&self.a, &self.b, y.dims().len());
        assert!(rank >= 2 && a.dims().len() == rank && b.dims().len() == rank, "matrices of one rank");
        let outer = rank - 2;
        let (m, n, k) = (y.dims()[outer], y.dims()[outer + 1], a.dims()[outer + 1]);
        assert!(a.dims()[outer] == m && b.dims()[outer..] == [k, n], "factors of {m}×{k}×{n}");
        assert!(a.dims()[..outer] == y.dims()[..outer] && b.dims()[..outer] == y.dims()[..outer], "batches differ");
        let last_stride = |strides: &[isize], dim: usize| if dim > 1 { strides[outer + 1] } else { 1 };
        assert!(last_stride(y.strides(), n) == 1, "rows of y are contiguous");
        assert!(self.scratch_len() <= scratch.len(), "scratch is too small");
        if y.is_empty() {
            return;
        }
        let mut batch = Batch { dims: [1; MAX_RANK], rank: outer, strides: [[0; MAX_RANK]; 3] };
        batch.dims[..outer].copy_from_slice(&y.dims()[..outer]);
        for (to, from) in batch.strides.iter_mut().zip([a.strides(), b.strides(), y.strides()]) {
            to[..outer].copy_from_slice(&from[..outer]);
        }
        let (b_rows, b_cols) = (b.strides()[outer], last_stride(b.strides(), n));
        let a_step = last_stride(a.strides(), k);
        let mut product = Product {
            m,
            k,
            n,
            x: a.as_ptr(),
            x_pitch: a.strides()[outer],
            w: b.as_ptr(),
            panel: k * PANEL,
            step: PANEL as isize,
            store: Store {
                alpha: self.alpha,
                bias: core::ptr::null(),
                residual: core::ptr::null(),
                residual_pitch: 0,
                y: y.as_ptr(),
                y_pitch: y.strides()[outer],
                cols: n,
                low: f32::NEG_INFINITY,
                high: f32::INFINITY,
            },
            activation: self.activation,
        };
        if a_step == 1 {
            batch.merge_rows(&mut product);
        }
        let room = scratch.as_mut_ptr();
        let job = Job { kernel, parallel, a_step, b_rows, b_cols, room };
        // SAFETY: the views cover what the strides reach, and scratch was checked; `y` and `scratch` are borrowed mutably.
        unsafe { job.run(&batch, product) };
    }
}

impl Batch {
    /// Makes batches that share b, and whose rows follow one another at the pitch of the matrix, more rows of it.
    fn merge_rows(&mut self, p: &mut Product) {
        while self.rank > 0 {
            let last = self.rank - 1;
            let [a, b, y] = self.strides.map(|s| s[last]);
            let rows = p.m as isize;
            if self.dims[last] == 1 {
                self.rank = last;
                continue;
            }
            if p.m == 1 {
                (p.x_pitch, p.store.y_pitch) = (a, y);
            }
            if b != 0 || (a, y) != (rows * p.x_pitch, rows * p.store.y_pitch) {
                return;
            }
            p.m *= self.dims[last];
            self.rank = last;
        }
    }

    /// Moves `index` to the next matrices; `false` after the last.
    fn advance(&self, index: &mut [usize; MAX_RANK]) -> bool {
        for i in (0..self.rank).rev() {
            index[i] += 1;
            if index[i] < self.dims[i] {
                return true;
            }
            index[i] = 0;
        }
        false
    }

    /// Elements from the first a, b and y to those of `index`.
    fn offsets(&self, index: &[usize; MAX_RANK]) -> [isize; 3] {
        self.strides.map(|strides| index.iter().zip(strides).map(|(&i, s)| i as isize * s).sum())
    }
}

/// How the matrices of a batch are multiplied.
struct Job<'a> {
    kernel: &'a GemmKernel,
    parallel: &'a dyn Parallel,
    a_step: isize,
    b_rows: isize,
    b_cols: isize,
    /// Room for a packed b and, where `a_step` is not 1, for a.
    room: *mut f32,
}

// SAFETY: the room is borrowed mutably by whoever made the job; tasks write different parts of it.
unsafe impl Sync for Job<'_> {}

impl Job<'_> {
    /// # Safety
    /// What the product and its strides address is there for every index of the batch.
    unsafe fn run(&self, batch: &Batch, first: Product) {
        let mut index = [0; MAX_RANK];
        let mut packed = None;
        let unpacked = self.b_cols == 1 && first.m <= TILES_UNPACKED * self.kernel.max_rows();
        loop {
            let [a, b, y] = batch.offsets(&index);
            let mut product = first;
            // SAFETY: the offsets lead to matrices of the batch.
            unsafe {
                (product.x, product.w) = (first.x.offset(a), first.w.offset(b));
                product.store.y = first.store.y.offset(y);
                if self.a_step != 1 {
                    self.pack_a(&mut product);
                }
                if unpacked {
                    self.multiply_unpacked(&product);
                } else {
                    self.multiply_packed(&product, packed == Some(b));
                    packed = Some(b);
                }
            }
            if !batch.advance(&mut index) {
                return;
            }
        }
    }

    /// Copies the rows of a behind the room of b.
    unsafe fn pack_a(&self, p: &mut Product) {
        let (from, pitch, k) = (p.x, p.x_pitch, p.k);
        let out = self.room.wrapping_add(packed_len(k, p.n));
        let rows = Rows { from, pitch, step: self.a_step, k, out };
        let tasks = self.parallel.threads().min(p.m * k / TASK_COPIES).max(1);
        self.parallel.run(tasks, &|t| {
            for row in share(p.m, 1, t, tasks) {
                // SAFETY: the row is one of a's, and there is room for all of them; tasks copy different rows.
                unsafe { rows.copy(row) };
            }
        });
        (p.x, p.x_pitch) = (out, k as isize);
    }

    /// Packs b, unless it is `packed` already.
    unsafe fn multiply_packed(&self, p: &Product, packed: bool) {
        let product = Product { w: self.room, ..*p };
        // SAFETY: as the caller promises.
        unsafe {
            if !packed {
                self.pack_b(p);
            }
            for_each_part(&product, self.parallel, &|part| run_part(self.kernel, &product, part));
        }
    }

    unsafe fn pack_b(&self, p: &Product) {
        let b = Matrix { ptr: p.w, k: p.k, n: p.n, k_stride: self.b_rows, n_stride: self.b_cols };
        let (b, panels) = (&b, p.n.div_ceil(PANEL));
        let tasks = self.parallel.threads().min(p.k * p.n / TASK_COPIES).clamp(1, panels);
        self.parallel.run(tasks, &|t| {
            for panel in share(panels, 1, t, tasks) {
                // SAFETY: there is room for all panels; tasks pack different ones.
                unsafe { pack_panel(b, panel, self.room.add(panel * b.k * PANEL)) };
            }
        });
    }

    /// Reads b where it lies, but for columns past the last whole panel.
    unsafe fn multiply_unpacked(&self, p: &Product) {
        let whole = p.n / PANEL * PANEL;
        let in_place = Product { n: whole, panel: PANEL, step: self.b_rows, ..*p };
        // SAFETY: as the caller promises.
        for_each_part(&in_place, self.parallel, &|part| unsafe { run_part(self.kernel, &in_place, part) });
        if whole == p.n {
            return;
        }
        // SAFETY: the columns from `whole` on are there, and room for a panel.
        unsafe {
            let b = Matrix { ptr: p.w, k: p.k, n: p.n, k_stride: self.b_rows, n_stride: self.b_cols };
            pack_panel(&b, whole / PANEL, self.room);
            let mut rest = Product { w: self.room, n: p.n - whole, ..*p };
            rest.store.y = p.store.y.add(whole);
            rest.store.cols = rest.n;
            for_each_part(&rest, self.parallel, &|part| run_part(self.kernel, &rest, part));
        }
    }
}

/// Rows whose elements do not lie side by side.
struct Rows {
    from: *const f32,
    pitch: isize,
    step: isize,
    k: usize,
    out: *mut f32,
}

// SAFETY: addresses of plain elements; tasks copy different rows.
unsafe impl Sync for Rows {}

impl Rows {
    /// # Safety
    /// The row and its room are there.
    unsafe fn copy(&self, row: usize) {
        // SAFETY: as the caller promises.
        unsafe {
            let (from, out) = (self.from.offset(row as isize * self.pitch), self.out.add(row * self.k));
            for k in 0..self.k {
                out.add(k).write(from.offset(k as isize * self.step).read());
            }
        }
    }
}
