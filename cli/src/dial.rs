//! Getting a socket before the deadline, and knowing where it went.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use uptls::{Address, ConnectError, Error};

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

    /// Resolves, then tries each address in turn.
    pub(crate) fn dial(&self) -> Dialled {
        let begin = Instant::now();
        let outcome = Address::from((self.host.as_str(), self.port)).dial(self.timeout);
        let address = match &outcome {
            Ok(stream) => stream.peer_addr().ok().map(|address| address.to_string()),
            Err(Error::Connect {
                error: ConnectError::TcpRefused { address, .. } | ConnectError::TcpTimeout { address, .. },
                ..
            }) => Some(address.clone()),
            Err(_) => None,
        };
        Dialled { address, elapsed: begin.elapsed(), outcome }
    }

    /// What is left of the timeout, in whole milliseconds; never nothing, so that each step says what it was waiting for.
    pub(crate) fn remaining(&self, begin: Instant) -> Duration {
        let left = self.timeout.saturating_sub(begin.elapsed());
        let up = Duration::from_micros(999);
        let whole = u64::try_from((left + up).as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(whole.max(1))
    }
}

/// What came of dialling.
pub(crate) struct Dialled {
    /// The last address that was tried.
    pub(crate) address: Option<String>,
    pub(crate) elapsed: Duration,
    pub(crate) outcome: Result<TcpStream, Error>,
}
