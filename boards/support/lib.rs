//! What the firmware of all boards has in common: it proves its plan, runs samples, and tells what that took.
//!
//! Lines of a word and numbers go over the first UART; what they mean stands at [`run`]. Samples come from the host, through
//! semihosting, and so does the exit status: boards without a debugger need neither to run a plan.
#![no_std]

mod counter;
mod panics;
mod run;
mod semihosting;
mod stack;
mod uart;

use coulter_exec::Resolver;

pub use cortex_m_rt::entry;
pub use run::run;

/// The whole firmware of a [`Board`]: the plan that its build script brought in, memory for it, and [`run`].
#[macro_export]
macro_rules! firmware {
    ($board:expr) => {
        #[allow(dead_code, reason = "a firmware needs few of the constants")]
        mod model {
            include!(concat!(env!("OUT_DIR"), "/model.rs"));
        }

        static PLAN: $crate::Aligned<[u8; model::PLAN_BYTES]> =
            $crate::Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/model.plan")));

        #[$crate::entry]
        fn main() -> ! {
            static mut MEMORY: $crate::Aligned<[u8; model::MEMORY_BYTES]> = $crate::Aligned([0; model::MEMORY_BYTES]);
            $crate::run(&$board, $crate::Image { plan: &PLAN.0, memory: &mut MEMORY.0, resolver: model::RESOLVER })
        }
    };
}

/// Where things are on a board.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// Address of a CMSDK UART.
    pub uart: usize,
}

/// What a firmware runs.
pub struct Image {
    /// The plan, in flash.
    pub plan: &'static [u8],
    /// Arena and state.
    pub memory: &'static mut [u8],
    /// The operators that the plan needs.
    pub resolver: Resolver,
}

/// Aligned as plans and arenas have to be.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Aligned<T>(pub T);

const _: () = assert!(align_of::<Aligned<u8>>() == coulter_plan::format::ALIGN);
