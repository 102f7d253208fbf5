//! What stands between a client and a backend: an HTTP proxy with one answer, a Unix socket, and a port that wants some bytes
//! first. Each then moves bytes both ways.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
#[cfg(unix)]
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::listen::Listener;

/// An HTTP proxy that gives every request for a tunnel the same answer, and leads to one backend behind an answer of 200.
#[derive(Debug)]
pub struct HttpProxy {
    listener: Listener,
    requests: Arc<Mutex<Vec<String>>>,
}

impl HttpProxy {
    /// Starts it on loopback.
    pub fn start(backend: SocketAddr, answer: &str) -> Self {
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (kept, answer) = (requests.clone(), answer.to_owned());
        let listener = Listener::start(move |mut client| {
            let Ok(request) = head(&mut client) else { return };
            kept.lock().unwrap().push(request);
            // A client that has read enough of it goes away.
            if client.write_all(answer.as_bytes()).is_ok() && answer.contains(" 200 ") {
                join(&client, backend);
            }
        });
        Self { listener, requests }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.address()
    }

    /// What it was asked since the last call.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().drain(..).collect()
    }
}

/// A port that takes connections which begin with some bytes, and no others: those of a header of the PROXY protocol, for example.
#[derive(Debug)]
pub struct Prefixed(Listener);

impl Prefixed {
    /// Starts it on loopback, before `backend`.
    pub fn start(backend: SocketAddr, prefix: &[u8]) -> Self {
        let prefix = prefix.to_owned();
        Self(Listener::start(move |mut client| {
            let mut first = vec![0; prefix.len()];
            if client.read_exact(&mut first).is_ok() && first == prefix {
                join(&client, backend);
            }
        }))
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.0.address()
    }
}

/// A Unix socket at `path` that leads to `backend` until the process ends.
#[cfg(unix)]
pub fn unix_socket(path: &Path, backend: SocketAddr) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let theirs = client.try_clone().unwrap();
                pump(theirs, &client, backend, || client.shutdown(Shutdown::Write));
            });
        }
    });
}

fn join(client: &TcpStream, backend: SocketAddr) {
    pump(client.try_clone().unwrap(), client, backend, || client.shutdown(Shutdown::Write));
}

/// Moves bytes both ways until both sides have ended; `close` ends those to the client.
fn pump(
    mut from_client: impl Read + Send + 'static,
    mut to_client: impl Write,
    backend: SocketAddr,
    close: impl FnOnce() -> io::Result<()>,
) {
    let mut backend = TcpStream::connect(backend).unwrap();
    let mut writer = backend.try_clone().unwrap();
    let there = thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut writer);
        let _ = writer.shutdown(Shutdown::Write);
    });
    let _ = io::copy(&mut backend, &mut to_client);
    let _ = close();
    let _ = there.join();
}

/// A request without a body, read to its end and no further.
fn head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    String::from_utf8(head).map_err(io::Error::other)
}
