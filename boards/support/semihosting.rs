//! Asks the host, which runs the emulator or the debugger (Arm's semihosting for M-profile cores).

use core::arch::asm;

const SYS_OPEN: usize = 0x01;
const SYS_READ: usize = 0x06;
const SYS_EXIT_EXTENDED: usize = 0x20;
/// The reason of an exit that the program wanted.
const APPLICATION_EXIT: usize = 0x20026;
/// `SYS_OPEN`'s "rb".
const READ_BINARY: usize = 1;

/// Does what `operation` names, with a block of arguments.
///
/// # Safety
/// The block is what the operation expects, and buffers that it points to are writable.
unsafe fn call(operation: usize, block: &[usize]) -> usize {
    let mut r0 = operation;
    // SAFETY: the host reads the block, and writes what the caller has promised to be writable.
    unsafe { asm!("bkpt 0xab", inout("r0") r0, in("r1") block.as_ptr(), options(nostack)) };
    r0
}

/// Ends the program.
pub fn exit(status: u32) -> ! {
    loop {
        // SAFETY: a reason and a status, no buffer.
        unsafe { call(SYS_EXIT_EXTENDED, &[APPLICATION_EXIT, status as usize]) };
    }
}

/// A file of the host's.
pub struct File(usize);

impl File {
    /// Opens a file for reading, if it is there. The name ends with a zero.
    pub fn open(name: &'static core::ffi::CStr) -> Option<Self> {
        // SAFETY: a name, its length without the zero, and how to open.
        let handle = unsafe { call(SYS_OPEN, &[name.as_ptr() as usize, READ_BINARY, name.count_bytes()]) };
        (handle != usize::MAX).then_some(Self(handle))
    }

    /// Fills `buffer`; `false` where the file ends before.
    pub fn read(&self, buffer: &mut [u8]) -> bool {
        // SAFETY: the buffer is borrowed mutably, and so long. The host tells how many bytes it did not read.
        unsafe { call(SYS_READ, &[self.0, buffer.as_mut_ptr() as usize, buffer.len()]) == 0 }
    }
}
