//! Every hostile peer against all three faces: its code, no data of it, few bytes, little memory.
//! `cargo test --features tokio --test all hostile_peers_tokio -- --show-output` prints the table.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use crate::support::hostile::{Counted, Outcome, REQUEST, Stage, Watch, cases, code, faces, print_heading};
use crate::support::world::host;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use uptls::ConnectOptions;

#[tokio::test]
async fn every_peer_by_every_face() {
    print_heading();
    let mut complaints = Vec::new();
    for case in cases() {
        let (stage, options) = case.begin();
        complaints.extend(case.judge("blocking", &faces::blocking(&stage, &options)));
        let (stage, options) = case.begin();
        complaints.extend(case.judge("tokio", &meet(&stage, &options).await));
        let (stage, options) = case.begin();
        complaints.extend(case.judge("sans-IO", &faces::sans_io(&stage, &options)));
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

async fn meet(stage: &Stage, options: &ConnectOptions) -> Outcome {
    let (begun, watch) = (Instant::now(), Watch::begin());
    let stream = TcpStream::connect(stage.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut socket = Socket(Counted::new(stream));
    let mut data = Vec::new();
    let code = match stage.connector.handshake_async(&mut socket, &host(), options).await {
        Err(error) => Some(error.code()),
        Ok(mut stream) => match stream.write_all(REQUEST).await {
            Err(error) => Some(code(&error)),
            Ok(()) => stream.read_to_end(&mut data).await.err().map(|error| code(&error)),
        },
    };
    Outcome { code, data, elapsed: begun.elapsed(), bytes: socket.0.bytes, peak: watch.peak() }
}

struct Socket(Counted<TcpStream>);

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        ready!(Pin::new(&mut self.0.transport).poll_read(cx, out))?;
        self.0.bytes.read += out.filled().len() - before;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.0.transport).poll_write(cx, data))?;
        self.0.bytes.sent += count;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.transport).poll_shutdown(cx)
    }
}
