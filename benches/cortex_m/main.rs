//! Runs one layer by one kernel, so that an emulator can count its instructions: code for Cortex-M, started as a Linux
//! program. What a run costs is the difference of two numbers of runs:
//!
//!     cargo build --release --target thumbv7em-none-eabihf        (with `-Zbuild-std=core` where there is no such library)
//!     qemu-arm -cpu max -plugin libinstructions.so -d plugin cortex-m-counts generic pointwise64 11
//!
//! `libinstructions.so` is made from ../instructions.c.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::ffi::{CStr, c_char};

use coulter_kernels::requantize::{Epilogue, Requantize};
use coulter_kernels::window::Axis;
use coulter_kernels::{Isa, IsaSet, Rows, RowsMut, SingleThread, conv_i8, depthwise_i8, gemm_i8, table};

global_asm!(".globl _start", ".thumb_func", "_start:", "mov r0, sp", "bl main");

/// Bytes of each operand.
const ROOM: usize = 64 * 1024;

static X: [u8; ROOM] = [77; ROOM];
static W: [i8; ROOM] = [-3; ROOM];
static BIAS: [i32; 256] = [1000; 256];
static MULTIPLIER: [f32; 256] = [0.001; 256];

/// A square image, or one of other sizes.
struct Layer {
    name: &'static str,
    /// Height and width of the input.
    input: [usize; 2],
    kernel: [usize; 2],
    stride: usize,
    channels: usize,
    /// 0 for a depthwise one.
    outputs: usize,
}

const LAYERS: [Layer; 9] = [
    Layer { name: "pointwise64", input: [8, 8], kernel: [1, 1], stride: 1, channels: 64, outputs: 64 },
    Layer { name: "pointwise8", input: [24, 24], kernel: [1, 1], stride: 1, channels: 8, outputs: 16 },
    Layer { name: "depthwise64", input: [25, 5], kernel: [3, 3], stride: 1, channels: 64, outputs: 0 },
    Layer { name: "depthwise8", input: [48, 48], kernel: [3, 3], stride: 1, channels: 8, outputs: 0 },
    Layer { name: "conv16", input: [32, 32], kernel: [3, 3], stride: 1, channels: 16, outputs: 16 },
    Layer { name: "conv64", input: [8, 8], kernel: [3, 3], stride: 1, channels: 64, outputs: 64 },
    Layer { name: "image", input: [96, 96], kernel: [3, 3], stride: 2, channels: 3, outputs: 8 },
    Layer { name: "keyword", input: [49, 10], kernel: [10, 4], stride: 2, channels: 1, outputs: 64 },
    Layer { name: "connected", input: [1, 1], kernel: [1, 1], stride: 1, channels: 128, outputs: 128 },
];

fn axis(input: usize, kernel: usize, stride: usize) -> Axis {
    let output = input.div_ceil(stride);
    let pad = ((output - 1) * stride + kernel).saturating_sub(input) / 2;
    Axis { input, output, kernel, stride, dilation: 1, pad }
}

impl Layer {
    /// Runs it; gives the number of its multiplications.
    fn run(&self, isas: IsaSet, y: &mut [u8]) -> usize {
        let vertical = axis(self.input[0], self.kernel[0], self.stride);
        let horizontal = axis(self.input[1], self.kernel[1], self.stride);
        let pixels = vertical.output * horizontal.output;
        let inputs = self.input[0] * self.input[1];
        let x = Rows::of(&X[..inputs * self.channels], inputs, self.channels, self.channels);
        let epilogue = Epilogue {
            bias: &BIAS,
            multiplier: &MULTIPLIER,
            requantize: Requantize { zero: 0, low: 0, high: 255 },
            residual: None,
            table: None,
            look_up: table::select(isas),
        };
        let taps = self.kernel[0] * self.kernel[1];
        if self.outputs == 0 {
            let channels = self.channels;
            let shape = depthwise_i8::Shape { batch: 1, vertical, horizontal, channels };
            let quads = self.kernel[0].div_ceil(depthwise_i8::QUAD) * self.kernel[1] * depthwise_i8::QUAD;
            let weights = &W[..quads * channels.next_multiple_of(depthwise_i8::PANEL)];
            let y = RowsMut::of(&mut y[..pixels * channels], pixels, channels, channels);
            let operands = depthwise_i8::Operands { x, x_zero: 0, weights, w_zero: 0, epilogue, y };
            depthwise_i8::select(isas).apply(&shape, &operands, &SingleThread);
            return pixels * taps * channels;
        }
        let (channels, outputs) = (self.channels, self.outputs);
        let shape = conv_i8::Shape { batch: 1, vertical, horizontal, channels, outputs, groups: 1 };
        let mut y = RowsMut::of(&mut y[..pixels * outputs], pixels, outputs, outputs);
        let conv = conv_i8::Conv { shape, x, x_zero: 7, w: &W, w_zero: 0, epilogue };
        conv.run(gemm_i8::select(isas), &mut y, &SingleThread);
        pixels * taps * channels * outputs
    }
}

/// Arguments: a kernel's instruction set, a layer's name, how often.
// SAFETY: nothing else of this program has the name, under which `_start` calls it.
#[unsafe(no_mangle)]
extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: a Linux program begins with the number of its arguments on the stack and pointers to them.
    let argument = |i: usize| unsafe { CStr::from_ptr(stack.add(1 + i).cast::<*const c_char>().read()) };
    let isas = if argument(1) == c"dsp" { IsaSet::BUILT_FOR } else { IsaSet::BUILT_FOR.capped(Isa::Generic) };
    let named = |layer: &&Layer| layer.name.as_bytes() == argument(2).to_bytes();
    let times = argument(3).to_bytes().iter().fold(0, |n, digit| n * 10 + usize::from(digit - b'0'));
    static mut Y: [u8; ROOM] = [0; ROOM];
    // SAFETY: nothing else refers to it.
    let y = unsafe { &mut *(&raw mut Y) };
    let Some(layer) = LAYERS.iter().find(named) else { exit(2) };
    let mut done = 0;
    for _ in 0..times {
        done += layer.run(isas, y);
    }
    exit(if done > 0 { 0 } else { 1 })
}

fn exit(status: i32) -> ! {
    // SAFETY: Linux's call to end.
    unsafe { asm!("mov r7, #1", "svc 0", in("r0") status, options(noreturn)) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(3)
}
