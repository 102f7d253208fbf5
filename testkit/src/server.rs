//! An honest TLS server on a loopback port that answers every HTTP request with the same response.

use crate::former::Former;
use crate::listen::Listener;
use crate::options::{Seen, ServerOptions, Sessions};
use rustls::{Error, ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// A running server; dropping it stops the accepting.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    state: Arc<State>,
}

impl Server {
    /// Starts on a free port of 127.0.0.1.
    pub fn start(options: &ServerOptions) -> Server {
        let serving = RwLock::new(Serving::new(options, Sessions::new()));
        let state = Arc::new(State { serving, log: Mutex::default(), changed: Condvar::new() });
        let serving = state.clone();
        let listener = Listener::start(move |stream| serving.serve(stream));
        Server { listener, state }
    }

    /// Where to connect to.
    pub fn addr(&self) -> SocketAddr {
        self.listener.address()
    }

    /// New connections use these options. Session storage and ticket keys stay, so that a client *can* try to resume.
    pub fn set_options(&self, options: &ServerOptions) {
        let sessions = self.state.serving().sessions.clone();
        self.state.replace(Serving::new(options, sessions));
    }

    /// The same, and no session from before is resumed: as if the server had been started again, while the old one serves its
    /// connections to their end. Gives those.
    pub fn restart(&self, options: &ServerOptions) -> Former {
        let former = self.state.replace(Serving::new(options, Sessions::new()));
        Former::of(&former)
    }

    /// How many TCP connections were accepted.
    pub fn connections(&self) -> usize {
        self.listener.accepted()
    }

    /// The completed handshakes so far. A client that has read the response finds its own among them.
    pub fn handshakes(&self) -> Vec<Seen> {
        self.state.log().handshakes.clone()
    }

    /// Why the other handshakes failed, as seen from here: [`Error::AlertReceived`] when the client refused.
    pub fn failures(&self) -> Vec<Error> {
        self.state.log().failures.clone()
    }

    /// The completed handshakes, once there are this many. Panics after ten seconds.
    pub fn wait_for_handshakes(&self, count: usize) -> Vec<Seen> {
        self.state.wait(|log| log.handshakes.len() >= count).handshakes
    }

    /// The failed handshakes, once there are this many. Panics after ten seconds.
    pub fn wait_for_failures(&self, count: usize) -> Vec<Error> {
        self.state.wait(|log| log.failures.len() >= count).failures
    }
}

/// The body of every response.
pub const RESPONSE_BODY: &str = "hello from the testkit\n";

/// How a connection ends after the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    CloseNotify,
    Truncation,
}

/// The server half of one TLS connection: handshake, one request, the response. Gives what was seen, then the end.
pub(crate) fn serve(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    ending: Ending,
    completed: impl FnOnce(Seen),
) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut tls = StreamOwned::new(connection, stream);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    tls.flush()?;
    completed(Seen::of(&tls.conn).expect("the handshake is complete"));
    if !read_request(&mut tls)? {
        return Ok(());
    }
    write!(
        tls,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{RESPONSE_BODY}",
        RESPONSE_BODY.len()
    )?;
    if ending == Ending::CloseNotify {
        tls.conn.send_close_notify();
    }
    tls.flush()?;
    finish(tls.sock)
}

/// Sends FIN and waits for that of the client: closing with unread bytes would reset the connection.
pub(crate) fn finish(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink()).map(|_| ())
}

/// Reads up to the empty line; false when the client closed before.
fn read_request(stream: &mut impl Read) -> io::Result<bool> {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(false),
            count => request.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(true)
}

#[derive(Debug)]
struct State {
    serving: RwLock<Arc<Serving>>,
    log: Mutex<Log>,
    changed: Condvar,
}

/// What new connections get. Each holds it to its end.
#[derive(Debug)]
struct Serving {
    config: Arc<ServerConfig>,
    sessions: Sessions,
}

impl Serving {
    fn new(options: &ServerOptions, sessions: Sessions) -> Arc<Serving> {
        Arc::new(Serving { config: options.config(&sessions), sessions })
    }
}

#[derive(Clone, Debug, Default)]
struct Log {
    handshakes: Vec<Seen>,
    failures: Vec<Error>,
}

impl State {
    fn serve(&self, stream: TcpStream) {
        let serving = self.serving();
        let outcome = serve(serving.config.clone(), stream, Ending::CloseNotify, |seen| {
            self.log().handshakes.push(seen);
            self.changed.notify_all();
        });
        let refused = outcome.err().and_then(|error| error.downcast::<Error>().ok());
        if let Some(error) = refused {
            self.log().failures.push(error);
            self.changed.notify_all();
        }
    }

    fn serving(&self) -> Arc<Serving> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, serving: Arc<Serving>) -> Arc<Serving> {
        std::mem::replace(&mut *self.serving.write().unwrap_or_else(PoisonError::into_inner), serving)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, enough: impl Fn(&Log) -> bool) -> Log {
        let waiting = self.changed.wait_timeout_while(self.log(), PATIENCE, |log| !enough(log));
        let (log, timeout) = waiting.unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "the server saw only {:?}", *log);
        log.clone()
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
