//! How kernels split their work.

/// Runs tasks side by side. Implementations may run them in any order and on any thread; kernels split their
/// work so that results do not depend on it.
pub trait Parallel: Sync {
    /// How many tasks can run at the same time.
    fn threads(&self) -> usize;

    /// Calls `task(0)`, …, `task(tasks − 1)`, and returns when all have returned.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// Everything on the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct SingleThread;

impl Parallel for SingleThread {
    fn threads(&self) -> usize {
        1
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}

/// The share of `0..len` that falls to `task` of `tasks`, in multiples of `unit`.
pub fn share(len: usize, unit: usize, task: usize, tasks: usize) -> core::ops::Range<usize> {
    let units = len.div_ceil(unit);
    let at = |t: usize| (units * t / tasks * unit).min(len);
    at(task)..at(task + 1)
}

/// Elementary operations below which work is not worth a second thread.
const LEAST_WORK: usize = 1 << 16;

/// Into how many tasks to split `rows`, and `columns` where the rows are too few, of so much `work`.
pub(crate) fn grid(rows: usize, columns: usize, work: usize, threads: usize) -> (usize, usize) {
    if threads == 1 || work < LEAST_WORK || rows == 0 {
        return (1, 1);
    }
    // Twice as many as threads: one that is held up leaves some to the others.
    let wanted = 2 * threads;
    let row_tasks = rows.min(wanted);
    (row_tasks, (wanted / row_tasks).min(columns))
}

/// Claims threads and runs the tasks last to first: what depends on their order or number shows.
#[cfg(test)]
pub(crate) struct Backwards(pub(crate) usize);

#[cfg(test)]
impl Parallel for Backwards {
    fn threads(&self) -> usize {
        self.0
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).rev().for_each(task);
    }
}
