//! From reset to the end.

use coulter_exec::{Session, SessionOptions, verify};
use coulter_kernels::IsaSet;

use crate::counter::ticks;
use crate::semihosting::{self, File};
use crate::stack::Stack;
use crate::uart::Uart;
use crate::{Board, Image};

/// Bytes of all inputs of all samples, one after another, in the folder of whoever runs the emulator.
const SAMPLES: &core::ffi::CStr = c"samples.bin";

/// Exit status of a plan that could not be run, or has another answer than its golden one.
const FAILED: u32 = 1;

/// Validates the plan, binds it, replays its golden vectors, and runs the samples that the host has.
///
/// Numbers are hexadecimal, bytes as they lie in memory. `stack_parse`, `stack_bind` and `stack_run` tell how deep the stack
/// was, in bytes, down to the end of what they name; `golden` how many cases were right; `ticks` what each run of a sample
/// took, at 25 MHz; `output` the bytes of each output. The last line is `done`, or `failed` and what.
pub fn run(board: &Board, image: Image) -> ! {
    // SAFETY: the board has one there.
    let out = unsafe { Uart::new(board.uart) };
    match work(out, image) {
        Ok(()) => {
            out.number("done", 0);
            semihosting::exit(0)
        }
        Err(what) => {
            out.number("failed", what as usize);
            semihosting::exit(FAILED)
        }
    }
}

/// What failed.
#[derive(Clone, Copy)]
enum Failure {
    /// The plan is not valid.
    Plan = 1,
    /// It does not fit the memory or the operators.
    Bind = 2,
    /// A run failed.
    Run = 3,
    /// An output is not the golden one.
    Golden = 4,
}

fn work(out: Uart, image: Image) -> Result<(), Failure> {
    out.number("memory", image.memory.len());
    let stack = Stack::paint();
    let plan = image.resolver.parse(image.plan).map_err(|_| Failure::Plan)?;
    out.number("stack_parse", stack.used());

    let stack = Stack::paint();
    let options = SessionOptions { isas: IsaSet::BUILT_FOR, ..SessionOptions::new(image.resolver) };
    let mut session = Session::bind(plan, image.memory, options).map_err(|_| Failure::Bind)?;
    out.number("stack_bind", stack.used());

    let stack = Stack::paint();
    for case in 0..plan.golden_count() {
        if verify::golden_exact(&mut session, case).map_err(|_| Failure::Run)?.is_some() {
            return Err(Failure::Golden);
        }
    }
    out.number("golden", plan.golden_count());
    samples(out, &mut session)?;
    out.number("stack_run", stack.used());
    Ok(())
}

fn samples(out: Uart, session: &mut Session<'_>) -> Result<(), Failure> {
    let Some(file) = File::open(SAMPLES) else { return Ok(()) };
    loop {
        let mut input = 0;
        while let Some(bytes) = session.try_input_mut(input) {
            if !file.read(bytes) {
                return Ok(());
            }
            input += 1;
        }
        let (ticks, run) = ticks(|| session.run());
        run.map_err(|_| Failure::Run)?;
        out.number("ticks", ticks);
        let mut output = 0;
        while let Some(bytes) = session.try_output(output) {
            out.line("output", bytes);
            output += 1;
        }
    }
}
