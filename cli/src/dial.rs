//! Getting a socket before the deadline, and knowing where it went.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use uptls::ConnectError;

use crate::args::DialArgs;
use crate::target::Target;

/// Where to dial, and how long it and the handshake may take together.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    host: String,
    port: u16,
    pub(crate) timeout: Duration,
}

impl Route {
    /// The route to `target`; `timeout` counts where the command line has none.
    pub(crate) fn new(target: &Target, args: &DialArgs, timeout: Duration) -> Self {
        let timeout = args.timeout.unwrap_or(timeout);
        match &args.connect_to {
            Some(to) => Self { host: to.host.clone(), port: to.port.unwrap_or(target.port), timeout },
            None => Self { host: target.host.to_string(), port: target.port, timeout },
        }
    }

    /// Resolves, then tries each address in turn; each gets its share of what remains.
    pub(crate) fn dial(&self) -> Dialled {
        let begin = Instant::now();
        let (mut last, sockets) = match self.resolve() {
            Ok(sockets) => (self.failed("the name has no address".to_owned()), sockets),
            Err(error) => (error, Vec::new()),
        };
        let mut address = None;
        for (index, socket) in sockets.iter().enumerate() {
            address = Some(*socket);
            let share = u32::try_from(sockets.len() - index).unwrap_or(u32::MAX);
            match self.connect(*socket, self.remaining(begin) / share) {
                Ok(stream) => return Dialled { address, elapsed: begin.elapsed(), outcome: Ok(stream) },
                Err(error) => last = error,
            }
        }
        Dialled { address, elapsed: begin.elapsed(), outcome: Err(last) }
    }

    /// What is left of the timeout, in whole milliseconds; never nothing, so that each step says what it was waiting for.
    pub(crate) fn remaining(&self, begin: Instant) -> Duration {
        let left = self.timeout.saturating_sub(begin.elapsed());
        let up = Duration::from_micros(999);
        let whole = u64::try_from((left + up).as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(whole.max(1))
    }

    /// The system's resolver cannot be bounded, so it gets a thread, which is left alone when the time is over.
    fn resolve(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        let asked = (self.host.clone(), self.port);
        let (sender, receiver) = mpsc::channel();
        let look_up = move || {
            let found = (asked.0.as_str(), asked.1).to_socket_addrs().map(Iterator::collect);
            // Nobody waits any more: that is all right.
            let _ = sender.send(found);
        };
        let thread = thread::Builder::new().name("uptls-resolve".to_owned());
        thread.spawn(look_up).map_err(|error| self.failed(error.to_string()))?;
        let answer = receiver.recv_timeout(self.timeout);
        let answer = answer.map_err(|_| self.failed(format!("no answer within {:?}", self.timeout)))?;
        answer.map_err(|error| self.failed(error.to_string()))
    }

    fn connect(&self, socket: SocketAddr, share: Duration) -> Result<TcpStream, ConnectError> {
        let connected = TcpStream::connect_timeout(&socket, share.max(Duration::from_millis(1)));
        let stream = connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        stream.map_err(|error| {
            let address = socket.to_string();
            match error.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                    ConnectError::TcpTimeout { address, after: format!("{:?}", self.timeout) }
                }
                _ => ConnectError::TcpRefused { address, reason: error.to_string() },
            }
        })
    }

    fn failed(&self, reason: String) -> ConnectError {
        ConnectError::DnsFailed { host: self.host.clone(), reason }
    }
}

/// What came of dialling.
pub(crate) struct Dialled {
    /// The last address that was tried.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) elapsed: Duration,
    pub(crate) outcome: Result<TcpStream, ConnectError>,
}
