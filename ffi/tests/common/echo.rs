//! A server that sends back what it gets, in pieces of its own.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use uptls_testkit::{MemoryServer, ServerOptions};

/// Serves until the test ends, and gives the address.
pub(crate) fn start(options: ServerOptions) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let options = Arc::new(options);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let options = Arc::clone(&options);
            // The client says what went wrong.
            thread::spawn(move || drop(serve(stream, &options)));
        }
    });
    address
}

fn serve(mut stream: TcpStream, options: &ServerOptions) -> io::Result<()> {
    let mut server = MemoryServer::with_options(options);
    let mut buffer = [0; PIECE];
    loop {
        let count = stream.read(&mut buffer)?;
        server.feed(buffer.get(..count).unwrap_or_default()).map_err(io::Error::other)?;
        let data = server.read();
        server.write(&data);
        if count == 0 {
            server.close();
            return stream.write_all(&server.drain());
        }
        stream.write_all(&server.drain())?;
    }
}

/// No record ends where a piece does.
const PIECE: usize = 7777;
