//! Happy Eyeballs in the caller's thread: sockets that do not block, and one poll for all of them.

use core::time::Duration;
use std::io;
use std::net::{SocketAddr, TcpStream};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::address::Address;
use super::deadline::Deadline;
use super::happy_eyeballs::{DialStep, HappyEyeballs, Resolution};
use super::tcp_options::TcpOptions;
use crate::error::Error;

/// The first socket that is connected. The others are closed, and so are all of them where there is none.
pub(super) fn dial(address: &Address, options: &TcpOptions, deadline: Deadline) -> Result<TcpStream, Error> {
    let mut race = HappyEyeballs::until(address, deadline);
    while race.resolve(deadline.remaining().unwrap_or(Duration::MAX))? == Resolution::Pending {}
    run(race, options, wait)
}

/// `wait` waits for the attempts that are under way, so long at most.
fn run(
    mut race: HappyEyeballs,
    options: &TcpOptions,
    mut wait: impl FnMut(&mut [Attempt], Option<Duration>) -> io::Result<()>,
) -> Result<TcpStream, Error> {
    let mut attempts: Vec<Attempt> = Vec::new();
    loop {
        match race.next_step() {
            DialStep::Connect(target) => match Attempt::begin(target, options) {
                Ok(attempt) => attempts.push(attempt),
                Err(error) => race.failed(target, &error),
            },
            DialStep::Wait(at_most) => {
                if let Err(error) = wait(&mut attempts, at_most) {
                    // Not one of them can be waited for.
                    attempts.drain(..).for_each(|attempt| race.failed(attempt.target, &error));
                }
            }
            DialStep::GiveUp => return Err(race.into_error()),
        }
        if let Some(stream) = established(&mut attempts, &mut race) {
            return Ok(stream);
        }
    }
}

/// One address that is being connected to.
struct Attempt {
    progress: Progress,
    stream: TcpStream,
    target: SocketAddr,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    Connecting,
    /// It is connected, or has failed.
    Ended,
}

impl Attempt {
    fn begin(target: SocketAddr, options: &TcpOptions) -> io::Result<Self> {
        let socket = options.socket(target)?;
        let progress = match socket.connect(&target.into()) {
            Ok(()) => Progress::Ended,
            Err(error) if is_under_way(&error) => Progress::Connecting,
            Err(error) => return Err(error),
        };
        Ok(Self { progress, stream: socket.into(), target })
    }

    /// The socket of one that has ended, as callers want it: it blocks.
    fn finish(self) -> io::Result<TcpStream> {
        match self.stream.take_error()? {
            Some(error) => Err(error),
            None => self.stream.set_nonblocking(false).map(|()| self.stream),
        }
    }
}

/// The first of those that have ended which is connected; why the others are not is told.
fn established(attempts: &mut Vec<Attempt>, race: &mut HappyEyeballs) -> Option<TcpStream> {
    for attempt in attempts.extract_if(.., |attempt| attempt.progress == Progress::Ended) {
        let target = attempt.target;
        match attempt.finish() {
            Ok(stream) => return Some(stream),
            Err(error) => race.failed(target, &error),
        }
    }
    None
}

/// Until one of them ends, `at_most` so long.
fn wait(attempts: &mut [Attempt], at_most: Option<Duration>) -> io::Result<()> {
    // What is longer than the system can wait is no limit.
    let at_most = at_most.and_then(|at_most| Timespec::try_from(at_most).ok());
    let mut polled: Vec<PollFd<'_>> =
        attempts.iter().map(|attempt| PollFd::new(&attempt.stream, PollFlags::OUT)).collect();
    match poll(&mut polled, at_most.as_ref()) {
        // A signal ends nothing: the next step says how long is left.
        Err(rustix::io::Errno::INTR) => return Ok(()),
        outcome => outcome?,
    };
    let ended: Vec<bool> = polled.iter().map(|polled| !polled.revents().is_empty()).collect();
    for (attempt, ended) in attempts.iter_mut().zip(ended) {
        if ended {
            attempt.progress = Progress::Ended;
        }
    }
    Ok(())
}

/// Also for a signal that came meanwhile: the connection is established all the same, and asking again would be EALREADY.
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.kind() == io::ErrorKind::Interrupted
        || error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use std::net::TcpListener;

    use uptls_testkit::SilentAddress;

    use super::*;
    use crate::error::Code;

    /// What was waited for: the addresses that were under way, and how long at most.
    type Waits = Vec<(Vec<SocketAddr>, Option<Duration>)>;

    fn race(addresses: &[SocketAddr], timeout: Duration) -> (Result<TcpStream, Error>, Waits) {
        let mut waits = Waits::new();
        let race = HappyEyeballs::new(&addresses.to_vec().into(), timeout);
        let outcome = run(race, &TcpOptions::default(), |attempts, at_most| {
            waits.push((attempts.iter().map(|attempt| attempt.target).collect(), at_most));
            wait(attempts, at_most)
        });
        (outcome, waits)
    }

    fn closed() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    #[test]
    fn the_second_begins_beside_the_first_and_wins() {
        let (silent, good, spare) = (
            SilentAddress::new(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let addresses = [silent.addr(), good.local_addr().unwrap(), spare.local_addr().unwrap()];
        let (outcome, waits) = race(&addresses, HOUR);
        assert_eq!(outcome.unwrap().peer_addr().unwrap(), addresses[1]);
        // The first alone, not for its share of an hour; then both.
        assert_eq!(waits[0].0, addresses[..1]);
        assert!(waits[0].1.unwrap() <= Duration::from_millis(250), "{waits:?}");
        assert_eq!(waits.last().unwrap().0, addresses[..2]);
        // The twin: where the second wins, the third is not asked.
        spare.set_nonblocking(true).unwrap();
        assert_eq!(spare.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn one_that_refuses_is_not_waited_for() {
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = [closed(), closed(), good.local_addr().unwrap()];
        let (outcome, waits) = race(&addresses, HOUR);
        let stream = outcome.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[2]);
        assert!(waits.iter().all(|(under_way, _)| under_way.len() == 1), "{waits:?}");
        // Callers get a socket that blocks.
        assert!(!rustix::fs::fcntl_getfl(&stream).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
        assert!(stream.nodelay().unwrap());
    }

    #[test]
    fn where_all_are_dead_the_failure_is_what_it_is_for_one() {
        let (one, other) = (SilentAddress::new(), SilentAddress::new());
        let short = Duration::from_millis(40);
        let table: &[(&[SocketAddr], Code)] = &[
            (&[one.addr()], Code::TcpTimeout),
            (&[one.addr(), other.addr()], Code::TcpTimeout),
            (&[closed()], Code::TcpRefused),
            (&[closed(), closed()], Code::TcpRefused),
            (&[one.addr(), closed()], Code::TcpRefused),
            (&[], Code::TcpRefused),
        ];
        for (addresses, wanted) in table {
            let error = race(addresses, short).0.unwrap_err();
            assert_eq!(error.code(), *wanted, "{addresses:?}: {error}");
            let told = addresses.last().map_or_else(|| "nowhere".to_owned(), SocketAddr::to_string);
            assert!(error.to_string().contains(&told), "{error}");
        }
    }

    /// Sockets that cannot be waited for are a shortage of this side, and no fault of the peer.
    #[test]
    fn what_cannot_be_waited_for_is_a_shortage() {
        let silent = SilentAddress::new();
        let race = HappyEyeballs::new(&silent.addr().into(), HOUR);
        let fail = |_: &mut [Attempt], _| Err(rustix::io::Errno::NOMEM.into());
        let error = run(race, &TcpOptions::default(), fail).unwrap_err();
        assert_eq!(error.code(), Code::LocalResources, "{error}");
    }

    const HOUR: Duration = Duration::from_hours(1);
}
