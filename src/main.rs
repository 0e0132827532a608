//! The command line: see the crate `coulter-cli`.

#[global_allocator]
static ALLOCATOR: coulter_cli::allocations::CountingAllocator = coulter_cli::allocations::CountingAllocator;

fn main() -> std::process::ExitCode {
    coulter_cli::main()
}
