//! Data in large pieces: whatever the size of what is fed, the same bytes come out, and what follows them is not overtaken.

use std::io::{self, Write};

use crate::support::world::{BOTH, World, establish, exchange, host, read_all};
use uptls::sans_io::{Established, Incoming};
use uptls::{Code, ConnectError, ConnectOptions, Error};
use uptls_testkit::{MemoryServer, Versions};

/// A connection on which the peer has sent data already.
fn connection(world: &World, versions: Versions) -> (Established, MemoryServer) {
    let mut server = MemoryServer::with_options(&world.server(versions));
    let connector = world.connector(world.spec());
    let mut established = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
    exchange(&mut established, &mut server).unwrap();
    server.write(b"first");
    established.feed(&server.drain()).unwrap();
    assert_eq!(read_all(&mut established).unwrap(), b"first");
    (established, server)
}

/// Feeds all of it in pieces of `size`, and reads as it goes.
fn take(established: &mut Established, bytes: &[u8], size: usize) -> Result<Vec<u8>, Error> {
    let mut data = Vec::new();
    for piece in bytes.chunks(size) {
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = established.feed(rest)?;
            assert!(taken <= MOST, "{taken}");
            rest = &rest[taken..];
            data.extend(read_all(established)?);
        }
    }
    Ok(data)
}

#[test]
fn pieces_of_any_size_give_the_same_data() {
    let data: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    for versions in BOTH {
        let world = World::new("bulk");
        for size in [1, 4096, 4097, 16_406, 18_437, 40_000, usize::MAX] {
            let (mut established, mut server) = connection(&world, versions);
            server.write(&data);
            let bytes = server.drain();
            let bytes = if size == 1 { &bytes[..20_000] } else { &bytes[..] };
            let taken = take(&mut established, bytes, size).unwrap();
            assert_eq!(taken, data[..taken.len()], "{versions:?}, pieces of {size}");
            assert_eq!(taken.len() == data.len(), size != 1);
        }
    }
}

/// What is not read is not taken, to the last byte of it.
#[test]
fn nothing_is_taken_while_data_waits() {
    for versions in BOTH {
        let world = World::new("bulk");
        let (mut established, mut server) = connection(&world, versions);
        server.write(b"two");
        assert!(established.feed(&server.drain()).unwrap() > 0);
        server.write(b"more");
        let bytes = server.drain();
        assert_eq!(established.feed(&bytes), Ok(0));
        assert_eq!(established.read(&mut [0; 2]).unwrap(), Incoming::Data(2));
        assert_eq!(established.feed(&bytes), Ok(0));
        assert_eq!(established.read(&mut [0; 2]).unwrap(), Incoming::Data(1));
        assert_eq!(established.feed(&bytes), Ok(bytes.len()));
    }
}

/// Small records among large ones.
#[test]
fn records_of_every_size_are_taken() {
    let world = World::new("bulk");
    let (mut established, mut server) = connection(&world, Versions::Tls13);
    let (mut bytes, mut data) = (Vec::new(), Vec::new());
    for size in (0..40).chain([16_000, 1, 16_384, 3]) {
        let part = vec![7; size];
        server.write(&part);
        bytes.extend(server.drain());
        data.extend(part);
    }
    assert_eq!(take(&mut established, &bytes, usize::MAX).unwrap(), data);
}

/// The alert is processed with the data before it, and is not about our certificate (I5).
#[test]
fn data_in_front_of_an_alert_is_not_lost() {
    for versions in BOTH {
        let world = World::new("bulk");
        let (mut established, mut server) = connection(&world, versions);
        server.write(&[7; 10_000]);
        server.feed(b"\x17\x03\x03\x00\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").unwrap_err();
        let error = established.feed(&server.drain()).unwrap_err();
        let alert = ConnectError::RemoteAlert { alert: "bad_record_mac".to_owned(), moment: uptls::AlertMoment::Later };
        assert!(matches!(&error, Error::Connect { error, .. } if *error == alert), "{error:?}");
        assert!(established.unread() > 0);
        let mut out = [0; 20_000];
        assert_eq!(established.read(&mut out).unwrap(), Incoming::Data(10_000));
        assert_eq!((established.unread(), established.read(&mut out)), (0, Err(error)));
    }
}

/// H8: what follows a close_notify is ignored, in the same piece too; without it the end is a truncation.
#[test]
fn the_end_is_where_the_peer_said() {
    for versions in BOTH {
        let world = World::new("bulk");
        for closes in [true, false] {
            let (mut established, mut server) = connection(&world, versions);
            server.write(&[7; 10_000]);
            if closes {
                server.close();
            }
            let mut bytes = server.drain();
            if closes {
                bytes.extend(b"HTTP/1.1 400 Bad Request");
            }
            let taken = established.feed(&bytes).unwrap();
            assert_eq!(taken, bytes.len());
            established.feed_eof();
            let mut out = [0; 20_000];
            assert_eq!(established.read(&mut out).unwrap(), Incoming::Data(10_000));
            let end = established.read(&mut out).map_err(|error| error.code());
            assert_eq!(end, if closes { Ok(Incoming::Closed) } else { Err(Code::Truncated) }, "{versions:?}");
        }
    }
}

/// A byte that is wrong is found, wherever it is in a large piece, and no data after it is given.
#[test]
fn damage_in_a_large_piece_is_found() {
    for versions in BOTH {
        let world = World::new("bulk");
        for damages in [true, false] {
            let (mut established, mut server) = connection(&world, versions);
            server.write(&[7; 10_000]);
            let mut bytes = server.drain();
            let first = bytes.len();
            server.write(&[7; 10_000]);
            bytes.extend(server.drain());
            bytes[first + 100] ^= u8::from(damages);
            let (mut data, mut outcome) = (Vec::<u8>::new(), Ok(()));
            while outcome.is_ok() && !bytes.is_empty() {
                outcome = established.feed(&bytes).map(|taken| drop(bytes.drain(..taken))).map_err(|e| e.code());
                let mut out = [0; 20_000];
                while let Ok(Incoming::Data(count)) = established.read(&mut out) {
                    data.extend(&out[..count]);
                }
            }
            let wanted = if damages { (Err(Code::PeerMisbehaved), 10_000) } else { (Ok(()), 20_000) };
            assert_eq!((outcome, data.len()), wanted, "{versions:?}");
        }
    }
}

/// rustls's buffer, once emptied and filled again by one call.
const MOST: usize = 2 * 18_437;

/// Takes a few bytes at a time, and no more than it has room for.
struct Narrow {
    room: usize,
    taken: Vec<u8>,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room).min(1000);
        self.taken.extend_from_slice(&bytes[..count]);
        self.room -= count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says that it took more than there was.
struct Liar;

impl Write for Liar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len() + 1)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_takes_what_it_has_room_for_and_nothing_is_lost() {
    for versions in BOTH {
        let world = World::new("sinks");
        let (mut established, mut server) = connection(&world, versions);
        let data: Vec<u8> = (0..=250).cycle().take(16_000).collect();
        server.write(&data);
        established.feed(&server.drain()).unwrap();
        assert_eq!(established.unread(), 16_000);
        let mut sink = Narrow { room: 7_500, taken: Vec::new() };
        assert_eq!(established.read_with(&mut sink).unwrap(), Incoming::Data(7_500));
        assert_eq!(established.read_with(&mut sink).unwrap(), Incoming::Data(0), "no room, but there is data");
        assert_eq!(established.unread(), 8_500);
        sink.room = usize::MAX;
        assert_eq!(established.read_with(&mut sink).unwrap(), Incoming::Data(8_500));
        assert_eq!((established.unread(), established.read_with(&mut sink)), (0, Ok(Incoming::WantRead)));
        assert!(sink.taken == data);

        established.write(&data).unwrap();
        let mut sink = Narrow { room: 10_000, taken: Vec::new() };
        assert_eq!((established.drain_with(&mut sink), established.wants_write()), (10_000, true));
        sink.room = usize::MAX;
        assert!(established.drain_with(&mut sink) > 6_000 && !established.wants_write());
        server.feed(&sink.taken).unwrap();
        assert!(server.read() == data);
    }
}

#[test]
fn a_sink_that_lies_harms_nobody() {
    let world = World::new("a liar");
    let (mut established, mut server) = connection(&world, Versions::Tls13);
    server.write(&[7; 100]);
    established.feed(&server.drain()).unwrap();
    assert_eq!(established.read_with(&mut Liar).unwrap(), Incoming::Data(100));
    assert_eq!((established.unread(), established.read_with(&mut Liar)), (0, Ok(Incoming::WantRead)));
}
