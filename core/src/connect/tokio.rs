//! The tokio face: any `AsyncRead + AsyncWrite`, and an [`AsyncStream`] of the same traits afterwards.
//!
//! It starts no runtime, thread or task. Timers are tokio's, so that its clock and no other decides (H4).

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use std::io;
use std::net::SocketAddr;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::net::{TcpStream, lookup_host};
use ::tokio::time::{Instant, Sleep, sleep, timeout, timeout_at};

use crate::connect::blocking::{LAST_WORDS, transport_error};
use crate::connect::dial::{Address, nowhere, refused, share};
use crate::connect::failure::Answered;
use crate::connect::intake::{Failure, Intake};
use crate::connect::sans_io::{Deadline, Established, Handshake, Incoming};
use crate::connect::setup::Setup;
use crate::connect::{ConnectOptions, Evidence, internal};
use crate::error::{ConnectError, Error};
use crate::name::BackendHost;
use crate::rotate::Connector;

mod polled;

use polled::{poll_receive, poll_send};

impl Connector {
    /// Makes a verified connection over `transport`, which is connected already.
    ///
    /// Dropping the future drops the transport, and nothing else happens.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a peer that fails the policy, [`Error::Connect`] for transport, alerts and protocol with
    /// `handshake_timeout` for a silent or dribbling peer (H4), [`Error::Policy`] and [`Error::Misuse`] as
    /// [`Connector::begin`]. The transport is dropped, after an alert was sent (H5).
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer on, as all of tokio's timers.
    pub async fn handshake_async<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        transport: T,
        host: &BackendHost,
        options: &ConnectOptions,
    ) -> Result<AsyncStream<T>, Error> {
        negotiate(self.begin(host, options)?, transport).await
    }

    /// Dials `address`, then [`Connector::handshake_async`]; one deadline covers resolving, dialling and the handshake (H4).
    ///
    /// A name is resolved by tokio's blocking threads; give addresses, and there is none.
    ///
    /// # Errors
    /// `dns_failed`, `tcp_refused`, `tcp_timeout`, and those of [`Connector::handshake_async`].
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and timer on.
    pub async fn connect_async(
        &self,
        address: impl Into<Address>,
        host: &BackendHost,
        options: &ConnectOptions,
    ) -> Result<AsyncStream<TcpStream>, Error> {
        let address = address.into();
        let snapshot = self.snapshot()?;
        let timeout = options.timeout.unwrap_or_else(|| snapshot.prepared.policy().handshake_timeout());
        let deadline = Deadline::after(timeout);
        // Nothing is dialled for a policy or options that cannot be used.
        Setup::new(snapshot, host, options)?;
        let transport = dial(address, deadline).await?;
        negotiate(self.begin_until(host, options, deadline)?, transport).await
    }
}

/// An asynchronous stream to a verified peer.
///
/// Its errors hold an [`Error`]; [`Error::find_in`] finds it through any wrapping. A read or write that is dropped before
/// it is ready has taken nothing. Both halves of `tokio::io::split` may be polled by different tasks.
///
/// `poll_shutdown` sends close_notify; a stream that is dropped without it closes the transport as it is. `write` gives
/// data to the encryption, `flush` to the transport.
pub struct AsyncStream<T> {
    closing: Closing,
    /// The last read took all decrypted data.
    dry: bool,
    established: Established,
    lost: Option<Lost>,
    /// The task that waits to read, where another task may change what it waits for.
    reader: Option<Waker>,
    transport: T,
    /// The task that waits to write.
    writer: Option<Waker>,
}

/// Whether our close_notify is on its way.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Closing {
    Begun,
    No,
}

/// A transport that cannot be written to, while the peer may still say why (I5).
struct Lost {
    error: Error,
    patience: Pin<Box<Sleep>>,
}

impl<T> AsyncStream<T> {
    fn new(established: Established, transport: T) -> Self {
        Self { closing: Closing::No, dry: false, established, lost: None, reader: None, transport, writer: None }
    }

    /// What was proven and negotiated.
    pub fn evidence(&self) -> &Evidence {
        self.established.evidence()
    }

    /// The transport, for its addresses. Octets that are read or written there break the connection.
    pub fn get_ref(&self) -> &T {
        &self.transport
    }

    /// Whether the peer ended its data with a close_notify (H8).
    pub fn is_clean_eof(&self) -> bool {
        self.established.is_clean_eof()
    }

    /// The connection and its transport, for another event loop. Octets may wait to be drained.
    pub fn into_parts(self) -> (Established, T) {
        (self.established, self.transport)
    }

    /// What one task found out, the other learns too.
    fn wake_reader(&mut self, cx: &Context<'_>) {
        wake(&mut self.reader, cx);
    }

    fn wake_writer(&mut self, cx: &Context<'_>) {
        wake(&mut self.writer, cx);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncStream<T> {
    /// Takes octets from the transport; what they mean is found in `established`.
    fn poll_intake(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let received = ready!(poll_receive(|source| self.established.receive(source), &mut self.transport, cx));
        match received {
            // A writer that waits for the peer's last words may have them now.
            Ok(_) if self.lost.is_none() => {}
            Ok(_) => self.wake_writer(cx),
            Err(Failure::Tls(_)) => {
                // H5: an alert of ours may wait. It is tried once; a writer goes on with it.
                let _ = self.poll_flush_all(cx);
                self.wake_writer(cx);
            }
            Err(Failure::Transport(error)) => {
                self.established.fail(transport_error(&error));
                self.wake_writer(cx);
            }
        }
        Poll::Ready(())
    }

    fn poll_read_data(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if !self.dry {
                let room = out.remaining().min(RECORD);
                match self.established.read(out.initialize_unfilled_to(room))? {
                    Incoming::Closed => return Poll::Ready(Ok(())),
                    Incoming::Data(count) => {
                        out.advance(count);
                        self.dry = count < room;
                        return Poll::Ready(Ok(()));
                    }
                    Incoming::WantRead => {}
                }
            }
            self.dry = true;
            ready!(self.poll_intake(cx));
            self.dry = false;
        }
    }

    fn poll_write_data(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.lost.is_none() {
                let count = self.established.write(data)?;
                if count > 0 || data.is_empty() {
                    return match self.poll_send(cx) {
                        // What was taken is sent with the next call.
                        Poll::Pending => Poll::Ready(Ok(count)),
                        Poll::Ready(sent) => Poll::Ready(sent.map(|()| count)),
                    };
                }
            }
            ready!(self.poll_send(cx))?;
        }
    }

    /// Sends what waits.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.lost.is_none() && self.established.wants_write() {
            let error = match ready!(poll_send(|sink| self.established.send(sink), &mut self.transport, cx)) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(_) => continue,
                Err(error) => error,
            };
            self.lost = Some(Lost { error: transport_error(&error), patience: Box::pin(sleep(LAST_WORDS)) });
        }
        let Some(lost) = &mut self.lost else { return Poll::Ready(Ok(())) };
        ready!(lost.poll_last_words(&mut self.established, &mut self.transport, cx));
        let error = lost.error.clone();
        self.wake_reader(cx);
        // An end that the peer declared properly stays one for the reader (H8).
        Poll::Ready(Err(if self.is_clean_eof() { error } else { self.established.fail(error) }.into()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing == Closing::No && self.established.error().is_none() {
            self.established.close_notify();
        }
        self.closing = Closing::Begun;
        match ready!(self.poll_send(cx)) {
            // Whoever has said goodbye need not hear ours.
            Err(error) if !self.is_clean_eof() => return Poll::Ready(Err(error)),
            _ => {}
        }
        match ready!(Pin::new(&mut self.transport).poll_shutdown(cx)) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.transport).poll_flush(cx)
    }
}

impl Lost {
    /// I5: a peer that refuses our certificate closes after its alert, so what can be read is read first.
    fn poll_last_words<T: AsyncRead + Unpin>(
        &mut self,
        established: &mut Established,
        transport: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        while established.answered() == Answered::NotYet
            && established.error().is_none()
            && self.patience.as_mut().poll(cx).is_pending()
        {
            match ready!(poll_receive(|source| established.receive(source), transport, cx)) {
                Ok(Intake::Octets) => {}
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for AsyncStream<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let outcome = stream.poll_read_data(cx, out);
        remember(&mut stream.reader, cx, &outcome);
        outcome
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for AsyncStream<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        let outcome = stream.poll_write_data(cx, data);
        remember(&mut stream.writer, cx, &outcome);
        outcome
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let outcome = stream.poll_flush_all(cx);
        remember(&mut stream.writer, cx, &outcome);
        outcome
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        let outcome = stream.poll_close(cx);
        remember(&mut stream.writer, cx, &outcome);
        outcome
    }
}

impl<T> fmt::Debug for AsyncStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncStream").field("established", &self.established).finish_non_exhaustive()
    }
}

async fn negotiate<T: AsyncRead + AsyncWrite + Unpin>(
    mut handshake: Handshake,
    mut transport: T,
) -> Result<AsyncStream<T>, Error> {
    let until = handshake.deadline().map(Instant::from_std);
    let outcome = within(until, exchange(&mut handshake, &mut transport)).await;
    if let Err(error) = outcome.unwrap_or_else(|| Err(handshake.expire())) {
        // What the peer does not take cannot be said.
        let _ = timeout(LAST_WORDS, send(&mut handshake, &mut transport)).await;
        return Err(error);
    }
    match handshake.finish() {
        Ok(established) => Ok(AsyncStream::new(established, transport)),
        Err(unfinished) => Err(unfinished.error().cloned().unwrap_or_else(|| internal("the handshake is not done"))),
    }
}

/// Moves octets until the handshake is done and our last flight is sent.
async fn exchange<T: AsyncRead + AsyncWrite + Unpin>(
    handshake: &mut Handshake,
    transport: &mut T,
) -> Result<(), Error> {
    loop {
        if let Err(error) = send(handshake, transport).await {
            // I5: the peer may have said why before it closed.
            let last_words = async { while let Ok(Intake::Octets) = receive(handshake, transport).await {} };
            let _ = timeout(LAST_WORDS, last_words).await;
            return Err(handshake.fail(transport_error(&error)));
        }
        if handshake.is_done() {
            return Ok(());
        }
        // H4: a transport that is always ready would never come to the timer.
        if handshake.deadline_of().has_passed() {
            return Err(handshake.expire());
        }
        receive(handshake, transport).await.map_err(|failure| match failure {
            Failure::Tls(error) => error,
            Failure::Transport(error) => handshake.fail(transport_error(&error)),
        })?;
    }
}

async fn send<T: AsyncWrite + Unpin>(handshake: &mut Handshake, transport: &mut T) -> io::Result<()> {
    if !handshake.wants_write() {
        return Ok(());
    }
    while handshake.wants_write() {
        if poll_fn(|cx| poll_send(|sink| handshake.send(sink), transport, cx)).await? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    poll_fn(|cx| Pin::new(&mut *transport).poll_flush(cx)).await
}

async fn receive<T: AsyncRead + Unpin>(handshake: &mut Handshake, transport: &mut T) -> Result<Intake, Failure> {
    poll_fn(|cx| poll_receive(|source| handshake.receive(source), transport, cx)).await
}

/// Each address gets its share of what remains, as in the blocking face.
async fn dial(address: Address, deadline: Deadline) -> Result<TcpStream, Error> {
    let sockets = match address {
        Address::Name { host, port } => resolve(host, port, deadline).await?,
        Address::Sockets(sockets) => sockets,
    };
    let mut last = None;
    for (index, socket) in sockets.iter().enumerate() {
        let share = share(deadline, sockets.len() - index);
        let until = share.and_then(|share| Instant::now().checked_add(share));
        let connected = within(until, TcpStream::connect(socket)).await;
        let connected = connected.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
        match connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream)) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(refused(socket, &error, share.unwrap_or(deadline.after))),
        }
        if deadline.has_passed() {
            break;
        }
    }
    Err(last.unwrap_or_else(nowhere).into())
}

async fn resolve(host: String, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    let found = within(deadline.at.map(Instant::from_std), lookup_host((host.as_str(), port))).await;
    let reason = match found {
        None => format!("no answer within {:?}", deadline.after),
        Some(Err(error)) => error.to_string(),
        Some(Ok(sockets)) => match sockets.collect::<Vec<_>>() {
            sockets if sockets.is_empty() => "the name has no address".to_owned(),
            sockets => return Ok(sockets),
        },
    };
    Err(ConnectError::DnsFailed { host, reason }.into())
}

/// `None` when the time was over first.
async fn within<F: Future>(until: Option<Instant>, future: F) -> Option<F::Output> {
    match until {
        None => Some(future.await),
        Some(until) => timeout_at(until, future).await.ok(),
    }
}

/// Keeps the waker of a task that must wait.
fn remember<R>(slot: &mut Option<Waker>, cx: &Context<'_>, outcome: &Poll<R>) {
    match slot {
        _ if outcome.is_ready() => {}
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}

/// The running task needs no waking.
fn wake(slot: &mut Option<Waker>, cx: &Context<'_>) {
    if let Some(waker) = slot.take_if(|waker| !waker.will_wake(cx.waker())) {
        waker.wake();
    }
}

/// The most that a record holds: more is never ready at once.
const RECORD: usize = 16 * 1024;
