//! Instruction sets, and which of them this processor has.

#[cfg(test)]
mod tests;

/// An instruction set that kernels are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Isa {
    /// Portable Rust: there on every processor, and the reference for all others.
    Generic = 0,
    /// x86-64 AVX2 with FMA.
    Avx2 = 1,
    /// x86-64 AVX-512 F, BW, VL and DQ.
    Avx512 = 2,
    /// AVX-512 with VNNI.
    Avx512Vnni = 3,
    /// AVX2 with VEX-encoded VNNI.
    AvxVnni = 4,
    /// aarch64 Advanced SIMD.
    Neon = 5,
    /// aarch64 with the dot-product instructions.
    NeonDot = 6,
    /// aarch64 with the 8-bit matrix instructions.
    NeonI8mm = 7,
    /// The DSP extension of Cortex-M (M4, M7, M33 and others): halfword products, which ARMv6 and ARMv7-A have as well.
    Dsp = 8,
    /// AVX-512 with VBMI.
    Avx512Vbmi = 9,
}

impl Isa {
    /// All of them.
    pub const ALL: [Isa; 10] = [
        Isa::Generic,
        Isa::Avx2,
        Isa::Avx512,
        Isa::Avx512Vbmi,
        Isa::Avx512Vnni,
        Isa::AvxVnni,
        Isa::Neon,
        Isa::NeonDot,
        Isa::NeonI8mm,
        Isa::Dsp,
    ];

    /// The name used in kernel names and by `COULTER_ISA`.
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Generic => "generic",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Avx512Vnni => "avx512vnni",
            Isa::AvxVnni => "avxvnni",
            Isa::Neon => "neon",
            Isa::NeonDot => "neondot",
            Isa::NeonI8mm => "neoni8mm",
            Isa::Dsp => "dsp",
            Isa::Avx512Vbmi => "avx512vbmi",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// What a processor limited to this instruction set has besides it.
    const fn implied(self) -> IsaSet {
        let below: &[Isa] = match self {
            Isa::Generic => &[],
            Isa::Avx2 | Isa::Neon | Isa::Dsp => &[Isa::Generic],
            Isa::Avx512 => &[Isa::Generic, Isa::Avx2],
            Isa::AvxVnni => &[Isa::Generic, Isa::Avx2],
            Isa::Avx512Vbmi => &[Isa::Generic, Isa::Avx2, Isa::Avx512],
            Isa::Avx512Vnni => &[Isa::Generic, Isa::Avx2, Isa::AvxVnni, Isa::Avx512, Isa::Avx512Vbmi],
            Isa::NeonDot => &[Isa::Generic, Isa::Neon],
            Isa::NeonI8mm => &[Isa::Generic, Isa::Neon, Isa::NeonDot],
        };
        let mut bits = 1 << self as u8;
        let mut i = 0;
        while i < below.len() {
            bits |= 1 << below[i] as u8;
            i += 1;
        }
        IsaSet(bits)
    }
}

/// A set of instruction sets that may be used. A set with more than [`Isa::Generic`] in it exists only where
/// the processor was asked, or where the build is for processors that have it, so that owning one proves that its
/// kernels can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IsaSet(u16);

impl IsaSet {
    /// Portable Rust alone.
    pub const GENERIC: IsaSet = IsaSet(1);

    /// What every processor has that this build can run on: all that is known without an operating system to ask. On 32-bit
    /// ARM that is [`Isa::Dsp`] where the feature `dsp` of this crate is on.
    pub const BUILT_FOR: IsaSet =
        if cfg!(all(target_arch = "arm", feature = "dsp")) { Isa::Dsp.implied() } else { Self::GENERIC };

    /// What this processor has.
    #[cfg(feature = "std")]
    pub fn detect() -> Self {
        #[allow(unused_mut, reason = "architectures without further instruction sets add nothing")]
        let mut set = Self::BUILT_FOR;
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") && has!("f16c") {
                set.0 |= 1 << Isa::Avx2 as u8;
                if has!("avxvnni") {
                    set.0 |= 1 << Isa::AvxVnni as u8;
                }
                if has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512dq") {
                    set.0 |= 1 << Isa::Avx512 as u8;
                    if has!("avx512vbmi") {
                        set.0 |= 1 << Isa::Avx512Vbmi as u8;
                    }
                    if has!("avx512vnni") {
                        set.0 |= 1 << Isa::Avx512Vnni as u8;
                    }
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            use std::arch::is_aarch64_feature_detected as has;
            set.0 |= 1 << Isa::Neon as u8;
            if has!("dotprod") {
                set.0 |= 1 << Isa::NeonDot as u8;
                if has!("i8mm") {
                    set.0 |= 1 << Isa::NeonI8mm as u8;
                }
            }
        }
        set
    }

    /// What is in this set and on a processor limited to `cap`.
    #[must_use]
    pub fn capped(self, cap: Isa) -> Self {
        Self(self.0 & cap.implied().0)
    }

    /// Whether `isa` may be used.
    pub const fn contains(self, isa: Isa) -> bool {
        self.0 & (1 << isa as u8) != 0
    }

    /// Its members, best last.
    pub fn iter(self) -> impl Iterator<Item = Isa> {
        Isa::ALL.into_iter().filter(move |&isa| self.contains(isa))
    }

    /// The greatest member: what the kernels chosen will mostly be.
    pub fn best(self) -> Isa {
        self.iter().last().unwrap_or(Isa::Generic)
    }
}

/// Declares a family's kernel table, best first: `kernels! { [cfg…] module; … }` declares each module and
/// collects its `KERNEL` constants into `KERNELS`. Tests and benches walk the same table.
#[macro_export]
macro_rules! kernels {
    ($type:ty: $($(#[$meta:meta])* $module:ident;)*) => {
        $($(#[$meta])* mod $module;)*
        /// Every kernel of the family that this build has, best first.
        pub static KERNELS: &[&$type] = &[$($(#[$meta])* &$module::KERNEL,)*];
        /// The best kernel that `isas` allows.
        pub fn select(isas: $crate::IsaSet) -> &'static $type {
            KERNELS.iter().find(|k| isas.contains(k.isa)).copied().unwrap_or(&generic::KERNEL)
        }
    };
}
