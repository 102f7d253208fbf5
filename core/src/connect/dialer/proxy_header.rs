//! The bytes of a header of the PROXY protocol, version 2.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// For a connection of this program's own: the command LOCAL, without addresses.
pub(crate) fn local() -> Vec<u8> {
    header(Command::Local, &[])
}

/// For a client at `source`, which connected to `destination`. If one of them is IPv6, both are written so (RFC 4291 section
/// 2.5.5.2).
pub(crate) fn proxied(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let (command, mut addresses) = match (source.ip().to_canonical(), destination.ip().to_canonical()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            (Command::ProxyIpv4, [source.octets(), destination.octets()].concat())
        }
        (source, destination) => {
            (Command::ProxyIpv6, [as_ipv6(source).octets(), as_ipv6(destination).octets()].concat())
        }
    };
    addresses.extend_from_slice(&source.port().to_be_bytes());
    addresses.extend_from_slice(&destination.port().to_be_bytes());
    header(command, &addresses)
}

/// Version and command, then family and protocol (section 2.2 of the PROXY protocol).
#[derive(Clone, Copy)]
enum Command {
    Local,
    ProxyIpv4,
    ProxyIpv6,
}

fn header(command: Command, addresses: &[u8]) -> Vec<u8> {
    // Version 2 with LOCAL and UNSPEC; with PROXY, TCP over IPv4 and 12 bytes, or TCP over IPv6 and 36 bytes.
    let fixed: [u8; 4] = match command {
        Command::Local => [0x20, 0x00, 0, 0],
        Command::ProxyIpv4 => [0x21, 0x11, 0, 12],
        Command::ProxyIpv6 => [0x21, 0x21, 0, 36],
    };
    [SIGNATURE, &fixed, addresses].concat()
}

fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
