//! Bytes that no server should send in the clear, the alert that each deserves, and a peer that sends them and listens.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use uptls::Code;

pub struct Case {
    pub name: &'static str,
    pub alert: u8,
    pub code: Code,
    pub bytes: Vec<u8>,
}

pub fn cases() -> Vec<Case> {
    let (handshake, data) = (22, 23);
    // One byte of the message in each record: six bytes of the buffer.
    let mut scattered = record(handshake, &[2, 0, 0xfd, 0xe8]);
    while scattered.len() + 6 <= BUFFER {
        scattered.extend(record(handshake, &[0]));
    }
    scattered.extend(&record(handshake, &[0])[..BUFFER - scattered.len()]);
    let mut interleaved = record(handshake, &[2, 0, 0x10, 0]);
    interleaved.extend(record(data, &[0; 4]));
    let mut empty = Vec::new();
    (0..64).for_each(|_| empty.extend(record(handshake, &[])));
    vec![
        Case {
            name: "a ServerHello of 16777215 bytes",
            alert: DECODE_ERROR,
            code: Code::MessageTooLarge,
            bytes: record(handshake, &[2, 0xff, 0xff, 0xff]),
        },
        Case {
            name: "a ServerHello of 65000 bytes in records of one",
            alert: DECODE_ERROR,
            code: Code::MessageTooLarge,
            bytes: scattered,
        },
        Case {
            name: "data inside of a message",
            alert: UNEXPECTED_MESSAGE,
            code: Code::PeerMisbehaved,
            bytes: interleaved,
        },
        // rustls says these itself.
        Case { name: "empty records", alert: DECODE_ERROR, code: Code::PeerMisbehaved, bytes: empty },
        Case {
            name: "a record of 65535 bytes",
            alert: DECODE_ERROR,
            code: Code::MessageTooLarge,
            bytes: vec![handshake, 3, 3, 0xff, 0xff],
        },
        Case {
            name: "an empty ServerHello",
            alert: DECODE_ERROR,
            code: Code::PeerMisbehaved,
            bytes: record(handshake, &[2, 0, 0, 0]),
        },
    ]
}

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 3, 3];
    record.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    record.extend(payload);
    record
}

/// Kind and payload of each record.
pub fn records(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut records = Vec::new();
    while let [kind, 3, _, high, low, rest @ ..] = bytes {
        let (payload, next) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        records.push((*kind, payload.to_vec()));
        bytes = next;
    }
    assert!(bytes.is_empty(), "half a record: {bytes:x?}");
    records
}

/// Waits for a ClientHello, sends its bytes, and keeps what it hears afterwards.
pub struct Peer {
    pub address: SocketAddr,
    heard: JoinHandle<Vec<u8>>,
}

impl Peer {
    pub fn start(bytes: Vec<u8>) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 5];
            stream.read_exact(&mut head).unwrap();
            let length = u16::from_be_bytes([head[3], head[4]]);
            stream.read_exact(&mut vec![0; usize::from(length)]).unwrap();
            stream.write_all(&bytes).unwrap();
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).unwrap();
            heard
        });
        Peer { address, heard }
    }

    /// The records that came after the ClientHello.
    pub fn saw(self) -> Vec<(u8, Vec<u8>)> {
        records(&self.heard.join().unwrap())
    }
}

pub const UNEXPECTED_MESSAGE: u8 = 10;
pub const DECODE_ERROR: u8 = 50;
/// What rustls gathers of one message.
const BUFFER: usize = 0xffff;
