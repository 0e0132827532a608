//! Vectors of f32: one interface for every instruction set, so that an elementwise function is written once.
//!
//! Every operation is an IEEE operation of one lane that all instruction sets round alike; there is no fused
//! multiply-add among them. A function written over [`Lanes`] therefore gives the same bits everywhere (the sign
//! and payload of a NaN excepted).

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod block;
pub(crate) mod generic;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
#[cfg(target_arch = "aarch64")]
pub(crate) mod pair;

/// A vector of f32 with what elementwise functions need.
///
/// # Safety
/// Methods of a vector type may be called only where the processor has its instruction set, inside a function
/// that enables it; pointers must be valid for the lanes that the method tells. Implementations compute exactly
/// what each method says.
pub(crate) unsafe trait Lanes: Copy {
    /// Number of lanes.
    const N: usize;
    /// One bit or one word of ones or zeros for each lane.
    type Mask: Copy;
    /// As many 32-bit integers.
    type Int: Copy;

    /// All lanes from memory.
    unsafe fn load(p: *const f32) -> Self;
    /// The first `n < N` lanes from memory, zeros in the others.
    unsafe fn load_first(p: *const f32, n: usize) -> Self;
    /// All lanes to memory.
    unsafe fn store(self, p: *mut f32);
    /// The first `n < N` lanes to memory.
    unsafe fn store_first(self, p: *mut f32, n: usize);
    /// One value in every lane.
    unsafe fn splat(v: f32) -> Self;

    unsafe fn add(self, o: Self) -> Self;
    unsafe fn sub(self, o: Self) -> Self;
    unsafe fn mul(self, o: Self) -> Self;
    unsafe fn div(self, o: Self) -> Self;
    /// `self < o ? self : o`: the second operand where one is NaN.
    unsafe fn min(self, o: Self) -> Self;
    /// `self > o ? self : o`: the second operand where one is NaN.
    unsafe fn max(self, o: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    unsafe fn abs(self) -> Self;
    unsafe fn neg(self) -> Self;
    /// The magnitude of `self` with the sign of `o`.
    unsafe fn copysign(self, o: Self) -> Self;
    /// Nearest integer, ties to even; keeps the sign of zero.
    unsafe fn round(self) -> Self;
    unsafe fn floor(self) -> Self;
    unsafe fn ceil(self) -> Self;

    unsafe fn lt(self, o: Self) -> Self::Mask;
    unsafe fn le(self, o: Self) -> Self::Mask;
    unsafe fn eq(self, o: Self) -> Self::Mask;
    /// `mask ? a : b`.
    unsafe fn select(mask: Self::Mask, a: Self, b: Self) -> Self;
    /// Bit `i` for lane `i`.
    unsafe fn bits_of(mask: Self::Mask) -> u32;

    /// Integers of integral lanes below 2³¹ in magnitude; others give any integer.
    unsafe fn to_int(self) -> Self::Int;
    /// Nearest floats.
    unsafe fn from_int(i: Self::Int) -> Self;
    /// The bit patterns.
    unsafe fn to_bits(self) -> Self::Int;
    /// Floats of bit patterns.
    unsafe fn from_bits(i: Self::Int) -> Self;
    unsafe fn int_splat(v: i32) -> Self::Int;
    unsafe fn int_add(a: Self::Int, b: Self::Int) -> Self::Int;
    unsafe fn int_sub(a: Self::Int, b: Self::Int) -> Self::Int;
    unsafe fn int_and(a: Self::Int, b: Self::Int) -> Self::Int;
    /// Shifts left by `BY`.
    unsafe fn int_shl<const BY: u32>(a: Self::Int) -> Self::Int;
    /// Shifts right by `BY`, copying the sign.
    unsafe fn int_sar<const BY: u32>(a: Self::Int) -> Self::Int;

    /// `f` of each lane, for functions that have no vector form.
    #[inline(always)]
    unsafe fn map(self, f: impl Fn(f32) -> f32) -> Self {
        let mut lanes = [0f32; 16];
        // SAFETY: no vector has more than 16 lanes.
        unsafe {
            self.store(lanes.as_mut_ptr());
            for lane in &mut lanes[..Self::N] {
                *lane = f(*lane);
            }
            Self::load(lanes.as_ptr())
        }
    }

    /// All lanes combined by `f`: halves first, neighbours last.
    #[inline(always)]
    unsafe fn reduce(self, f: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = [0f32; 16];
        // SAFETY: no vector has more than 16 lanes.
        unsafe { self.store(lanes.as_mut_ptr()) };
        let mut n = Self::N;
        while n > 1 {
            n /= 2;
            for i in 0..n {
                lanes[i] = f(lanes[i], lanes[i + n]);
            }
        }
        lanes[0]
    }
}

/// Vectors that multiply and add as fast as their instruction set can, which may round once or twice: only for
/// families that promise a tolerance, not bits.
///
/// # Safety
/// As for [`Lanes`].
pub(crate) unsafe trait Fused: Lanes {
    /// Whether multiplying by a lane costs no more than by a vector.
    const BY_LANE: bool = false;

    /// The same number, of which the compiler does not know where it comes from: addresses made with it stay sums, where
    /// it would count up a pointer for each.
    #[inline(always)]
    fn opaque(i: usize) -> usize {
        i
    }

    /// `self · a + b`.
    unsafe fn fused(self, a: Self, b: Self) -> Self;

    /// `self` within bounds, which are numbers; NaN stays. A zero that equals a bound may have the sign of either.
    #[inline(always)]
    unsafe fn clamp(self, low: Self, high: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { high.min(low.max(self)) }
    }

    /// `self · a[lane] + b`.
    #[inline(always)]
    unsafe fn fused_lane(self, a: Self, lane: usize, b: Self) -> Self {
        let mut lanes = [0f32; 16];
        // SAFETY: no vector has more than 16 lanes.
        unsafe {
            a.store(lanes.as_mut_ptr());
            self.fused(Self::splat(lanes[lane]), b)
        }
    }
}

/// `self · a + b`, rounded twice.
#[inline(always)]
pub(crate) unsafe fn mul_add<V: Lanes>(x: V, a: V, b: V) -> V {
    // SAFETY: as the caller promises.
    unsafe { x.mul(a).add(b) }
}

/// Horner's scheme: `coefficients[0] + coefficients[1]·x + …`.
#[inline(always)]
pub(crate) unsafe fn polynomial<V: Lanes, const N: usize>(x: V, coefficients: [f32; N]) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        let mut sum = V::splat(coefficients[N - 1]);
        let mut i = N - 1;
        while i > 0 {
            i -= 1;
            sum = mul_add(sum, x, V::splat(coefficients[i]));
        }
        sum
    }
}
