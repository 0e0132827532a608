//! The walk over a sequence.

use super::blend::Blend;
use super::{Kind, Outputs, Recurrent, RecurrentKernel};
use crate::activation::{Function, Kind as FunctionKind};
use crate::gemm_f32::{PANEL, Product, Store, for_each_part, run_part};
use crate::{Parallel, View};

/// A walk: its layer, and where in the scratch its parts lie.
///
/// Whoever makes one promises that layer, scratch and outputs have the shapes that [`Recurrent`] tells, and that the
/// processor has the kernels' instruction sets.
pub(super) struct Walk<'a> {
    kernel: &'a RecurrentKernel,
    layer: &'a Recurrent<'a>,
    parallel: &'a dyn Parallel,
    /// Elements from one row of gates to the next.
    pitch: usize,
    /// A row of gates for each step and sequence.
    gates: *mut f32,
    /// Recurrent products that must not be added to the gates at once, a row for each sequence.
    apart: *mut f32,
    /// The state, H elements for each sequence.
    h: *mut f32,
    /// The cell, likewise.
    c: *mut f32,
    /// Room for as much.
    spare: *mut f32,
}

impl<'a> Walk<'a> {
    /// # Safety
    /// `scratch` has [`super::scratch_len`] elements, and the layer's operands the shapes that it tells.
    pub(super) unsafe fn new(
        kernel: &'a RecurrentKernel,
        layer: &'a Recurrent<'a>,
        scratch: &'a mut [f32],
        parallel: &'a dyn Parallel,
    ) -> Self {
        let &Recurrent { kind, steps, batch, hidden, .. } = layer;
        let pitch = (kind.gates() * hidden).next_multiple_of(PANEL);
        let gates = scratch.as_mut_ptr();
        // SAFETY: the scratch holds T + 1 rows of gates and three states for each sequence.
        unsafe {
            let apart = gates.add(steps * batch * pitch);
            let h = apart.add(batch * pitch);
            let (c, spare) = (h.add(batch * hidden), h.add(2 * batch * hidden));
            Self { kernel, layer, parallel, pitch, gates, apart, h, c, spare }
        }
    }

    /// Walks all steps.
    ///
    /// # Safety
    /// The outputs have the shapes that [`Outputs`] tells and overlap nothing else.
    pub(super) unsafe fn run(&self, outputs: &mut Outputs<'_>) {
        let &Recurrent { kind, steps, batch, x, w, bias, .. } = self.layer;
        if batch == 0 {
            // No element anywhere bounds the number of steps.
            return;
        }
        // SAFETY: as `Walk` and the caller promise; each step's gates lie in the scratch.
        unsafe {
            if steps > 0 {
                let input = Operand { first: x.as_ptr(), pitch: x.pitch(), rows: steps * batch, cols: x.cols() };
                self.product(&input, w, self.columns(0, kind.gates()), bias.as_ptr(), self.gates, false);
            }
            self.begin(self.layer.h0, self.h);
            self.begin(self.layer.c0, self.c);
            for i in 0..steps {
                let t = if self.layer.reverse { steps - 1 - i } else { i };
                let gates = self.gates.add(t * batch * self.pitch);
                match kind {
                    Kind::Rnn => self.rnn(gates),
                    Kind::Gru => self.gru(gates),
                    Kind::Lstm => self.lstm(gates),
                }
                if let Some(y) = &outputs.y {
                    let first = y.as_ptr().offset(t as isize * y.strides()[0]);
                    self.give(self.h, first, y.strides()[1]);
                }
            }
            for (state, output) in [(self.h, &outputs.h), (self.c, &outputs.c)] {
                if let Some(output) = output {
                    self.give(state, output.as_ptr(), output.strides()[0]);
                }
            }
        }
    }

    /// Columns of the gates from `first` on, up to `end`.
    fn columns(&self, first: usize, end: usize) -> core::ops::Range<usize> {
        first * self.layer.hidden..end * self.layer.hidden
    }

    /// Sets a state to what it begins with.
    unsafe fn begin(&self, from: Option<View<'_, f32>>, to: *mut f32) {
        let hidden = self.layer.hidden;
        for b in 0..self.layer.batch {
            // SAFETY: row `b` is in the state and, where there is one, in the view.
            unsafe {
                let to = to.add(b * hidden);
                match from {
                    Some(from) => {
                        from.as_ptr().offset(b as isize * from.strides()[0]).copy_to_nonoverlapping(to, hidden)
                    }
                    None => to.write_bytes(0, hidden),
                }
            }
        }
    }

    /// Copies a state to rows that lie `stride` apart.
    unsafe fn give(&self, from: *const f32, to: *mut f32, stride: isize) {
        let hidden = self.layer.hidden;
        for b in 0..self.layer.batch {
            // SAFETY: row `b` is in the state and in the output.
            unsafe { from.add(b * hidden).copy_to_nonoverlapping(to.offset(b as isize * stride), hidden) };
        }
    }

    /// The state's rows.
    fn rows_of(&self, state: *const f32) -> Operand {
        let hidden = self.layer.hidden;
        Operand { first: state, pitch: hidden, rows: self.layer.batch, cols: hidden }
    }

    /// The columns of x·w + bias, and those before them in the first's panel, to rows of gates at `to`, or added to
    /// what is there.
    ///
    /// # Safety
    /// The operand's rows and `to` as many rows of gates are valid; `w` holds panels of all gates; `bias` is null or
    /// padded to panels. Nothing else touches the columns meanwhile.
    unsafe fn product(
        &self,
        x: &Operand,
        w: &[f32],
        columns: core::ops::Range<usize>,
        bias: *const f32,
        to: *mut f32,
        add: bool,
    ) {
        let skipped = columns.start / PANEL * PANEL;
        // SAFETY: the skipped panels are whole ones before the last column, of the weights as of the gates.
        let (w, y) = unsafe { (w.as_ptr().add(skipped * x.cols), to.add(skipped)) };
        let cols = columns.end - skipped;
        let product = Product {
            m: x.rows,
            k: x.cols,
            n: cols,
            x: x.first,
            x_pitch: x.pitch as isize,
            w,
            panel: x.cols * PANEL,
            step: PANEL as isize,
            store: Store {
                alpha: 1.0,
                bias,
                residual: if add { y.cast_const() } else { core::ptr::null() },
                residual_pitch: self.pitch as isize,
                y,
                y_pitch: self.pitch as isize,
                cols,
                low: f32::NEG_INFINITY,
                high: f32::INFINITY,
            },
            activation: Function::IDENTITY,
        };
        // SAFETY: as the caller promises; parts write different elements, and the residual is the output itself.
        for_each_part(&product, self.parallel, &|part| unsafe { run_part(self.kernel.gemm, &product, part) });
    }

    unsafe fn blend(&self, blend: Blend, y: *mut f32, operands: [*const f32; 3]) {
        // SAFETY: as the caller promises: H elements of each.
        unsafe { (self.kernel.blend.run)(blend, y, operands, self.layer.hidden) }
    }

    /// Applies function `which` to `gates` neighbouring gates of a row, bounded before by the clip.
    unsafe fn activate(&self, which: usize, row: *mut f32, gates: usize) {
        let (len, clip) = (gates * self.layer.hidden, self.layer.clip);
        // SAFETY: as the caller promises.
        unsafe {
            if clip < f32::INFINITY {
                let bounds = Function { kind: FunctionKind::Clamp, a: -clip, b: clip };
                self.kernel.activations.apply(&bounds, row, row, len);
            }
            self.kernel.activations.apply(&self.layer.activations[which], row, row, len);
        }
    }

    /// h = f(gate + h·r)
    unsafe fn rnn(&self, gates: *mut f32) {
        let hidden = self.layer.hidden;
        // SAFETY: the step's gates and the states are in the scratch.
        unsafe {
            self.product(&self.rows_of(self.h), self.layer.r, self.columns(0, 1), core::ptr::null(), gates, true);
            for b in 0..self.layer.batch {
                let row = gates.add(b * self.pitch);
                self.activate(0, row, 1);
                row.copy_to_nonoverlapping(self.h.add(b * hidden), hidden);
            }
        }
    }

    /// z, r = f(gates + h·r); g(the hidden gate with the reset state); h = (1 − z)·hidden gate + z·h
    unsafe fn gru(&self, gates: *mut f32) {
        let &Recurrent { hidden, batch, r, bias, linear_before_reset, .. } = self.layer;
        let null = core::ptr::null();
        // SAFETY: the step's gates, the rows apart and the states are in the scratch; the bias has a fourth part.
        unsafe {
            self.product(&self.rows_of(self.h), r, self.columns(0, 2), null, gates, true);
            for b in 0..batch {
                let (row, state) = (gates.add(b * self.pitch), b * hidden);
                self.activate(0, row, 2);
                if !linear_before_reset {
                    let reset = row.add(hidden).cast_const();
                    self.blend(Blend::Product, self.spare.add(state), [reset, self.h.add(state), null]);
                }
            }
            let state = if linear_before_reset { self.h } else { self.spare };
            self.product(&self.rows_of(state), r, self.columns(2, 3), null, self.apart, false);
            let bias = bias.as_ptr().add(3 * hidden);
            for b in 0..batch {
                let row = gates.add(b * self.pitch);
                let (update, reset, gate) = (row.cast_const(), row.add(hidden).cast_const(), row.add(2 * hidden));
                let apart = self.apart.add(b * self.pitch + 2 * hidden).cast_const();
                if linear_before_reset {
                    self.blend(Blend::AddReset, gate, [reset, apart, bias]);
                } else {
                    self.blend(Blend::AddSum, gate, [apart, bias, null]);
                }
                self.activate(1, gate, 1);
                self.blend(Blend::Mix, self.h.add(b * hidden), [update, gate, null]);
            }
        }
    }

    /// i, f = f(gates + h·r + p·c); c = f·c + i·g(gate); o = f(gate + p·c); h = o·h(c)
    unsafe fn lstm(&self, gates: *mut f32) {
        let hidden = self.layer.hidden;
        let null = core::ptr::null();
        // SAFETY: the step's gates and the states are in the scratch; peepholes are three times H elements.
        unsafe {
            self.product(&self.rows_of(self.h), self.layer.r, self.columns(0, 4), null, gates, true);
            for b in 0..self.layer.batch {
                let [i, o, f, g] = [0, 1, 2, 3].map(|gate| gates.add(b * self.pitch + gate * hidden));
                let (h, c) = (self.h.add(b * hidden), self.c.add(b * hidden));
                let peephole = self.layer.peephole.map(|p| [0, 1, 2].map(|gate| p.as_ptr().add(gate * hidden)));
                if let Some([of_i, _, of_f]) = peephole {
                    self.blend(Blend::AddProduct, i, [of_i, c, null]);
                    self.blend(Blend::AddProduct, f, [of_f, c, null]);
                    self.activate(0, i, 1);
                    self.activate(0, f, 1);
                } else {
                    self.activate(0, i, 3);
                }
                self.activate(1, g, 1);
                self.blend(Blend::Cell, c, [f, i, g]);
                if let Some([_, of_o, _]) = peephole {
                    self.blend(Blend::AddProduct, o, [of_o, c, null]);
                    self.activate(0, o, 1);
                }
                self.kernel.activations.apply(&self.layer.activations[2], c, i, hidden);
                self.blend(Blend::Product, h, [o, i, null]);
            }
        }
    }
}

/// Rows to multiply.
struct Operand {
    first: *const f32,
    pitch: usize,
    rows: usize,
    cols: usize,
}
