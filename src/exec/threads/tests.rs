use core::sync::atomic::{AtomicUsize, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use std::vec::Vec;
use std::{thread, vec};

use coulter_kernels::{IsaSet, Parallel, SingleThread};
use coulter_plan::ops::pool2d::{Kind, Params};
use coulter_plan::{Activation, DType};
use coulter_testkit::rng::Rng;

use super::ThreadPool;
use crate::testing::Draft;

fn pool(threads: usize) -> ThreadPool {
    ThreadPool::new(threads).expect("threads")
}

fn counters(n: usize) -> Vec<AtomicUsize> {
    (0..n).map(|_| AtomicUsize::new(0)).collect()
}

fn counts(counters: &[AtomicUsize]) -> Vec<usize> {
    counters.iter().map(|c| c.load(Ordering::Relaxed)).collect()
}

#[test]
fn every_task_runs_once() {
    for threads in [0, 1, 2, 3, 8] {
        let pool = pool(threads);
        assert_eq!(pool.threads(), threads.max(1));
        for tasks in [0, 1, 2, 3, 7, 100] {
            let done = counters(tasks);
            pool.run(tasks, &|i| {
                done[i].fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(counts(&done), vec![1; tasks]);
        }
    }
}

/// Thousands of jobs, with pauses after which the workers sleep, and tasks that differ in length.
#[test]
fn jobs_in_quick_and_slow_succession() {
    let pool = pool(4);
    let sum = AtomicUsize::new(0);
    for round in 0..5_000usize {
        pool.run(9, &|i| {
            (0..(i * round) % 50).for_each(|_| core::hint::spin_loop());
            sum.fetch_add(i, Ordering::Relaxed);
        });
        if round % 500 == 0 {
            thread::sleep(Duration::from_millis(2));
        }
    }
    assert_eq!(sum.into_inner(), 5_000 * 36);
}

#[test]
fn calls_inside_tasks_and_from_other_threads_run() {
    let pool = pool(3);
    let sum = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..300 {
                    pool.run(5, &|_| {
                        pool.run(3, &|i| {
                            sum.fetch_add(i, Ordering::Relaxed);
                        });
                    });
                }
            });
        }
    });
    assert_eq!(sum.into_inner(), 4 * 300 * 5 * 3);
}

#[test]
fn workers_take_part() {
    let pool = pool(2);
    let arrived = AtomicUsize::new(0);
    // Neither task ends before the other has begun.
    pool.run(2, &|_| {
        arrived.fetch_add(1, Ordering::SeqCst);
        let begin = Instant::now();
        while arrived.load(Ordering::SeqCst) < 2 {
            assert!(begin.elapsed() < Duration::from_secs(60), "no second thread came");
            thread::yield_now();
        }
    });
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
    let pool = pool(3);
    for bad in 0..20usize {
        let run = || {
            pool.run(20, &|i| {
                assert!(i != bad, "task {i}");
                thread::yield_now();
            });
        };
        let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("the task's panic");
        assert_eq!(
            payload.downcast_ref::<std::string::String>().map(|s| s.as_str()),
            Some(&*std::format!("task {bad}"))
        );
        let done = counters(10);
        pool.run(10, &|i| {
            done[i].fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(counts(&done), [1; 10]);
    }
}

#[test]
fn a_pool_ends_while_its_workers_sleep_or_wait() {
    for pause in [0, 0, 0, 5] {
        let pool = pool(4);
        pool.run(4, &|_| {});
        thread::sleep(Duration::from_millis(pause));
    }
}

#[test]
fn a_step_gives_the_same_bits_on_any_number_of_threads() {
    let x = Rng::new(1).f32s(40 * 40 * 48);
    let average = Params {
        kind: Kind::Average,
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [1; 4],
        ceil: false,
        activation: Activation::RELU,
    };
    let run = |parallel: &dyn Parallel| {
        let mut d = Draft::new();
        let (x, y) = (d.f32(&[1, 40, 40, 48], &x), d.room(DType::F32, &[1, 40, 40, 48]));
        d.step(&average, &[Some(x)], &[Some(y)]);
        d.run(IsaSet::detect(), parallel).bytes(y).to_vec()
    };
    let alone = run(&SingleThread);
    for threads in 2..6 {
        let pool = pool(threads);
        assert!((0..10).all(|_| run(&pool) == alone), "{threads} threads");
    }
}
