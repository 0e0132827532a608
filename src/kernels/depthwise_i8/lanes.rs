//! Vectors that depthwise kernels are written in.

/// The first `count` of 16 bytes, and zeros.
///
/// # Safety
/// They are valid for reading; there are fewer than 16.
#[inline(always)]
pub(super) unsafe fn load_some(at: *const u8, count: usize) -> u128 {
    // SAFETY: as the caller promises: two overlapping numbers hold all bytes and no others.
    unsafe {
        if count >= 8 {
            let low = at.cast::<u64>().read_unaligned();
            let high = at.add(count - 8).cast::<u64>().read_unaligned();
            return u128::from(high) << (8 * (count - 8)) | u128::from(low);
        }
        let mut bytes = 0;
        for i in (0..count).rev() {
            bytes = bytes << 8 | u64::from(at.add(i).read());
        }
        bytes.into()
    }
}

/// Stores the first `count` of 16 bytes.
///
/// # Safety
/// There is room for them; there are fewer than 16.
#[inline(always)]
pub(super) unsafe fn store_some(bytes: u128, at: *mut u8, count: usize) {
    // SAFETY: as the caller promises: two overlapping numbers hold all bytes and no others.
    unsafe {
        let low = bytes as u64;
        if count >= 8 {
            at.cast::<u64>().write_unaligned(low);
            return at.add(count - 8).cast::<u64>().write_unaligned((bytes >> (8 * (count - 8))) as u64);
        }
        for i in 0..count {
            at.add(i).write((low >> (8 * i)) as u8);
        }
    }
}

/// Work to be done with the instruction set of some vectors.
pub(super) trait Task {
    /// # Safety
    /// As the task's type says, and the processor has the instruction set.
    unsafe fn run(self);
}

/// Vectors of bytes, in lanes of 16. What is unpacked and packed stays within its lane: of the bytes of a vector *quarter* q is
/// those numbered 4q to 4q + 3 in every lane, each widened to 32 bits or joined by three others.
///
/// # Safety
/// All methods: the processor has the instruction set, pointers are valid for what the method reads or writes, and
/// counts are not greater than what is counted.
pub(super) unsafe trait Lanes: Copy {
    /// Lanes of a vector.
    const LANES: usize;
    /// Whether there are registers enough for the columns of a sweep.
    const SWEEPS: bool;
    /// Whether [`Lanes::shifted`] changes sums.
    const SHIFTS: bool = false;
    /// Whether weights are widened, so that their zero point can be taken from them: see [`Lanes::weights_less`].
    const WIDENS: bool = false;
    /// A quarter's bytes, each with three others of its channel.
    type Quads: Copy;
    /// Weights of a quarter, in the same order.
    type Weights: Copy;
    /// A quarter, as i32.
    type Ints: Copy;
    /// A quarter, as f32.
    type Floats: Copy;

    /// Runs a task in a function that may use the instruction set.
    unsafe fn within<T: Task>(task: T);

    /// The same byte everywhere.
    unsafe fn splat(byte: u8) -> Self;
    /// `G` stretches of `count` bytes, each filling one of `G` parts of the vector: all of it where `FULL`.
    unsafe fn gather<const G: usize, const FULL: bool>(at: [*const u8; G], count: usize) -> Self;
    /// The opposite.
    unsafe fn scatter<const G: usize, const FULL: bool>(self, at: [*mut u8; G], count: usize);

    /// The quarters of four vectors, byte by byte.
    unsafe fn interleave(rows: [Self; 4]) -> [Self::Quads; 4];
    /// The quarters of words of 4 bytes, of which there are whole panels of 16, each going to `G` parts of the vectors;
    /// zeros past the last panel.
    unsafe fn spread<const G: usize>(words: *const [u8; 4], panels: usize) -> [Self; 4];
    /// Words of four i8 as weights.
    unsafe fn weights(self) -> Self::Weights;
    /// Words of four i8 less others, as weights. Where weights are not widened, the others are 0.
    #[inline(always)]
    unsafe fn weights_less(self, _zeros: Self) -> Self::Weights {
        // SAFETY: as the caller promises.
        unsafe { self.weights() }
    }
    /// sums + Σ quads·weights; of those of [`Lanes::shifted`].
    unsafe fn dot(sums: Self::Ints, quads: Self::Quads, weights: Self::Weights) -> Self::Ints;
    /// What sums begin with so that they are right when quads have been multiplied with these weights.
    #[inline(always)]
    unsafe fn shifted(sums: Self::Ints, _weights: Self::Weights) -> Self::Ints {
        sums
    }

    /// Words of 4 bytes shifted by `BYTES` towards the last.
    unsafe fn up<const BYTES: usize>(self) -> Self;
    /// Words of 4 bytes shifted by `BYTES` towards the first.
    unsafe fn down<const BYTES: usize>(self) -> Self;
    /// Bits of both.
    unsafe fn or(self, o: Self) -> Self;

    /// Words of 4 bytes as numbers.
    unsafe fn ints(self) -> Self::Ints;
    /// Words of 4 bytes as numbers.
    unsafe fn floats(self) -> Self::Floats;
    /// Bytes as numbers.
    unsafe fn widen(self) -> [Self::Ints; 4];
    /// The same number everywhere.
    unsafe fn splat_int(v: i32) -> Self::Ints;
    /// Sum, wrapping.
    unsafe fn add_int(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// Difference, wrapping.
    unsafe fn sub_int(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// Product, wrapping.
    unsafe fn mul_int(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    /// The greater of `a` and `low`, or `high` if that is less.
    unsafe fn clamp_int(a: Self::Ints, low: Self::Ints, high: Self::Ints) -> Self::Ints;
    /// The nearest f32, ties to even.
    unsafe fn to_float(a: Self::Ints) -> Self::Floats;
    /// The same number everywhere.
    unsafe fn splat_float(v: f32) -> Self::Floats;
    /// Sum.
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// Product.
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// Numbers that [`Lanes::round`] rounds to the same bytes: what is too great for an i32 becomes some great number, and
    /// NaN counts as the least.
    unsafe fn bounded(a: Self::Floats) -> Self::Floats;
    /// The nearest i32, ties to even, where there is one.
    unsafe fn round(a: Self::Floats) -> Self::Ints;

    /// Two quarters as i16, saturating.
    unsafe fn pack(a: Self::Ints, b: Self::Ints) -> Self;
    /// The sum with an i16, saturating.
    unsafe fn add_words(self, word: Self) -> Self;
    /// The same i16 everywhere.
    unsafe fn splat_word(word: i16) -> Self;
    /// Two pairs of quarters as bytes, saturating.
    unsafe fn pack_words(a: Self, b: Self) -> Self;
    /// The greater of each byte and `low`, or `high` if that is less.
    unsafe fn clamp(self, low: Self, high: Self) -> Self;
}
