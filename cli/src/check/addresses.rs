//! Every endpoint behind a name.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use uptls::{BackendHost, ConnectError, Error};

use crate::args::CheckArgs;
use crate::target::Target;

/// Whether the addresses of a name are needed before it is dialled.
pub(super) fn are_wanted(args: &CheckArgs) -> bool {
    args.all_addresses || args.ipv4 || args.ipv6
}

/// The addresses of `target`, or of what is dialled instead: all of them, or the first of the wanted family.
///
/// # Errors
/// `dns_failed` if there is none within the timeout.
pub(super) fn resolve(target: &Target, args: &CheckArgs) -> Result<Vec<SocketAddr>, Error> {
    let (host, port) = match (&args.dial.connect_to, &target.host) {
        (Some(to), _) => (to.host.clone(), to.port.unwrap_or(target.port)),
        (None, BackendHost::Ip(ip)) => (ip.to_string(), target.port),
        (None, host) => (host.to_string(), target.port),
    };
    let timeout = args.dial.timeout.unwrap_or(PATIENCE);
    let found = look_up(&host, port, timeout);
    let mut found = found.map_err(|reason| failed(&host, reason))?;
    found.retain(|address| match address.ip() {
        IpAddr::V4(_) => !args.ipv6,
        IpAddr::V6(_) => !args.ipv4,
    });
    let mut distinct: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    if !args.all_addresses {
        distinct.truncate(1);
    }
    match distinct.is_empty() {
        true => Err(failed(&host, "it has no address of the wanted family".to_owned())),
        false => Ok(distinct),
    }
}

/// The system's resolver has no deadline of its own.
fn look_up(host: &str, port: u16, timeout: Duration) -> Result<Vec<SocketAddr>, String> {
    let ask = move |name: &str| match (name, port).to_socket_addrs() {
        Ok(found) => Ok(found.collect()),
        Err(error) => Err(error.to_string()),
    };
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    // The reader may have given up.
    let started = thread::Builder::new().spawn(move || drop(sender.send(ask(&name))));
    if started.is_err() {
        // A system that is short of threads: this one waits as long as the resolver does.
        return ask(host);
    }
    receiver.recv_timeout(timeout).unwrap_or_else(|_| Err(format!("no answer within {} ms", timeout.as_millis())))
}

fn failed(host: &str, reason: String) -> Error {
    ConnectError::DnsFailed { host: host.to_owned(), reason }.into()
}

/// As long as a policy's default.
const PATIENCE: Duration = Duration::from_secs(10);
