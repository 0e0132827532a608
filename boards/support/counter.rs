//! Counts time by SysTick: with QEMU's `-icount shift=0`, an instruction takes a nanosecond.

const CONTROL: *mut u32 = 0xe000_e010 as *mut u32;
const RELOAD: *mut u32 = 0xe000_e014 as *mut u32;
const CURRENT: *mut u32 = 0xe000_e018 as *mut u32;
/// Control: counts the processor's clock.
const RUNS: u32 = 0b101;
/// Control: it has passed zero since it was last asked.
const WRAPPED: u32 = 1 << 16;
/// It counts down from here.
const FROM: u32 = 0x00ff_ffff;

/// Ticks of the processor's clock that `work` takes, and what it gives; 0 where the counter, of 24 bits, was too short.
pub fn ticks<T>(work: impl FnOnce() -> T) -> (usize, T) {
    // SAFETY: every Cortex-M has these registers at these addresses; nothing else here uses them.
    unsafe {
        RELOAD.write_volatile(FROM);
        CURRENT.write_volatile(0);
        CONTROL.write_volatile(RUNS);
        // The first tick reloads it, and is no wrap.
        while CURRENT.read_volatile() == 0 {}
        CONTROL.read_volatile();
        let before = CURRENT.read_volatile();
        let done = work();
        let after = CURRENT.read_volatile();
        let wrapped = CONTROL.read_volatile() & WRAPPED != 0;
        (if wrapped { 0 } else { (before - after) as usize }, done)
    }
}
