//! Look-ups of names: a few threads of the process, one for each name, for all callers that wait for it (H4).
//!
//! The system's resolver can neither be bounded nor interrupted. So a look-up has a thread of its own, which callers leave
//! alone when their time is over; who asks for the same name and port meanwhile waits for the same thread.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use uptls_process::{Process, without_signals};

use super::fault;
use crate::error::{ConnectError, LocalStep, Shortage};
use crate::sync::block_until;

type Answer = Result<Vec<SocketAddr>, ConnectError>;
type Name = (String, u16);

/// The addresses of one name, once they are known. It is given up by dropping it.
pub(super) struct Resolving {
    lookup: Option<Arc<Lookup>>,
    name: Name,
    ticket: u64,
    table: Arc<Table>,
}

impl Resolving {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self::by(Table::of_this_process(), host, port)
    }

    fn by(table: Arc<Table>, host: &str, port: u16) -> Self {
        let ticket = table.ticket();
        Self { lookup: None, name: (host.to_owned(), port), ticket, table }
    }

    /// Blocks until `until` at most; `None`: without end. Nothing where the time was over first.
    pub(super) fn wait(&mut self, until: Option<Instant>) -> Option<Answer> {
        block_until(until, |context| Pin::new(&mut *self).poll(context))
    }

    /// What is told of a name whose time is over.
    pub(super) fn late(&self, after: &str) -> ConnectError {
        let reason = match &self.lookup {
            Some(_) => format!("no answer within {after}"),
            None => format!("the resolver is busy: {MOST} other names had no answer within {after}"),
        };
        ConnectError::DnsFailed { host: self.name.0.clone(), reason }
    }
}

impl Future for Resolving {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        if self.lookup.is_none() {
            match self.table.join(&self.name, self.ticket, context.waker()) {
                Ok(joined) => self.lookup = joined,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        match &self.lookup {
            Some(lookup) => lookup.poll(self.ticket, context.waker()),
            None => Poll::Pending,
        }
    }
}

impl Drop for Resolving {
    fn drop(&mut self) {
        lock(&self.table.open).waiting.remove(&self.ticket);
        if let Some(lookup) = &self.lookup {
            lock(&lookup.progress).waiting.remove(&self.ticket);
        }
    }
}

/// In this thread, for as long as the system's resolver takes.
pub(super) fn look_up(host: &str, port: u16) -> Answer {
    let failed = |reason: String| ConnectError::DnsFailed { host: host.to_owned(), reason };
    match (host, port).to_socket_addrs() {
        Ok(found) => match found.collect::<Vec<_>>() {
            none if none.is_empty() => Err(failed("the name has no address".to_owned())),
            sockets => Ok(sockets),
        },
        Err(error) => Err(shortage(host, &error).unwrap_or_else(|| failed(error.to_string()))),
    }
}

/// glibc calls a name unknown when it has no descriptor to ask for it, so that is tried.
fn shortage(host: &str, error: &io::Error) -> Option<ConnectError> {
    let step = LocalStep::Resolve(host.to_owned());
    if let Some(lacks) = fault::shortage(error) {
        return Some(ConnectError::LocalResources { lacks, reason: error.to_string(), step });
    }
    let error = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).err()?;
    let lacks = fault::shortage(&error)?;
    matches!(lacks, Shortage::Descriptors | Shortage::Memory | Shortage::SystemDescriptors)
        .then(|| ConnectError::LocalResources { lacks, reason: error.to_string(), step })
}

/// The look-ups that one process has under way.
struct Table {
    /// What a thread asks.
    look_up: fn(&str, u16) -> Answer,
    open: Mutex<Open>,
    /// `None`: of no process that could be told from its children (L10).
    process: Option<Process>,
}

#[derive(Default)]
struct Open {
    lookups: HashMap<Name, Arc<Lookup>>,
    tickets: u64,
    /// Who waits for one of the places.
    waiting: HashMap<u64, Waker>,
}

impl Table {
    /// A child of fork has none of its parent's threads, and may have copies of their locks: it begins anew.
    fn of_this_process() -> Arc<Self> {
        let ours = |table: &Arc<Self>| table.process.is_some_and(Process::is_current);
        if let Some(table) = TABLE.load_full().filter(ours) {
            return table;
        }
        let fresh = Arc::new(Self { look_up, open: Mutex::default(), process: Process::current().ok() });
        TABLE.rcu(|held| Some(held.clone().filter(ours).unwrap_or_else(|| Arc::clone(&fresh))));
        TABLE.load_full().filter(ours).unwrap_or(fresh)
    }

    fn ticket(&self) -> u64 {
        let mut open = lock(&self.open);
        open.tickets += 1;
        open.tickets
    }

    /// The look-up of `name`, which begins now unless it is under way. Nothing while all places are taken; `waker` hears of
    /// the next that is free.
    fn join(self: &Arc<Self>, name: &Name, ticket: u64, waker: &Waker) -> Result<Option<Arc<Lookup>>, ConnectError> {
        let mut open = lock(&self.open);
        if let Some(lookup) = open.lookups.get(name) {
            return Ok(Some(Arc::clone(lookup)));
        }
        if open.lookups.len() >= MOST {
            open.waiting.insert(ticket, waker.clone());
            return Ok(None);
        }
        let lookup = Arc::new(Lookup::default());
        let (theirs, table, asked) = (Arc::clone(&lookup), Arc::clone(self), name.clone());
        let work = move || Landing { answer: None, lookup: theirs, name: asked, table }.run();
        let thread = thread::Builder::new().name("uptls-resolve".to_owned());
        if let Err(error) = without_signals(|| thread.spawn(work)) {
            return Err(ConnectError::threadless(&error, "resolve a name"));
        }
        open.lookups.insert(name.clone(), Arc::clone(&lookup));
        Ok(Some(lookup))
    }
}

/// One look-up, and who waits for it.
#[derive(Default)]
struct Lookup {
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    answer: Option<Answer>,
    waiting: HashMap<u64, Waker>,
}

impl Lookup {
    fn poll(&self, ticket: u64, waker: &Waker) -> Poll<Answer> {
        let mut progress = lock(&self.progress);
        match &progress.answer {
            Some(answer) => Poll::Ready(answer.clone()),
            None => {
                progress.waiting.insert(ticket, waker.clone());
                Poll::Pending
            }
        }
    }
}

/// The thread of a look-up. However it ends, its place is free afterwards, and its callers have an answer.
struct Landing {
    answer: Option<Answer>,
    lookup: Arc<Lookup>,
    name: Name,
    table: Arc<Table>,
}

impl Landing {
    fn run(mut self) {
        self.answer = Some((self.table.look_up)(&self.name.0, self.name.1));
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let panicked = || Err(ConnectError::Internal { detail: "the resolver panicked".to_owned() });
        let answer = self.answer.take().unwrap_or_else(panicked);
        let mut woken: Vec<Waker> = {
            let mut open = lock(&self.table.open);
            open.lookups.remove(&self.name);
            open.waiting.drain().map(|(_, waker)| waker).collect()
        };
        {
            let mut progress = lock(&self.lookup.progress);
            progress.answer = Some(answer);
            woken.extend(progress.waiting.drain().map(|(_, waker)| waker));
        }
        woken.into_iter().for_each(Waker::wake);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many names are looked up at once.
const MOST: usize = 16;
/// Of the process that it names; it decides nothing but which thread asks the system.
static TABLE: ArcSwapOption<Table> = ArcSwapOption::const_empty();

#[cfg(test)]
mod tests;
