//! What lies between the products and functions of a cell.

use crate::Isa;
use crate::lanes::Lanes;

crate::kernels! { BlendKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// A formula of y and up to three operands a, b, c.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blend {
    /// y = a·b
    Product,
    /// y = y + a·b
    AddProduct,
    /// y = y + (a + b)
    AddSum,
    /// y = y + a·(b + c)
    AddReset,
    /// y = a·y + b·c
    Cell,
    /// y = (1 − a)·b + a·y
    Mix,
}

/// A kernel that blends.
#[derive(Debug)]
pub struct BlendKernel {
    /// The instruction set.
    pub(crate) isa: Isa,
    /// Blends `len` contiguous elements.
    ///
    /// # Safety
    /// `y` and the operands that the formula has are valid for `len` elements, `y` for writing too; no operand
    /// overlaps `y`. The processor has the kernel's instruction set.
    pub(super) run: unsafe fn(blend: Blend, y: *mut f32, operands: [*const f32; 3], len: usize),
}

/// See [`BlendKernel::run`].
#[inline(always)]
unsafe fn run<V: Lanes>(blend: Blend, y: *mut f32, [a, b, c]: [*const f32; 3], len: usize) {
    /// Loads the named vectors at each place, and stores what the formula makes of them.
    macro_rules! each {
        ($($operand:ident)* => $formula:expr) => {{
            let (out, mut i) = (y, 0);
            while i + V::N <= len {
                let v = { $(let $operand = V::load($operand.add(i));)* $formula };
                v.store(out.add(i));
                i += V::N;
            }
            if i < len {
                let v = { $(let $operand = V::load_first($operand.add(i), len - i);)* $formula };
                v.store_first(out.add(i), len - i);
            }
        }};
    }
    // SAFETY: `i` and what is touched from there stay below `len`, up to which the pointers are valid.
    unsafe {
        match blend {
            Blend::Product => each!(a b => a.mul(b)),
            Blend::AddProduct => each!(y a b => y.add(a.mul(b))),
            Blend::AddSum => each!(y a b => y.add(a.add(b))),
            Blend::AddReset => each!(y a b c => y.add(a.mul(b.add(c)))),
            Blend::Cell => each!(y a b c => a.mul(y).add(b.mul(c))),
            Blend::Mix => each!(y a b => V::splat(1.0).sub(a).mul(b).add(a.mul(y))),
        }
    }
}
