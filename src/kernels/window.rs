//! Windows that slide over a padded dimension.

use core::ops::Range;

/// A window sliding along one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Length of the input.
    pub input: usize,
    /// Number of positions of the window.
    pub output: usize,
    /// Elements of the window.
    pub kernel: usize,
    /// Elements from one position to the next.
    pub stride: usize,
    /// Elements from one element of the window to the next.
    pub dilation: usize,
    /// Padding before the input.
    pub pad: usize,
}

impl Axis {
    /// Input position of the first element of window `o`, negative in the padding.
    #[inline(always)]
    pub fn first(&self, o: usize) -> isize {
        (o * self.stride) as isize - self.pad as isize
    }

    /// Elements of window `o` that lie inside the input.
    #[inline]
    pub fn taps(&self, o: usize) -> Range<usize> {
        let first = self.first(o);
        let last = first + ((self.kernel - 1) * self.dilation) as isize;
        let input = self.input as isize;
        // Most windows need no division.
        let begin = if first >= 0 { 0 } else { ((-first) as usize).div_ceil(self.dilation) };
        let end = if last < input { self.kernel } else { ((input - first).max(0) as usize).div_ceil(self.dilation) };
        begin.min(end)..end
    }

    /// Whether all elements of the windows `from..to`, which are some, lie inside the input.
    #[inline(always)]
    pub fn is_inside(&self, from: usize, to: usize) -> bool {
        let last = self.first(to - 1) + ((self.kernel - 1) * self.dilation) as isize;
        self.first(from) >= 0 && last < self.input as isize
    }
}

#[cfg(test)]
mod tests {
    use super::Axis;
    use std::vec::Vec;

    #[test]
    fn taps_are_those_inside_the_input() {
        let sizes = [(1, 1), (2, 1), (3, 2), (5, 3), (1, 2)];
        for input in 1..7 {
            for (kernel, dilation) in sizes {
                for (stride, pad) in [(1, 0), (1, 2), (2, 1), (3, 9)] {
                    let axis = Axis { input, output: 8, kernel, stride, dilation, pad };
                    for o in 0..axis.output {
                        let position = |k: usize| (o * stride + k * dilation) as isize - pad as isize;
                        let inside = |k: &usize| (0..input as isize).contains(&position(*k));
                        let expected: Vec<usize> = (0..kernel).filter(inside).collect();
                        assert_eq!(axis.taps(o).collect::<Vec<_>>(), expected, "{axis:?} at {o}");
                        assert_eq!(axis.is_inside(o, o + 1), expected.len() == kernel, "{axis:?} at {o}");
                    }
                }
            }
        }
    }
}
