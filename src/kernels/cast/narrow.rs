//! 16-bit floats.

/// The nearest 16-bit IEEE float, ties to even.
pub(super) fn f16(x: f64) -> u16 {
    narrow::<5, 10>(x)
}

/// The nearest bfloat16, ties to even.
pub(super) fn bf16(x: f64) -> u16 {
    narrow::<8, 7>(x)
}

/// The value of a 16-bit IEEE float.
pub(crate) fn f16_to_f64(x: u16) -> f64 {
    let (exponent, fraction) = (x >> 10 & 0x1f, x & 0x3ff);
    let magnitude = match exponent {
        0 => f64::from(fraction) / f64::from(1 << 24),
        0x1f if fraction == 0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => f64::from_bits((u64::from(exponent) + 1023 - 15) << 52 | u64::from(fraction) << 42),
    };
    if x >> 15 == 1 { -magnitude } else { magnitude }
}

/// An integer as f64 whose last bit also stands for all that were cut off, so that rounding it further rounds the
/// integer itself.
pub(super) fn rounded_to_odd(minus: bool, magnitude: u64) -> f64 {
    let excess = 11u32.saturating_sub(magnitude.leading_zeros());
    let cut = magnitude & ((1 << excess) - 1) != 0;
    let value = (magnitude >> excess | u64::from(cut)) as f64 * (1u64 << excess) as f64;
    if minus { -value } else { value }
}

/// Bits of the nearest float with `E` bits of exponent and `F` of fraction.
fn narrow<const E: u32, const F: u32>(x: f64) -> u16 {
    let bits = x.to_bits();
    let sign = (bits >> 63 << (E + F)) as u16;
    let infinity: u64 = ((1 << E) - 1) << F;
    if x.is_nan() {
        return sign | infinity as u16 | 1 << (F - 1);
    }
    let bias = (1i64 << (E - 1)) - 1;
    let exponent = (bits >> 52 & 0x7ff) as i64 - 1023;
    if exponent > bias {
        return sign | infinity as u16;
    }
    // Denormal numbers of f64 are far below the least of any narrower float: their exponent makes them 0 below.
    let significand = bits & ((1 << 52) - 1) | 1 << 52;
    let below_normal = (1 - bias - exponent).max(0);
    let shift = i64::from(52 - F) + below_normal;
    if shift > 53 {
        return sign;
    }
    let (kept, rest, half) = (significand >> shift, significand & ((1 << shift) - 1), 1u64 << (shift - 1));
    let rounded = kept + u64::from(rest > half || rest == half && kept & 1 == 1);
    // The leading one counts one up in the exponent, as does a carry out of the fraction.
    let base = if below_normal > 0 { 0 } else { ((exponent + bias - 1) as u64) << F };
    let magnitude = base + rounded;
    sign | magnitude.min(infinity) as u16
}
