//! Several checks at a time; results come in the order of the plan.

use core::iter::Enumerate;
use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::vec::IntoIter;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use uptls::{Code, ConnectOptions, Report, panic};

use super::interrupt;
use super::plan::Probe;
use super::screen::Screen;
use crate::args::CheckArgs;
use crate::print::CliError;

/// Checks all `probes` and shows each as soon as those before it are shown, or at once as lines of JSON.
pub(super) fn run(probes: Vec<Probe>, args: &CheckArgs, screen: &mut Screen<'_>) -> Result<(), CliError> {
    let count = probes.len();
    let (sender, results) = mpsc::channel();
    begin(probes, args, &sender);
    let _interrupt = interrupt::on_interrupt(sender, News::Interrupted);
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    let mut progress = Progress::new(count);
    for done in 0..count {
        progress.at(done);
        let (place, reports) = match receive(&results, &progress) {
            Some(News::Done(place, reports)) => (place, reports),
            // Also if a worker is gone, which would be an error of our own.
            Some(News::Interrupted) | None => {
                progress.end();
                waiting.into_values().try_for_each(|reports| screen.show(reports))?;
                screen.interrupted(count - done);
                return Ok(());
            }
        };
        waiting.insert(place, reports);
        // A line for each is read by a program, which need not wait for its neighbours.
        while let Some(reports) = waiting.remove(if screen.takes_any_order() { &place } else { &next }) {
            progress.aside(|| screen.show(reports))?;
            next += 1;
        }
    }
    progress.end();
    Ok(())
}

/// What the workers and the user say.
enum News {
    Done(usize, Vec<Report>),
    Interrupted,
}

fn begin(probes: Vec<Probe>, args: &CheckArgs, sender: &Sender<News>) {
    let workers = usize::from(args.jobs).min(probes.len());
    let mut connect = ConnectOptions::default();
    connect.timeout = args.dial.timeout;
    let queue = Arc::new(Mutex::new(probes.into_iter().enumerate()));
    let worker = Worker { connect: Arc::new(connect), queue, repeat: args.repeat, sender: sender.clone() };
    let start = |_: &usize| {
        let worker = worker.clone();
        thread::Builder::new().spawn(move || worker.run()).is_ok()
    };
    // A system that is short of threads gives fewer of them, or none: then this thread does all the work.
    if (0..workers).take_while(start).count() == 0 {
        worker.run();
    }
}

/// One of those that share the probes.
#[derive(Clone)]
struct Worker {
    connect: Arc<ConnectOptions>,
    queue: Arc<Mutex<Enumerate<IntoIter<Probe>>>>,
    repeat: u16,
    sender: Sender<News>,
}

impl Worker {
    fn run(&self) {
        loop {
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((place, probe)) = next else { break };
            let reports = panic::catch(|| match probe {
                Probe::Failed(report) => vec![*report],
                Probe::Endpoint(endpoint) => endpoint.check(self.repeat, &self.connect),
            });
            // The reader waits for each result.
            let reports = reports.unwrap_or_else(|_| vec![Report::without_policy(Code::Panic, PANIC.to_owned(), "")]);
            if self.sender.send(News::Done(place, reports)).is_err() {
                break;
            }
        }
    }
}

fn receive(results: &Receiver<News>, progress: &Progress) -> Option<News> {
    loop {
        match results.recv_timeout(TICK) {
            Ok(news) => return Some(news),
            Err(RecvTimeoutError::Timeout) => progress.tick(),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// A line on a terminal for what takes longer than a second.
struct Progress {
    bar: ProgressBar,
    begin: Instant,
}

impl Progress {
    fn new(count: usize) -> Self {
        let bar = ProgressBar::with_draw_target(u64::try_from(count).ok(), ProgressDrawTarget::hidden());
        // The text is constant and valid.
        bar.set_style(
            ProgressStyle::with_template("{pos} of {len} checked").unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self { bar, begin: Instant::now() }
    }

    fn at(&mut self, done: usize) {
        self.bar.set_position(u64::try_from(done).unwrap_or_default());
    }

    fn tick(&self) {
        if self.begin.elapsed() < SECOND || self.bar.length() == Some(1) {
            return;
        }
        if self.bar.is_hidden() {
            // It stays hidden if stderr is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.tick();
    }

    fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

const PANIC: &str = "something that should not happen; please report it";
const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(250);
