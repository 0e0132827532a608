//! The functions, over vectors of any length.
//!
//! Polynomials are minimax fits on the reduced range, in the relative error of the result.

use crate::activation::{Function, Kind};
use crate::lanes::{Lanes, mul_add, polynomial};

/// ln 2 in two parts: the first has enough trailing zeros for exact products with exponents.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// A function of one vector.
trait Map<V: Lanes> {
    /// # Safety
    /// As for the methods of [`Lanes`].
    unsafe fn of(&self, x: V) -> V;
}

/// Calls `f` for each vector of `x`, in order.
#[inline(always)]
unsafe fn map<V: Lanes, F: Map<V>>(f: F, x: *const f32, y: *mut f32, len: usize) {
    // SAFETY: `i + N` stays below `len`, up to which the caller's pointers are valid.
    unsafe {
        let mut i = 0;
        while i + V::N <= len {
            f.of(V::load(x.add(i))).store(y.add(i));
            i += V::N;
        }
        if i < len {
            f.of(V::load_first(x.add(i), len - i)).store_first(y.add(i), len - i);
        }
    }
}

/// Declares a function as a type: `name(constants) |x| body`.
macro_rules! function {
    ($($name:ident($($constant:ident),*) |$x:ident| $body:expr;)*) => {$(
        struct $name<V> { $($constant: V,)* _vector: core::marker::PhantomData<V> }
        impl<V: Lanes> Map<V> for $name<V> {
            #[inline(always)]
            unsafe fn of(&self, $x: V) -> V {
                $(let $constant = self.$constant;)*
                // SAFETY: as the caller promises.
                unsafe { $body }
            }
        }
    )*};
}

function! {
    Clamp(low, high) |x| high.min(low.max(x));
    Sigmoid() |x| sigmoid(x);
    Tanh() |x| tanh(x);
    Silu() |x| x.div(V::splat(1.0).add(exp(x.neg())));
    HardSwish() |x| x.mul(unit(mul_add(x, V::splat(1.0 / 6.0), V::splat(0.5))));
    HardSigmoid(a, b) |x| unit(mul_add(x, a, b));
    GeluErf() |x| x.mul(V::splat(0.5)).mul(V::splat(1.0).add(erf(x.mul(V::splat(core::f32::consts::FRAC_1_SQRT_2)))));
    GeluTanh() |x| gelu_tanh(x);
    LeakyRelu(a) |x| V::select(x.lt(V::splat(0.0)), a.mul(x), x);
    Elu(a) |x| V::select(x.lt(V::splat(0.0)), a.mul(exp_minus_1(x)), x);
    Selu(a, b) |x| b.mul(V::select(V::splat(0.0).lt(x), x, a.mul(exp_minus_1(x))));
    Celu(a) |x| V::splat(0.0).max(x).add(V::splat(0.0).min(a.mul(exp_minus_1(x.div(a)))));
    Softplus() |x| V::splat(0.0).max(x).add(ln_1_plus(exp(x.abs().neg())));
    Softsign() |x| x.div(V::splat(1.0).add(x.abs()));
    Mish() |x| mish(x);
    ThresholdedRelu(a) |x| V::select(x.le(a), V::splat(0.0), x);
    Exp() |x| exp(x);
    Ln() |x| ln(x);
    Sqrt() |x| x.sqrt();
    Rsqrt() |x| V::splat(1.0).div(x.sqrt());
    Recip() |x| V::splat(1.0).div(x);
    Abs() |x| x.abs();
    Neg() |x| x.neg();
    Erf() |x| erf(x);
    Floor() |x| x.floor();
    Ceil() |x| x.ceil();
    RoundEven() |x| x.round();
    Sign() |x| sign(x);
    Sin() |x| x.map(libm::sinf);
    Cos() |x| x.map(libm::cosf);
    Square() |x| x.mul(x);
    Cube() |x| x.mul(x).mul(x);
    SqrtPow() |x| V::select(x.eq(V::splat(f32::NEG_INFINITY)), V::splat(f32::INFINITY), x.add(V::splat(0.0)).sqrt());
    Affine(a, b) |x| mul_add(x, a, b);
    Shrink(a, b) |x| shrink(x, a, b);
}

/// xᵃ for any a.
struct Pow(f32);
impl<V: Lanes> Map<V> for Pow {
    #[inline(always)]
    unsafe fn of(&self, x: V) -> V {
        let a = self.0;
        // SAFETY: as the caller promises.
        unsafe { x.map(|x| libm::powf(x, a)) }
    }
}

/// x
struct Identity;
impl<V: Lanes> Map<V> for Identity {
    #[inline(always)]
    unsafe fn of(&self, x: V) -> V {
        x
    }
}

/// y[i] = f(x[i]); see [`super::ActivationKernel::apply`].
#[inline(always)]
pub(super) unsafe fn apply<V: Lanes>(f: &Function, x: *const f32, y: *mut f32, len: usize) {
    macro_rules! go {
        ($name:ident) => {
            map::<V, _>($name { _vector: core::marker::PhantomData::<V> }, x, y, len)
        };
        ($name:ident, a) => {
            map::<V, _>($name { a: V::splat(f.a), _vector: core::marker::PhantomData }, x, y, len)
        };
        ($name:ident, $a:ident, $b:ident) => {
            map::<V, _>($name { $a: V::splat(f.a), $b: V::splat(f.b), _vector: core::marker::PhantomData }, x, y, len)
        };
    }
    // SAFETY: as the caller promises.
    unsafe {
        match f.kind {
            Kind::Identity if core::ptr::eq(x, y) => {}
            Kind::Identity => map::<V, _>(Identity, x, y, len),
            Kind::Clamp => go!(Clamp, low, high),
            Kind::Sigmoid => go!(Sigmoid),
            Kind::Tanh => go!(Tanh),
            Kind::Silu => go!(Silu),
            Kind::HardSwish => go!(HardSwish),
            Kind::HardSigmoid => go!(HardSigmoid, a, b),
            Kind::GeluErf => go!(GeluErf),
            Kind::GeluTanh => go!(GeluTanh),
            Kind::LeakyRelu => go!(LeakyRelu, a),
            Kind::Elu => go!(Elu, a),
            Kind::Selu => go!(Selu, a, b),
            Kind::Celu => go!(Celu, a),
            Kind::Softplus => go!(Softplus),
            Kind::Softsign => go!(Softsign),
            Kind::Mish => go!(Mish),
            Kind::ThresholdedRelu => go!(ThresholdedRelu, a),
            Kind::Exp => go!(Exp),
            Kind::Ln => go!(Ln),
            Kind::Sqrt => go!(Sqrt),
            Kind::Rsqrt => go!(Rsqrt),
            Kind::Recip => go!(Recip),
            Kind::Abs => go!(Abs),
            Kind::Neg => go!(Neg),
            Kind::Erf => go!(Erf),
            Kind::Floor => go!(Floor),
            Kind::Ceil => go!(Ceil),
            Kind::RoundEven => go!(RoundEven),
            Kind::Sign => go!(Sign),
            Kind::Sin => go!(Sin),
            Kind::Cos => go!(Cos),
            Kind::Square => go!(Square),
            Kind::PowConst if f.a == 2.0 => go!(Square),
            Kind::PowConst if f.a == 3.0 => go!(Cube),
            Kind::PowConst if f.a == 0.5 => go!(SqrtPow),
            Kind::PowConst => map::<V, _>(Pow(f.a), x, y, len),
            Kind::Affine => go!(Affine, a, b),
            Kind::Shrink => go!(Shrink, a, b),
        }
    }
}

/// eˣ = 2ⁿ·eʳ, with n the nearest integer to x/ln 2. The scale is applied in two steps, so that the first product is
/// a normal number and the second rounds once where the result is not.
#[inline(always)]
pub(crate) unsafe fn exp<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        let x = V::splat(89.0).min(V::splat(-104.0).max(x));
        let (n, p) = exp_reduced(x);
        let n = n.to_int();
        let half = V::int_sar::<1>(n);
        V::splat(1.0).add(p).mul(power_of_2::<V>(half)).mul(power_of_2::<V>(V::int_sub(n, half)))
    }
}

/// eˣ where x ≤ 0 and results below the least normal number may be 0.
#[inline(always)]
pub(crate) unsafe fn exp_of_negative<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        let low = V::splat(-87.0);
        let (n, p) = exp_reduced(low.max(x));
        V::select(x.lt(low), V::splat(0.0), V::splat(1.0).add(p).mul(power_of_2::<V>(n.to_int())))
    }
}

/// eˣ − 1 for x ≤ 20, accurate near 0.
#[inline(always)]
unsafe fn exp_minus_1<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        let (n, p) = exp_reduced(V::splat(20.0).min(V::splat(-87.0).max(x)));
        let scale = power_of_2::<V>(n.to_int());
        scale.mul(p).add(scale.sub(V::splat(1.0)))
    }
}

/// n, the nearest integer to x/ln 2, and eʳ − 1 with r = x − n·ln 2.
#[inline(always)]
unsafe fn exp_reduced<V: Lanes>(x: V) -> (V, V) {
    // SAFETY: as the caller promises.
    unsafe {
        let n = x.mul(V::splat(core::f32::consts::LOG2_E)).round();
        let r = x.sub(n.mul(V::splat(LN2_HIGH))).sub(n.mul(V::splat(LN2_LOW)));
        let q = polynomial(r, [0.499_999_94, 0.166_665_21, 0.041_668_39, 0.008_368_717_5, 0.001_381_459_6]);
        (n, r.add(r.mul(r).mul(q)))
    }
}

/// 2ⁿ for −127 < n < 128.
#[inline(always)]
unsafe fn power_of_2<V: Lanes>(n: V::Int) -> V {
    // SAFETY: as the caller promises.
    unsafe { V::from_bits(V::int_shl::<23>(V::int_add(n, V::int_splat(127)))) }
}

/// ln x = k·ln 2 + ln(1 + f), with 1 + f between √½ and √2.
#[inline(always)]
pub(crate) unsafe fn ln<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        let tiny = x.lt(V::splat(f32::MIN_POSITIVE));
        let scaled = V::select(tiny, x.mul(V::splat(33_554_432.0)), x);
        let offset = V::select(tiny, V::splat(-25.0), V::splat(0.0));
        let root = V::int_splat(core::f32::consts::FRAC_1_SQRT_2.to_bits() as i32);
        let bits = V::int_sub(scaled.to_bits(), root);
        let k = V::from_int(V::int_sar::<23>(bits)).add(offset);
        let f = V::from_bits(V::int_add(V::int_and(bits, V::int_splat(0x7f_ffff)), root)).sub(V::splat(1.0));
        let z = f.mul(f);
        let q = polynomial(
            f,
            [
                0.333_333_13,
                -0.250_000_1,
                0.200_021_2,
                -0.166_679_96,
                0.142_195_5,
                -0.124_055_915,
                0.118_881_75,
                -0.116_756_41,
                0.067_466_01,
            ],
        );
        let tail = mul_add(k, V::splat(LN2_LOW), f.mul(z).mul(q)).sub(z.mul(V::splat(0.5)));
        let y = mul_add(k, V::splat(LN2_HIGH), f.add(tail));
        let y = V::select(x.eq(V::splat(f32::INFINITY)), x, y);
        let y = V::select(x.eq(V::splat(0.0)), V::splat(f32::NEG_INFINITY), y);
        // Comparisons with NaN are false: NaN and negative numbers alike end here.
        V::select(V::splat(0.0).le(x), y, V::splat(f32::NAN))
    }
}

/// ln(1 + x) for 0 ≤ x ≤ 1: twice the area tangent of x/(2 + x).
#[inline(always)]
unsafe fn ln_1_plus<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        let s = x.div(V::splat(2.0).add(x));
        let t = s.mul(s);
        let q = polynomial(t, [0.666_666_75, 0.399_988_77, 0.286_168_84, 0.214_276_57, 0.243_009_39]);
        s.add(s).add(s.mul(t).mul(q))
    }
}

/// 1 / (1 + e⁻ˣ)
#[inline(always)]
pub(crate) unsafe fn sigmoid<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe { V::splat(1.0).div(V::splat(1.0).add(exp(x.neg()))) }
}

/// With e = e²ˣ − 1 of the magnitude: e / (e + 2).
#[inline(always)]
pub(crate) unsafe fn tanh<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        // 2·|x| above 20 gives 1; the clamp keeps the scale a normal number.
        let e = exp_minus_1(x.abs().add(x.abs()));
        e.div(e.add(V::splat(2.0))).copysign(x)
    }
}

/// 1 − e⁻ᵖ of the magnitude, with p a polynomial for −ln(1 − erf|x|).
#[inline(always)]
pub(crate) unsafe fn erf<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        // erf 4 rounds to 1.
        let m = V::splat(4.0).min(x.abs());
        let q = polynomial(
            m,
            [
                core::f32::consts::FRAC_2_SQRT_PI,
                0.636_619_4,
                0.102_777_83,
                -0.019_153_066,
                -1.603_92e-4,
                0.001_667_023_6,
                -6.328_348e-4,
                1.176_407_6e-4,
                -9.256_21e-6,
            ],
        );
        exp_minus_1(m.mul(q).neg()).abs().copysign(x)
    }
}

/// x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))
#[inline(always)]
unsafe fn gelu_tanh<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        let cube = x.mul(x).mul(x);
        let inner = V::splat(0.797_884_6).mul(mul_add(cube, V::splat(0.044_715), x));
        x.mul(V::splat(0.5)).mul(V::splat(1.0).add(tanh(inner)))
    }
}

/// x · tanh(ln(1 + eˣ)): with e = eˣ, x·(e² + 2e)/(e² + 2e + 2).
#[inline(always)]
unsafe fn mish<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        // From 20 on the quotient is 1.
        let e = exp(V::splat(20.0).min(x));
        let n = e.mul(e.add(V::splat(2.0)));
        x.mul(n.div(n.add(V::splat(2.0))))
    }
}

/// min(max(x, 0), 1)
#[inline(always)]
unsafe fn unit<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe { V::splat(1.0).min(V::splat(0.0).max(x)) }
}

/// −1, 0 or 1; NaN of NaN.
#[inline(always)]
unsafe fn sign<V: Lanes>(x: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        let zero = V::splat(0.0);
        let y = V::select(x.lt(zero), V::splat(-1.0), x);
        V::select(zero.lt(x), V::splat(1.0), V::select(x.eq(zero), zero, y))
    }
}

/// x − b where x > a, x + b where x < −a, else 0.
#[inline(always)]
unsafe fn shrink<V: Lanes>(x: V, a: V, b: V) -> V {
    // SAFETY: as the caller promises.
    unsafe {
        let inside = V::select(x.eq(x), V::splat(0.0), x);
        V::select(a.lt(x), x.sub(b), V::select(x.lt(a.neg()), x.add(b), inside))
    }
}
