//! Weights of 8-bit convolutions in the order in which kernels read them; see the operators' documentation in the plan.

/// Columns of a panel.
const PANEL: usize = 16;
/// Neighbours of a sum that are multiplied at once.
const QUAD: usize = 4;
/// Elements of a kernel, and of a transformed one.
const TAPS: usize = 9;
const POINTS: usize = 36;
/// What turns kernels into those of tiles.
const G: [[i32; 3]; 6] = [[6, 0, 0], [-1, -1, -1], [-1, 1, -1], [1, 2, 4], [1, -2, 4], [0, 0, 6]];

/// What the direct sums of tiles have to stay below in magnitude.
const BOUND: i64 = 1 << 25;

/// Whether no bytes, multiplied by the weights of one output channel less their zero point, add up to more than tiles can
/// hold.
pub fn is_within_bounds(weights: &[i32]) -> bool {
    let greatest = |sign: i64| weights.iter().map(|&w| (sign * i64::from(w)).max(0) * 255).sum::<i64>();
    greatest(1) < BOUND && greatest(-1) < BOUND
}

/// `[O, taps, depth]` 8-bit filters of `groups` groups as panels of 16 outputs, each `[taps][⌈depth/4⌉][16][4]`, those of
/// each group apart.
pub fn quad_filters(filters: &[u8], outputs: usize, [taps, depth]: [usize; 2], groups: usize) -> Vec<u8> {
    let of_group = outputs / groups;
    let (panels, quads) = (of_group.div_ceil(PANEL), depth.div_ceil(QUAD));
    let panel_len = taps * quads * PANEL * QUAD;
    let mut packed = vec![0; groups * panels * panel_len];
    for output in 0..outputs {
        let (group, within) = (output / of_group, output % of_group);
        let panel = &mut packed[(group * panels + within / PANEL) * panel_len..][..panel_len];
        for tap in 0..taps {
            for (k, &value) in filters[(output * taps + tap) * depth..][..depth].iter().enumerate() {
                let quad = tap * quads + k / QUAD;
                panel[(quad * PANEL + within % PANEL) * QUAD + k % QUAD] = value;
            }
        }
    }
    packed
}

/// `[O, 3, 3, C]` filters, each transformed to 6×6 by G·g·Gᵀ, as panels of 16 outputs, each `[36][C/2][16][2]`; O and C are
/// multiples of 16.
pub fn winograd_pairs(filters: &[i32], outputs: usize, channels: usize) -> Vec<i16> {
    let mut packed = vec![0; POINTS * outputs * channels];
    for (output, filter) in filters.chunks_exact(TAPS * channels).enumerate() {
        for channel in 0..channels {
            let kernel = std::array::from_fn(|tap| filter[tap * channels + channel]);
            for (point, u) in transformed(&kernel).into_iter().enumerate() {
                // Weights of 8 bits less their zero point, and sums of rows of G of at most 7.
                packed[pair(output, channel, point, channels)] = u as i16;
            }
        }
    }
    packed
}

/// G·g·Gᵀ.
fn transformed(kernel: &[i32; TAPS]) -> [i32; POINTS] {
    std::array::from_fn(|point| {
        let (left, right) = (G[point / 6], G[point % 6]);
        (0..TAPS).map(|tap| left[tap / 3] * right[tap % 3] * kernel[tap]).sum()
    })
}

/// Where a weight of tiles lies.
fn pair(output: usize, channel: usize, point: usize, channels: usize) -> usize {
    let pair = output / PANEL * (POINTS * channels / 2) + point * channels / 2 + channel / 2;
    (pair * PANEL + output % PANEL) * 2 + channel % 2
}

/// The filters `[O, 3, 3, C]` that [`quad_filters`] packed, less their zero point.
pub(crate) fn from_quads(packed: &[u8], outputs: usize, channels: usize, zero: i32) -> Vec<i32> {
    let quads = channels / QUAD;
    let mut filters = Vec::with_capacity(TAPS * outputs * channels);
    for (output, tap) in (0..outputs).flat_map(|output| (0..TAPS).map(move |tap| (output, tap))) {
        let first = (output / PANEL * TAPS + tap) * quads;
        let at = |k: usize| ((first + k / QUAD) * PANEL + output % PANEL) * QUAD + k % QUAD;
        filters.extend((0..channels).map(|k| i32::from(packed[at(k)] as i8) - zero));
    }
    filters
}

/// The filters `[O, 3, 3, C]` of which [`winograd_pairs`] makes these weights; `None` where there are none, or none that
/// are 8-bit numbers less a zero point.
///
/// G's rows 0 and 5 are 6 times the first and the last unit vector, and row 2 less row 1 is twice the second: so much of U is
/// 36·g. Transforming g again shows whether all of U comes from it.
pub(crate) fn from_pairs(packed: &[i16], outputs: usize, channels: usize) -> Option<Vec<i32>> {
    let mut filters = vec![0; TAPS * outputs * channels];
    for (output, channel) in (0..outputs).flat_map(|output| (0..channels).map(move |channel| (output, channel))) {
        let u: [i32; POINTS] = std::array::from_fn(|point| packed[pair(output, channel, point, channels)].into());
        let line = |row: usize, column: usize| match row {
            0 => u[column],
            1 => 3 * (u[12 + column] - u[6 + column]),
            _ => u[30 + column],
        };
        let kernel: [i32; TAPS] = std::array::from_fn(|tap| {
            let of = |column: usize| line(tap / 3, column);
            let sixths = match tap % 3 {
                0 => of(0),
                1 => 3 * (of(2) - of(1)),
                _ => of(5),
            };
            sixths / 36
        });
        if transformed(&kernel) != u {
            return None;
        }
        for (tap, g) in kernel.into_iter().enumerate() {
            filters[(output * TAPS + tap) * channels + channel] = g;
        }
    }
    Some(filters)
}

/// Numbers as bytes, and the zero point that has to be taken from them: 0 where they are bytes as they are; `None` where
/// their range has more than 8 bits.
pub(crate) fn bytes(numbers: &[i32]) -> Option<(Vec<u8>, i32)> {
    let (least, most) = (numbers.iter().copied().min()?, numbers.iter().copied().max()?);
    let zero = if least >= -128 && most <= 127 { 0 } else { (-128i32).checked_sub(least)? };
    let byte = |&number: &i32| i8::try_from(number.checked_add(zero)?).ok().map(|byte| byte as u8);
    let bytes = numbers.iter().map(byte).collect::<Option<Vec<_>>>()?;
    (-128..=127).contains(&zero).then_some((bytes, zero))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between two bounds, the same at every call.
    fn numbers(len: usize, least: i32, most: i32) -> Vec<i32> {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            least + (state >> 8) as i32 % (most - least + 1)
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn filters_come_back_from_tiles() {
        for (least, most) in [(-128, 127), (0, 255), (-255, 0), (-255, 255), (0, 1)] {
            let mut filters = numbers(9 * 32 * 48, least, most);
            (filters[5], filters[77]) = (least, most);
            let packed = winograd_pairs(&filters, 32, 48);
            assert_eq!(from_pairs(&packed, 32, 48), Some(filters.clone()), "{least}..={most}");
            for at in [0, 1, packed.len() / 3, packed.len() - 1] {
                let mut wrong = packed.clone();
                wrong[at] ^= 1;
                assert_eq!(from_pairs(&wrong, 32, 48), None, "weight {at} is of no kernel");
            }
        }
    }

    #[test]
    fn filters_come_back_from_panels() {
        for zero in [-128, -3, 0, 127] {
            let stored = numbers(9 * 48 * 32, -128, 127);
            let bytes: Vec<u8> = stored.iter().map(|&w| w as i8 as u8).collect();
            let packed = quad_filters(&bytes, 48, [9, 32], 1);
            let less: Vec<i32> = stored.iter().map(|w| w - zero).collect();
            assert_eq!(from_quads(&packed, 48, 32, zero), less);
        }
    }

    #[test]
    fn numbers_become_bytes_where_they_have_eight_bits() {
        let of = |least, most| bytes(&[least, most]).map(|(bytes, zero)| (bytes[0] as i8, bytes[1] as i8, zero));
        assert_eq!(of(-128, 127), Some((-128, 127, 0)));
        assert_eq!(of(0, 255), Some((-128, 127, -128)));
        assert_eq!(of(-255, 0), Some((-128, 127, 127)));
        assert_eq!(of(-5, 140), Some((-128, 17, -123)));
        assert_eq!((of(-128, 128), of(1, 256), of(i32::MIN, 0), of(0, i32::MAX)), (None, None, None, None));
    }

    #[test]
    fn sums_beyond_the_bounds_are_seen() {
        // 131586 · 255 is 2²⁵ − 2; what is below zero does not add to what is above.
        let weights = |more: i32, sign: i32| {
            let mut weights = vec![sign * 255; 2 * 516];
            weights[516..].fill(-sign);
            weights.push(sign * (6 + more));
            weights
        };
        for sign in [-1, 1] {
            assert!(is_within_bounds(&weights(0, sign)));
            assert!(!is_within_bounds(&weights(1, sign)));
        }
    }
}
