//! Threads that read files: a few at a time, none while there is nothing to read, and never one that others wait for.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Work that is done in the order in which it comes, by threads that end with the last of it.
#[derive(Clone, Default)]
pub(super) struct Readers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    ended: Condvar,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
}

/// It must not panic.
type Job = Box<dyn FnOnce() + Send>;

impl Readers {
    /// Has `job` done: by another thread, or here if the system gives none.
    pub(super) fn submit(&self, job: Job) {
        {
            let mut queue = self.queue();
            queue.jobs.push_back(job);
            if queue.threads >= MAX_THREADS {
                return;
            }
            queue.threads += 1;
        }
        let readers = self.clone();
        let spawned = thread::Builder::new().name("uptls-watch-read".to_owned()).spawn(move || readers.work());
        if spawned.is_err() {
            self.work();
        }
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    /// Never one of shuttle's: the threads here are real.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        let job = queue.jobs.pop_front();
        if job.is_none() {
            queue.threads -= 1;
            self.0.ended.notify_all();
        }
        job
    }

    /// Forgets what has not begun, and waits for the rest, `limit` at most.
    pub(super) fn end(&self, limit: Duration) {
        self.queue().jobs.clear();
        self.settle(limit);
    }

    /// Waits until all is done, `limit` at most.
    pub(super) fn settle(&self, limit: Duration) {
        let queue = self.queue();
        let waited = self.0.ended.wait_timeout_while(queue, limit, |queue| queue.threads > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// How many sources of one watch can wait for their storage before others do.
const MAX_THREADS: usize = 16;
