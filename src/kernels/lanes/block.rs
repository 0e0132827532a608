//! Sixteen lanes made of as many vectors as that takes: sums and maxima over rows come out the same on every
//! instruction set.

use super::Lanes;

/// Lanes of a block.
pub(crate) const BLOCK: usize = 16;

/// `P` vectors of 16 / P lanes each.
#[derive(Clone, Copy)]
pub(crate) struct Block<V, const P: usize>([V; P]);

/// 16 ones, then 16 zeros: from `16 − n` on, a block whose first n lanes are ones.
static FIRST: [f32; 2 * BLOCK] = {
    let mut first = [0.0; 2 * BLOCK];
    let mut i = 0;
    while i < BLOCK {
        first[i] = 1.0;
        i += 1;
    }
    first
};

/// Declares lanewise methods of blocks by those of vectors.
macro_rules! lanewise {
    ($($name:ident($($other:ident),*);)*) => {$(
        #[inline(always)]
        pub(crate) unsafe fn $name(mut self, $($other: Self),*) -> Self {
            for i in 0..P {
                // SAFETY: as the caller promises.
                self.0[i] = unsafe { self.0[i].$name($($other.0[i]),*) };
            }
            self
        }
    )*};
}

/// # Safety
/// As for the methods of [`Lanes`].
impl<V: Lanes, const P: usize> Block<V, P> {
    const IS_16_LANES: () = assert!(P * V::N == BLOCK);

    /// One value in every lane.
    #[inline(always)]
    pub(crate) unsafe fn splat(v: f32) -> Self {
        const { Self::IS_16_LANES };
        // SAFETY: as the caller promises.
        Self([unsafe { V::splat(v) }; P])
    }

    /// 16 lanes from memory.
    #[inline(always)]
    pub(crate) unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller's pointer is valid for 16 lanes.
        unsafe {
            let mut block = Self::splat(0.0);
            for i in 0..P {
                block.0[i] = V::load(p.add(i * V::N));
            }
            block
        }
    }

    /// The first `n ≤ 16` lanes from memory, zeros in the others.
    #[inline(always)]
    pub(crate) unsafe fn load_first(p: *const f32, n: usize) -> Self {
        // SAFETY: the caller's pointer is valid for `n` lanes, and no lane from `n` on is read.
        unsafe {
            let mut block = Self::splat(0.0);
            for i in 0..P {
                let at = i * V::N;
                if at + V::N <= n {
                    block.0[i] = V::load(p.add(at));
                } else if at < n {
                    block.0[i] = V::load_first(p.add(at), n - at);
                }
            }
            block
        }
    }

    /// 16 lanes to memory.
    #[inline(always)]
    pub(crate) unsafe fn store(self, p: *mut f32) {
        for i in 0..P {
            // SAFETY: the caller's pointer is valid for 16 lanes.
            unsafe { self.0[i].store(p.add(i * V::N)) };
        }
    }

    /// The first `n ≤ 16` lanes to memory.
    #[inline(always)]
    pub(crate) unsafe fn store_first(self, p: *mut f32, n: usize) {
        for i in 0..P {
            let at = i * V::N;
            // SAFETY: the caller's pointer is valid for `n` lanes, and no lane from `n` on is written.
            unsafe {
                if at + V::N <= n {
                    self.0[i].store(p.add(at));
                } else if at < n {
                    self.0[i].store_first(p.add(at), n - at);
                }
            }
        }
    }

    lanewise! {
        add(o);
        sub(o);
        mul(o);
        max(o);
    }

    /// The first `n ≤ 16` lanes of `self`, `other` in those after them.
    #[inline(always)]
    pub(crate) unsafe fn first(mut self, n: usize, other: f32) -> Self {
        // SAFETY: as the caller promises; `FIRST` has 16 elements from `16 − n` on.
        unsafe {
            let ones = Self::load(FIRST.as_ptr().add(BLOCK - n));
            let (other, zero) = (V::splat(other), V::splat(0.0));
            for i in 0..P {
                self.0[i] = V::select(zero.lt(ones.0[i]), self.0[i], other);
            }
        }
        self
    }

    /// The vectors one by one through `f`, a type so that it is inlined where the instruction set is enabled.
    #[inline(always)]
    pub(crate) unsafe fn map<F: Map<V>>(mut self) -> Self {
        for i in 0..P {
            // SAFETY: as the caller promises.
            self.0[i] = unsafe { F::of(self.0[i]) };
        }
        self
    }

    /// All lanes combined by `f`: halves first, neighbours last.
    #[inline(always)]
    pub(crate) unsafe fn reduce(self, f: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = [0f32; BLOCK];
        // SAFETY: the array has 16 lanes.
        unsafe { self.store(lanes.as_mut_ptr()) };
        let mut n = BLOCK;
        while n > 1 {
            n /= 2;
            for i in 0..n {
                lanes[i] = f(lanes[i], lanes[i + n]);
            }
        }
        lanes[0]
    }

    /// The sum of all lanes.
    #[inline(always)]
    pub(crate) unsafe fn sum(self) -> f32 {
        // SAFETY: as the caller promises.
        unsafe { self.reduce(|a, b| a + b) }
    }
}

/// A function of one vector.
pub(crate) trait Map<V> {
    /// # Safety
    /// As for the methods of [`Lanes`].
    unsafe fn of(x: V) -> V;
}
