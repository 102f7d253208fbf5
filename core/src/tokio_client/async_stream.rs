//! The stream of the tokio face.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::polled::{poll_receive, poll_send};
use crate::connect::Evidence;
use crate::connect::blocking::{ALERT_DRAIN_TIMEOUT, AlertDrain, lost};
use crate::connect::failure::Answered;
use crate::connect::sans_io::{Established, Incoming};
use crate::connect::tls_io::{Failure, ReadOutcome};
use crate::error::Error;

/// An asynchronous stream to a verified peer.
///
/// Its errors hold an [`Error`]; [`Error::find_in`] finds it through any wrapping. A read or write that is dropped before
/// it is ready has taken nothing. Both halves of `tokio::io::split` may be polled by different tasks.
///
/// `poll_shutdown` sends close_notify; a stream that is dropped without it closes the transport as it is. `write` gives
/// data to the encryption, `flush` to the transport.
///
/// ```
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use uptls::{BackendHost, ConnectOptions, Connector};
///
/// async fn get(connector: &Connector) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
///     let host = BackendHost::parse("payments.internal")?;
///     let mut stream = connector.connect_async((&host, 443), &host, &ConnectOptions::default()).await?;
///     stream.write_all(b"GET / HTTP/1.1\r\nHost: payments.internal\r\nConnection: close\r\n\r\n").await?;
///     let mut answer = Vec::new();
///     stream.read_to_end(&mut answer).await?;
///     Ok(answer)
/// }
/// ```
pub struct AsyncStream<T> {
    closing: Closing,
    /// The last read took all decrypted data.
    needs_read: bool,
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
    drain_until: Pin<Box<Sleep>>,
}

impl<T> AsyncStream<T> {
    pub(super) fn new(established: Established, transport: T) -> Self {
        Self { closing: Closing::No, needs_read: false, established, lost: None, reader: None, transport, writer: None }
    }

    /// The proof and the negotiated parameters.
    pub fn evidence(&self) -> &Evidence {
        self.established.evidence()
    }

    /// The transport, for its addresses. Bytes that are read or written there break the connection.
    pub fn get_ref(&self) -> &T {
        &self.transport
    }

    /// Whether the peer ended its data with a close_notify (H8).
    pub fn is_clean_eof(&self) -> bool {
        self.established.is_clean_eof()
    }

    /// The connection and its transport, for another event loop. Bytes may wait to be drained.
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
    /// Takes bytes from the transport; what they mean is found in `established`.
    fn poll_intake(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let received = ready!(poll_receive(|source| self.established.receive(source), &mut self.transport, cx));
        // A writer may wait for the peer's alert, or for room that the peer will not make any more.
        if self.lost.is_some() || received.is_err() {
            self.wake_writer(cx);
        }
        match received {
            Ok(_) => {}
            // H5: an alert of ours may wait. It is tried once; a writer goes on with it.
            Err(Failure::Tls(_)) => drop(self.poll_flush_all(cx)),
            Err(Failure::Transport(error)) => drop(self.established.fail(lost(&error))),
        }
        Poll::Ready(())
    }

    fn poll_read_data(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if !self.needs_read {
                let room = out.remaining().min(RECORD);
                match self.established.read(out.initialize_unfilled_to(room))? {
                    Incoming::Closed => return Poll::Ready(Ok(())),
                    Incoming::Data(count) => {
                        out.advance(count);
                        self.needs_read = count < room;
                        return Poll::Ready(Ok(()));
                    }
                    Incoming::WantRead => {}
                }
            }
            self.needs_read = true;
            ready!(self.poll_intake(cx));
            self.needs_read = false;
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
        self.established.check_process()?;
        while self.lost.is_none() && self.established.wants_write() {
            let error = match ready!(poll_send(|sink| self.established.send(sink), &mut self.transport, cx)) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(_) => continue,
                Err(error) => error,
            };
            self.lost = Some(Lost { error: lost(&error), drain_until: Box::pin(sleep(ALERT_DRAIN_TIMEOUT)) });
        }
        let Some(lost) = &mut self.lost else { return Poll::Ready(Ok(())) };
        ready!(lost.poll_drain(&mut self.established, &mut self.transport, cx));
        let error = lost.error.clone();
        self.wake_reader(cx);
        // An end that the peer declared properly stays one for the reader (H8).
        Poll::Ready(Err(if self.is_clean_eof() { error } else { self.established.fail(error) }.into()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.established.check_process()?;
        if self.closing == Closing::No && self.established.error().is_none() {
            self.established.close_notify();
        }
        self.closing = Closing::Begun;
        match ready!(self.poll_send(cx)) {
            // A peer that sent close_notify need not receive ours.
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
    fn poll_drain<T: AsyncRead + Unpin>(
        &mut self,
        established: &mut Established,
        transport: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        while established.answered() == Answered::NotYet
            && established.error().is_none()
            && self.drain_until.as_mut().poll(cx).is_pending()
        {
            match ready!(poll_receive(|source| established.receive(&mut AlertDrain(source)), transport, cx)) {
                Ok(ReadOutcome::Bytes) => {}
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
