//! Output sizes against counting positions.

use proptest::prelude::*;

use crate::rules::Window;

proptest! {
    #[test]
    fn sizes_count_positions(
        input in 1u32..20,
        kernel in 1u32..6,
        stride in 1u32..5,
        dilation in 1u32..4,
        pad in [0u32..6, 0u32..6],
    ) {
        let window = Window { input, kernel, stride, dilation, pad };
        let extent = dilation * (kernel - 1) + 1;
        let padded = input + pad[0] + pad[1];
        let begins = || (0..).map(|i| i * stride);
        let whole = begins().take_while(|begin| begin + extent <= padded).count() as u64;
        prop_assert_eq!(window.output().ok(), (whole > 0).then_some(whole));
        if whole > 0 && pad[1] < extent {
            // One more position for what the whole ones leave over, if it begins before the padding at the end.
            let last_end = (whole as u32 - 1) * stride + extent;
            let next_begin = whole as u32 * stride;
            let extra = last_end < padded && next_begin < input + pad[0];
            prop_assert_eq!(window.output_ceil().ok(), Some(whole + u64::from(extra)));
        }
        // The transposed operation undoes it: scatter every input position and measure.
        let full = (input - 1) * stride + extent;
        let cut = full.checked_sub(pad[0] + pad[1]).map(u64::from);
        prop_assert_eq!(window.transposed(0).ok(), cut);
    }
}
