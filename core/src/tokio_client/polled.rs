//! A transport of tokio as rustls wants it: `Read` and `Write`, where "not now" has left a waker.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{self, IoSlice, Read, Write};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connect::tls_io::{Failure, ReadOutcome};

/// Lets `receive` read from `transport`.
pub(super) fn poll_receive<T: AsyncRead + Unpin>(
    receive: impl FnOnce(&mut dyn Read) -> Result<ReadOutcome, Failure>,
    transport: &mut T,
    cx: &mut Context<'_>,
) -> Poll<Result<ReadOutcome, Failure>> {
    let mut source = Polled { cx, pending: false, transport };
    match receive(&mut source) {
        Err(Failure::Transport(_)) if source.pending => Poll::Pending,
        received => Poll::Ready(received),
    }
}

/// Lets `send` write to `transport`.
pub(super) fn poll_send<T: AsyncWrite + Unpin>(
    send: impl FnOnce(&mut dyn Write) -> io::Result<usize>,
    transport: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut sink = Polled { cx, pending: false, transport };
    match send(&mut sink) {
        Err(_) if sink.pending => Poll::Pending,
        sent => Poll::Ready(sent),
    }
}

struct Polled<'a, 'b, T> {
    cx: &'a mut Context<'b>,
    /// Told apart from a transport that itself gives `WouldBlock`, and has left no waker.
    pending: bool,
    transport: &'a mut T,
}

impl<T> Polled<'_, '_, T> {
    fn now<R>(&mut self, poll: Poll<io::Result<R>>) -> io::Result<R> {
        match poll {
            Poll::Pending => {
                self.pending = true;
                Err(io::ErrorKind::WouldBlock.into())
            }
            Poll::Ready(outcome) => outcome,
        }
    }
}

impl<T: AsyncRead + Unpin> Read for Polled<'_, '_, T> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(out);
        let poll = Pin::new(&mut *self.transport).poll_read(self.cx, &mut buffer);
        let count = buffer.filled().len();
        self.now(poll).map(|()| count)
    }
}

impl<T: AsyncWrite + Unpin> Write for Polled<'_, '_, T> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let poll = Pin::new(&mut *self.transport).poll_write(self.cx, data);
        self.now(poll)
    }

    fn write_vectored(&mut self, data: &[IoSlice<'_>]) -> io::Result<usize> {
        let poll = Pin::new(&mut *self.transport).poll_write_vectored(self.cx, data);
        self.now(poll)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
