//! Moves bytes between a client and its upstream until both directions have ended. An idle connection holds no buffer.

use core::cell::RefCell;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

/// How the relay ended.
#[derive(Debug)]
pub(super) enum End {
    /// Both sides have said their end.
    Both,
    /// Reading from or writing to the client failed.
    Client(io::Error),
    /// No byte went either way for the idle time-out.
    Idle,
    /// Reading from or writing to the upstream failed. A truncated stream is one of these.
    Upstream(io::Error),
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Moved {
    pub(super) from_client: u64,
    pub(super) from_upstream: u64,
}

/// A client and its upstream.
pub(super) struct Relay<C, U> {
    client: C,
    upstream: U,
    up: Direction,
    down: Direction,
    /// What the upstream had sent when the client ended.
    answered: Option<u64>,
}

impl<C: AsyncRead + AsyncWrite + Unpin, U: AsyncRead + AsyncWrite + Unpin> Relay<C, U> {
    pub(super) fn new(client: C, upstream: U) -> Self {
        Self { client, upstream, up: Direction::default(), down: Direction::default(), answered: None }
    }

    /// Runs until both directions have ended, one failed, or nothing moved for `idle`.
    pub(super) async fn run(&mut self, idle: Option<Duration>) -> End {
        let Some(idle) = idle else { return poll_fn(|cx| self.poll(cx)).await };
        let mut last = (self.moved(), Instant::now());
        loop {
            tokio::select! {
                end = poll_fn(|cx| self.poll(cx)) => return end,
                () = sleep_until(last.1 + idle) => {}
            }
            let moved = self.moved();
            if moved == last.0 {
                return End::Idle;
            }
            last = (moved, self.up.last.max(self.down.last).unwrap_or_else(Instant::now));
        }
    }

    pub(super) fn moved(&self) -> Moved {
        Moved { from_client: self.up.bytes, from_upstream: self.down.bytes }
    }

    /// Whether the client ended first, and the upstream sent nothing afterwards.
    pub(super) fn is_left(&self) -> bool {
        self.answered == Some(self.down.bytes)
    }

    pub(super) fn into_parts(self) -> (C, U) {
        (self.client, self.upstream)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let up = self.up.poll(&mut self.client, &mut self.upstream, cx);
        if let Poll::Ready(Err(fault)) = up {
            return Poll::Ready(fault.end(End::Client, End::Upstream));
        }
        if up.is_ready() {
            self.answered.get_or_insert(self.down.bytes);
        }
        let down = self.down.poll(&mut self.upstream, &mut self.client, cx);
        if let Poll::Ready(Err(fault)) = down {
            return Poll::Ready(fault.end(End::Upstream, End::Client));
        }
        if up.is_ready() && down.is_ready() { Poll::Ready(End::Both) } else { Poll::Pending }
    }
}

/// Which side of a direction failed.
enum Fault {
    Reading(io::Error),
    Writing(io::Error),
}

impl Fault {
    fn end(self, reading: impl FnOnce(io::Error) -> End, writing: impl FnOnce(io::Error) -> End) -> End {
        match self {
            Self::Reading(error) => reading(error),
            Self::Writing(error) => writing(error),
        }
    }
}

/// One direction.
#[derive(Default)]
struct Direction {
    bytes: u64,
    /// When the last byte was read.
    last: Option<Instant>,
    needs_flush: bool,
    /// What was read and not yet taken, from `taken` on: nothing while the writer keeps up.
    rest: Vec<u8>,
    stage: Stage,
    taken: usize,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Stage {
    #[default]
    Open,
    /// The reader has ended; the writer must be told.
    Ending,
    Ended,
}

impl Direction {
    fn poll<R, W>(&mut self, reader: &mut R, writer: &mut W, cx: &mut Context<'_>) -> Poll<Result<(), Fault>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        for _ in 0..ROUNDS {
            ready!(self.poll_rest(writer, cx)).map_err(Fault::Writing)?;
            match self.stage {
                Stage::Ended => return Poll::Ready(Ok(())),
                Stage::Ending => {
                    ready!(Pin::new(&mut *writer).poll_shutdown(cx)).map_err(Fault::Writing)?;
                    self.stage = Stage::Ended;
                }
                Stage::Open => match SCRATCH.with_borrow_mut(|scratch| self.poll_piece(scratch, reader, writer, cx)) {
                    Poll::Ready(outcome) => outcome?,
                    Poll::Pending => {
                        ready!(self.poll_flush(writer, cx)).map_err(Fault::Writing)?;
                        return Poll::Pending;
                    }
                },
            }
        }
        // Other connections have their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads one piece, and writes as much of it as the writer takes at once.
    fn poll_piece<R, W>(
        &mut self,
        scratch: &mut [u8],
        reader: &mut R,
        writer: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Fault>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(reader).poll_read(cx, &mut buffer)).map_err(Fault::Reading)?;
        let piece = buffer.filled();
        if piece.is_empty() {
            self.stage = Stage::Ending;
            return Poll::Ready(Ok(()));
        }
        self.bytes += u64::try_from(piece.len()).unwrap_or_default();
        self.last = Some(Instant::now());
        self.needs_flush = true;
        let mut piece = piece;
        while !piece.is_empty() {
            match Pin::new(&mut *writer).poll_write(cx, piece) {
                Poll::Ready(taken) => {
                    let taken = nonzero(taken).map_err(Fault::Writing)?;
                    piece = piece.get(taken..).unwrap_or_default();
                }
                Poll::Pending => {
                    self.rest.extend_from_slice(piece);
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Backpressure: nothing is read before the writer has taken what there is.
    fn poll_rest<W: AsyncWrite + Unpin>(&mut self, writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.rest.get(self.taken..).filter(|rest| !rest.is_empty()) {
            self.taken += nonzero(ready!(Pin::new(&mut *writer).poll_write(cx, rest)))?;
        }
        if self.taken > 0 {
            (self.rest, self.taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush<W: AsyncWrite + Unpin>(&mut self, writer: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.needs_flush {
            ready!(Pin::new(writer).poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// A writer that takes nothing never will.
fn nonzero(taken: io::Result<usize>) -> io::Result<usize> {
    match taken? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        taken => Ok(taken),
    }
}

thread_local! {
    /// What is read is written before another connection reads, so that one buffer for each thread is enough.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; PIECE].into_boxed_slice());
}

/// How many bytes are read at once.
const PIECE: usize = 64 << 10;
/// How many pieces one direction moves before others have their turn.
const ROUNDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
    }

    #[test]
    fn every_byte_arrives_through_a_narrow_way_and_the_other_direction_stays_open() {
        runtime().block_on(async {
            let ((mut client, near), (far, mut upstream)) = (duplex(7), duplex(3));
            let mut relay = Relay::new(near, far);
            let running = tokio::spawn(async move { (relay.run(None).await, relay.moved()) });
            let sent: Vec<u8> = (0..10_000_u32).map(|number| number.to_le_bytes()[0]).collect();
            let (out, copy) = (sent.clone(), sent.len());
            let asking = tokio::spawn(async move {
                client.write_all(&out).await.unwrap();
                // Half-closed: the answer comes afterwards.
                client.shutdown().await.unwrap();
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).await.unwrap();
                answer
            });
            let mut got = Vec::new();
            upstream.read_to_end(&mut got).await.unwrap();
            assert!(got == sent);
            upstream.write_all(b"answer").await.unwrap();
            drop(upstream);
            assert_eq!(asking.await.unwrap(), b"answer");
            let (end, moved) = running.await.unwrap();
            assert!(matches!(end, End::Both), "{end:?}");
            assert_eq!(moved, Moved { from_client: u64::try_from(copy).unwrap(), from_upstream: 6 });
        });
    }

    #[test]
    fn nothing_is_read_that_the_other_side_does_not_take() {
        runtime().block_on(async {
            let ((mut client, near), (far, _upstream)) = (duplex(1 << 20), duplex(16));
            client.write_all(&vec![7; 1 << 20]).await.unwrap();
            let mut relay = Relay::new(near, far);
            let end = relay.run(Some(Duration::from_secs(5))).await;
            assert!(matches!(end, End::Idle), "{end:?}");
            assert_eq!(relay.moved().from_client, 65_536, "one piece at most waits");
        });
    }

    #[test]
    fn a_connection_is_idle_only_if_no_byte_moved() {
        runtime().block_on(async {
            let ((mut client, near), (far, mut upstream)) = (duplex(64), duplex(64));
            let mut relay = Relay::new(near, far);
            let began = Instant::now();
            let talking = tokio::spawn(async move {
                for _ in 0..5 {
                    tokio::time::sleep(Duration::from_secs(8)).await;
                    client.write_all(b"x").await.unwrap();
                    assert_eq!(upstream.read_u8().await.unwrap(), b'x');
                }
                (client, upstream)
            });
            let end = relay.run(Some(Duration::from_secs(10))).await;
            assert!(matches!(end, End::Idle), "{end:?}");
            assert_eq!((began.elapsed().as_secs(), relay.moved().from_client), (50, 5));
            drop(talking.await.unwrap());
        });
    }

    #[test]
    fn a_side_that_fails_is_named() {
        runtime().block_on(async {
            let ((mut client, near), (far, upstream)) = (duplex(64), duplex(64));
            drop(upstream);
            client.write_all(b"lost").await.unwrap();
            let end = Relay::new(near, far).run(None).await;
            assert!(matches!(&end, End::Upstream(error) if error.kind() == io::ErrorKind::BrokenPipe), "{end:?}");
        });
    }
}
