//! The runtime alone: run, bench, inspect and verify plans. Built without default features it links no compiler.

#[global_allocator]
static ALLOCATOR: coulter_cli::allocations::CountingAllocator = coulter_cli::allocations::CountingAllocator;

fn main() -> std::process::ExitCode {
    coulter_cli::main()
}
