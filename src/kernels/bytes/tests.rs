use std::vec::Vec;

use super::{Bytes, zero_of};
use crate::lanes::Lanes;

/// The floats of all bytes in the order of memory, and what they narrow to.
unsafe fn there_and_back<V: Bytes>() -> (Vec<f32>, Vec<u8>) {
    let (mut floats, mut bytes) = (Vec::new(), Vec::new());
    let all: Vec<u8> = (0..=255).collect();
    for part in all.chunks(V::N) {
        let (mut wide, mut narrow) = ([0f32; 64], [0u8; 64]);
        // SAFETY: a part is a vector, and no vector is longer than the buffers.
        unsafe {
            let v = V::load(part.as_ptr()).spread().widen(zero_of::<V>(100));
            for (i, v) in v.into_iter().enumerate() {
                v.store(wide.as_mut_ptr().add(i * V::Float::N));
            }
            V::narrow(v, 100).collect().store(narrow.as_mut_ptr());
        }
        floats.extend_from_slice(&wide[..V::N]);
        bytes.extend_from_slice(&narrow[..V::N]);
    }
    (floats, bytes)
}

#[test]
fn widening_and_spreading_have_their_inverses() {
    let expected: (Vec<f32>, Vec<u8>) = ((-100..156).map(|v| v as f32).collect(), (0..=255).collect());
    // SAFETY: portable, or the processor was asked.
    unsafe {
        assert!(there_and_back::<super::generic::U8x4>() == expected);
        #[cfg(target_arch = "aarch64")]
        assert!(there_and_back::<super::neon::U8x16>() == expected);
        #[cfg(target_arch = "x86_64")]
        {
            if crate::IsaSet::detect().contains(crate::Isa::Avx2) {
                assert!(there_and_back::<super::avx2::U8x32>() == expected);
            }
            if crate::IsaSet::detect().contains(crate::Isa::Avx512) {
                assert!(there_and_back::<super::avx512::U8x64>() == expected);
            }
        }
    }
}
