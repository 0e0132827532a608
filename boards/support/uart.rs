//! Lines to the host.

/// A CMSDK UART (Arm, Cortex-M System Design Kit): data, state, control and baud rate divider.
#[repr(C)]
struct Registers {
    data: u32,
    state: u32,
    control: u32,
    interrupt: u32,
    divider: u32,
}

/// Its transmitter.
#[derive(Clone, Copy)]
pub struct Uart(*mut Registers);

/// State: the transmitter has no room.
const FULL: u32 = 1;
/// Control: the transmitter is on.
const TRANSMIT: u32 = 1;
/// The least divider that the hardware takes.
const FASTEST: u32 = 16;

impl Uart {
    /// Switches it on.
    ///
    /// # Safety
    /// There is such a UART at the address.
    pub unsafe fn new(address: usize) -> Self {
        let registers = address as *mut Registers;
        // SAFETY: as the caller promises.
        unsafe {
            (&raw mut (*registers).divider).write_volatile(FASTEST);
            (&raw mut (*registers).control).write_volatile(TRANSMIT);
        }
        Self(registers)
    }

    fn byte(self, byte: u8) {
        // SAFETY: whoever made it has promised that the registers are there.
        unsafe {
            while (&raw const (*self.0).state).read_volatile() & FULL != 0 {}
            (&raw mut (*self.0).data).write_volatile(byte.into());
        }
    }

    /// A line of a word and a number.
    #[inline(never)]
    pub fn number(self, word: &str, number: usize) {
        self.line(word, &(number as u32).to_be_bytes());
    }

    /// A line of a word and bytes in hexadecimal.
    #[inline(never)]
    pub fn line(self, word: &str, bytes: &[u8]) {
        word.bytes().for_each(|byte| self.byte(byte));
        self.byte(b' ');
        for byte in bytes {
            for digit in [byte >> 4, byte & 15] {
                self.byte(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit });
            }
        }
        self.byte(b'\n');
    }
}
