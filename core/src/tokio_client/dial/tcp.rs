//! TCP by Happy Eyeballs in one task: as in the blocking face, in tokio's time.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use super::{Destination, Dial};
use crate::connect::TcpOptions;
use crate::connect::happy_eyeballs::{DialStep, HappyEyeballs};
use crate::error::Error;
use crate::tokio_client::within;

/// TCP: a name is resolved, and its addresses are raced by Happy Eyeballs (H4). Nagle's algorithm is off.
///
/// What a connection has that no other dial was chosen for.
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    options: TcpOptions,
}

impl Tcp {
    /// TCP from the source address and with the mark of `options`.
    pub fn new(options: TcpOptions) -> Self {
        Self { options }
    }
}

impl Dial for Tcp {
    type Transport = TcpStream;

    async fn dial(&self, destination: Destination) -> io::Result<TcpStream> {
        Ok(race(&destination, &self.options).await?)
    }

    fn remote_address(&self, transport: &TcpStream) -> Option<SocketAddr> {
        transport.peer_addr().ok()
    }
}

/// The first socket that is connected. The others are closed, and all of them where the future is dropped.
async fn race(destination: &Destination, options: &TcpOptions) -> Result<TcpStream, Error> {
    let mut race = HappyEyeballs::until(&destination.address, destination.deadline);
    let until = destination.deadline().map(Instant::from_std);
    let resolved = within(until, poll_fn(|cx| race.poll_resolve(cx))).await;
    resolved.unwrap_or_else(|| Err(race.late()))?;
    let mut attempts: Vec<Attempt> = Vec::new();
    loop {
        let now = Instant::now();
        match race.step_at(now.into_std()) {
            DialStep::Connect(target) => attempts.push(Attempt::begin(target, options.clone())),
            DialStep::GiveUp => return Err(race.into_error()),
            DialStep::Wait(at_most) => {
                let until = at_most.and_then(|at_most| now.checked_add(at_most));
                match within(until, poll_fn(|cx| poll_first(&mut attempts, cx))).await {
                    None => {}
                    Some((_, Ok(stream))) => return Ok(stream),
                    Some((target, Err(error))) => race.failed(target, &error),
                }
            }
        }
    }
}

/// One address that is being connected to.
struct Attempt {
    connecting: Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>,
    target: SocketAddr,
}

impl Attempt {
    fn begin(target: SocketAddr, options: TcpOptions) -> Self {
        let connecting = Box::pin(async move {
            let socket = TcpSocket::from_std_stream(options.socket(target)?.into());
            socket.connect(target).await
        });
        Self { connecting, target }
    }
}

/// The first of them that ends. It is none of them any more.
fn poll_first(attempts: &mut Vec<Attempt>, cx: &mut Context<'_>) -> Poll<(SocketAddr, io::Result<TcpStream>)> {
    let ended =
        attempts.iter_mut().enumerate().find_map(|(index, attempt)| match attempt.connecting.as_mut().poll(cx) {
            Poll::Pending => None,
            Poll::Ready(outcome) => Some((index, outcome)),
        });
    let Some((index, outcome)) = ended else { return Poll::Pending };
    Poll::Ready((attempts.remove(index).target, outcome))
}
