//! A pool of worker threads.
//!
//! The caller of [`ThreadPool::run`] puts a `Job` on its own stack, publishes its address and works through it
//! like every worker: whoever adds to the job's counter gets the next task. A worker enters a job by counting itself
//! in, in the same word that tells whether the job is open; the caller returns only when the job is closed and
//! everyone has left it, so that workers that are late find nothing and nobody waits for them.

use core::any::Any;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::boxed::Box;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::vec::Vec;

use coulter_kernels::Parallel;

#[cfg(test)]
mod tests;

/// Turns of a loop that waits before it gives the processor away: some tens of microseconds.
const SPINS: u32 = 2_000;

/// Threads that run the tasks of kernels, the caller's being one of them.
///
/// Workers wait for the next job in a loop for some microseconds, then sleep. Handing out work allocates nothing. A
/// call from inside a task, or while another thread's call is under way, runs its tasks on the calling thread. Where
/// tasks panic, the first one's panic goes on in the caller, after the threads have left the job; of the other
/// tasks some may not have run.
#[derive(Debug)]
pub struct ThreadPool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What the caller and the workers look at.
#[derive(Debug, Default)]
struct Shared {
    /// [`OPEN`] while there is a job to enter; how many workers are in it; above that its number.
    state: AtomicU64,
    /// The job, valid for those who have entered it.
    job: AtomicPtr<Job<'static>>,
    /// Whether a call is under way.
    busy: AtomicBool,
    stop: AtomicBool,
    /// Workers that sleep or are about to.
    sleeping: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
}

const OPEN: u64 = 1;
/// One worker in the job.
const WORKER: u64 = 1 << 1;
const WORKERS: u64 = NUMBER - WORKER;
/// One in the number of the job.
const NUMBER: u64 = 1 << 32;

/// Tasks to be done.
struct Job<'a> {
    task: &'a (dyn Fn(usize) + Sync),
    tasks: usize,
    next: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Job<'_> {
    /// Runs tasks until there are none left. Does not unwind.
    fn work(&self) {
        let run = || {
            loop {
                let task = self.next.fetch_add(1, Ordering::Relaxed);
                if task >= self.tasks {
                    break;
                }
                (self.task)(task);
            }
        };
        // Whoever sees the panic sees nothing of the task's but the panic: it goes on in the caller.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
            self.next.store(self.tasks, Ordering::Relaxed);
            let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
            match *first {
                None => *first = Some(payload),
                // Dropping it could panic, and nothing may unwind from here.
                Some(_) => core::mem::forget(payload),
            }
        }
    }
}

impl ThreadPool {
    /// Starts `threads` − 1 workers; with the caller they are `threads`, at least 1.
    ///
    /// # Errors
    /// What the system says when it cannot start a thread.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let mut pool = Self { shared: Arc::default(), workers: Vec::new() };
        for _ in 1..threads.min(WORKERS as usize) {
            let shared = Arc::clone(&pool.shared);
            let worker = thread::Builder::new().name("coulter-worker".into()).spawn(move || shared.serve())?;
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    fn run_together(&self, job: &Job<'_>) {
        self.shared.open(job);
        job.work();
        self.shared.close();
    }
}

impl Parallel for ThreadPool {
    fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let alone = tasks <= 1 || self.workers.is_empty();
        if alone || self.shared.busy.swap(true, Ordering::Acquire) {
            return (0..tasks).for_each(task);
        }
        let job = Job { task, tasks, next: AtomicUsize::new(0), panic: Mutex::new(None) };
        self.run_together(&job);
        self.shared.busy.store(false, Ordering::Release);
        if let Some(payload) = job.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(payload);
        }
    }
}

impl Drop for ThreadPool {
    /// Waits for the workers to end.
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.wake_sleepers();
        for worker in self.workers.drain(..) {
            // Panics of tasks were caught; one of the worker's own would have nobody left to tell.
            let _ = worker.join();
        }
    }
}

impl Shared {
    /// Lets workers enter `job`. The caller must call [`Shared::close`] before the job ends.
    fn open(&self, job: &Job<'_>) {
        let job: *const Job<'_> = job;
        self.job.store(job.cast::<Job<'static>>().cast_mut(), Ordering::Relaxed);
        // Sequentially consistent, as is the worker's announcement that it will sleep: one of the two sees the other.
        self.state.fetch_add(NUMBER + OPEN, Ordering::SeqCst);
        if self.sleeping.load(Ordering::SeqCst) > 0 {
            self.wake_sleepers();
        }
    }

    /// Lets no more workers enter, and waits until all have left.
    fn close(&self) {
        let mut state = self.state.fetch_and(!OPEN, Ordering::Acquire);
        let mut turns = 0;
        while state & WORKERS != 0 {
            pause(&mut turns);
            state = self.state.load(Ordering::Acquire);
        }
    }

    fn wake_sleepers(&self) {
        // A worker that has announced its sleep but not begun it holds the lock.
        drop(self.sleep.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_all();
    }

    /// A worker's life.
    fn serve(&self) {
        let mut seen = 0;
        loop {
            let Some(number) = self.enter(seen) else { return };
            self.job().work();
            self.state.fetch_sub(WORKER, Ordering::Release);
            seen = number;
        }
    }

    /// Waits for a job other than number `seen` and enters it; none when the pool ends.
    fn enter(&self, seen: u64) -> Option<u64> {
        let is_new = |state: u64| state & OPEN != 0 && state / NUMBER != seen;
        let mut turns = 0;
        loop {
            let state = self.state.load(Ordering::Relaxed);
            if is_new(state) {
                let entered = state + WORKER;
                if self.state.compare_exchange(state, entered, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                    return Some(state / NUMBER);
                }
            } else if self.stop.load(Ordering::Relaxed) {
                return None;
            } else if turns < SPINS {
                turns += 1;
                core::hint::spin_loop();
            } else {
                self.sleep_unless(is_new);
                turns = 0;
            }
        }
    }

    /// Sleeps until woken, unless there is already something to do.
    fn sleep_unless(&self, is_new: impl Fn(u64) -> bool) {
        let guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        if !is_new(self.state.load(Ordering::SeqCst)) && !self.stop.load(Ordering::SeqCst) {
            drop(self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner));
        }
        self.sleeping.fetch_sub(1, Ordering::SeqCst);
    }

    /// The job that the calling worker has entered.
    #[allow(unsafe_code, reason = "a job is borrowed for as long as workers are in it, which no lifetime can say")]
    fn job(&self) -> &Job<'_> {
        // SAFETY: the caller has counted itself into `state` while the job was open, and `close` does not return
        // before it has counted itself out; until then the job lives on the stack of the thread that called `open`.
        unsafe { &*self.job.load(Ordering::Relaxed) }
    }
}

/// Waits a little: first in a loop, then by letting other threads run.
fn pause(turns: &mut u32) {
    if *turns < SPINS {
        *turns += 1;
        core::hint::spin_loop();
    } else {
        thread::yield_now();
    }
}
