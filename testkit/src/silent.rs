//! An address that answers nothing: what a host that is gone looks like, on loopback.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// A listener with a full queue and no accept: Linux drops each SYN, and refuses none.
pub struct SilentAddress {
    address: SocketAddr,
    _listener: Socket,
    _queue: Vec<TcpStream>,
}

impl SilentAddress {
    /// One on loopback; silent for as long as it lives.
    pub fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
        let queue: Vec<TcpStream> = (0..QUEUE).map_while(connect).collect();
        assert!(queue.len() < QUEUE, "the queue is never full");
        Self { address, _listener: listener, _queue: queue }
    }

    /// The address that does not answer.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }
}

impl Default for SilentAddress {
    fn default() -> Self {
        Self::new()
    }
}

const QUEUE: usize = 16;
