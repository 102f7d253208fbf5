//! The thread of a watch: it sleeps until a source is due, and has others read the files.

use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use super::arming::Arming;
use super::followed::Followed;
use super::job::Done;
use super::readers::Readers;
use super::schedule::Schedule;
use super::{Notifier, Signal, WatchState};
use crate::sync::Mutex;

pub(super) struct Watcher {
    arming: Arming,
    readers: Readers,
    schedule: Schedule,
    signals: Sender<Signal>,
}

impl Watcher {
    pub(super) fn new(
        sources: impl IntoIterator<Item = Followed>,
        notifier: Box<dyn Notifier>,
        signals: Sender<Signal>,
        state: Arc<Mutex<WatchState>>,
    ) -> Self {
        let mut schedule = Schedule::default();
        let now = Instant::now();
        sources.into_iter().enumerate().for_each(|(id, source)| schedule.add(id, source, now));
        Self { arming: Arming::new(notifier, state), readers: Readers::default(), schedule, signals }
    }

    pub(super) fn run(&mut self, woken: &Receiver<Signal>) {
        self.read_what_is_due();
        // A watch that is ended at once has read its files once.
        self.readers.settle(FAREWELL);
        while self.listen(woken) {
            self.read_what_is_due();
        }
        self.schedule.stop();
        self.readers.end(FAREWELL);
    }

    fn read_what_is_due(&mut self) {
        for job in self.schedule.take_due(Instant::now()) {
            let (arming, signals) = (self.arming.clone(), self.signals.clone());
            self.readers.submit(Box::new(move || {
                let done = job.run(&mut |ids, directories| arming.arm(ids, directories));
                // It fails only once the watch has ended.
                let _ = signals.send(Signal::Read(Box::new(done)));
            }));
        }
    }

    /// Sleeps until a source is due, and takes in all that was said until then; `false`: the end.
    fn listen(&mut self, woken: &Receiver<Signal>) -> bool {
        let now = Instant::now();
        let due = self.schedule.next().unwrap_or(now + IDLE);
        let mut next = match woken.recv_timeout(due.saturating_duration_since(now)) {
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return false,
            Ok(signal) => Some(signal),
        };
        for _ in 0..BURST {
            match next {
                None => break,
                Some(Signal::Stop) => return false,
                Some(signal) => self.hear(signal),
            }
            next = woken.try_recv().ok();
        }
        // The last of a burst.
        let is_end = matches!(next, Some(Signal::Stop));
        next.into_iter().for_each(|signal| self.hear(signal));
        !is_end
    }

    fn hear(&mut self, signal: Signal) {
        let now = Instant::now();
        match signal {
            Signal::Add(id, source) => self.schedule.add(id, source, now),
            Signal::Changed(paths, writer) => paths.iter().for_each(|path| self.schedule.hear(path, writer, now)),
            Signal::Read(done) => self.take_back(*done, now),
            Signal::Remove(id) => {
                if self.schedule.remove(id) {
                    self.arming.forget(vec![id]);
                }
            }
            Signal::Rescan => self.schedule.rescan(now),
            Signal::Stop => {}
        }
    }

    fn take_back(&mut self, done: Done, now: Instant) {
        // What was removed while it was read may have asked for events meanwhile.
        let removed = self.schedule.give_back(done, now);
        self.arming.forget(removed);
    }
}

/// How many signals are taken in before anything is read.
const BURST: usize = 10_000;
const IDLE: Duration = Duration::from_secs(10);
/// How long the end of a watch waits for those who read.
const FAREWELL: Duration = Duration::from_secs(1);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::Ordering;
    use std::sync::mpsc::channel;

    use super::super::schedule::MAX_HEARD;
    use super::super::tests::{Lines, Watched, write};
    use super::super::{Silence, Writer};
    use super::*;
    use crate::rotate::watch::job::Job;

    fn watcher(watched: &Watched) -> Watcher {
        let state = Arc::new(Mutex::new(WatchState::Events));
        Watcher::new([watched.source().into()], Box::new(Silence), channel().0, state)
    }

    /// The job of the one source of `watcher`, which is due.
    fn job(watcher: &mut Watcher) -> Job {
        let due = watcher.schedule.next().unwrap();
        let mut jobs = watcher.schedule.take_due(due);
        assert_eq!((jobs.len(), watcher.schedule.next()), (1, None));
        jobs.remove(0)
    }

    fn run(job: Job) -> Done {
        job.run(&mut |_, _| {})
    }

    /// When the source of `done` is due again.
    fn give_back(watcher: &mut Watcher, done: Done) -> Instant {
        watcher.hear(Signal::Read(Box::new(done)));
        watcher.schedule.next().unwrap()
    }

    #[test]
    fn what_changes_while_a_source_is_read_is_read_again_and_its_writer_is_waited_for() {
        let watched = Watched::new();
        let mut watcher = watcher(&watched);
        let done = run(job(&mut watcher));
        let path = watched.folder.path().join("ca.crt");
        watcher.hear(Signal::Changed(vec![path.clone()], Writer::Busy));
        write(watched.folder.path(), "two");
        assert!(give_back(&mut watcher, done) < Instant::now() + IDLE / 2);
        let done = run(job(&mut watcher));
        assert_eq!(watched.generation(), 1, "its writer is busy");
        watcher.hear(Signal::Changed(vec![path], Writer::Done));
        assert!(give_back(&mut watcher, done) < Instant::now() + IDLE / 2);
        run(job(&mut watcher));
        assert_eq!(watched.generation(), 2);
    }

    /// The twins: changes elsewhere, and more of them than are kept.
    #[test]
    fn changes_elsewhere_are_nothing_and_too_many_are_anything() {
        let watched = Watched::new();
        let mut watcher = watcher(&watched);
        let done = run(job(&mut watcher));
        watcher.hear(Signal::Changed(vec![PathBuf::from("/elsewhere/ca.crt")], Writer::Busy));
        assert!(give_back(&mut watcher, done) > Instant::now() + IDLE / 2);
        let done = run(job(&mut watcher));
        for number in 0..=MAX_HEARD {
            watcher.hear(Signal::Changed(vec![Path::new("/elsewhere").join(number.to_string())], Writer::Unknown));
        }
        assert!(give_back(&mut watcher, done) <= Instant::now());
    }

    /// R10: a bug that repeats every 10 s is one line, until a step went well.
    #[test]
    fn a_source_that_goes_on_panicking_is_logged_once() {
        let watched = Watched::new();
        let mut watcher = watcher(&watched);
        let lines = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        tracing::subscriber::with_default(Lines(Arc::clone(&lines)), || {
            for wanted in [1, 2] {
                write(watched.folder.path(), &format!("panics {wanted}"));
                watched.clock.0.store(true, Ordering::SeqCst);
                for _ in 0..20 {
                    let done = run(job(&mut watcher));
                    give_back(&mut watcher, done);
                }
                assert_eq!(lines.load(Ordering::SeqCst), wanted, "and once more after it went well");
                watched.clock.0.store(false, Ordering::SeqCst);
                let done = run(job(&mut watcher));
                give_back(&mut watcher, done);
            }
        });
    }
}
