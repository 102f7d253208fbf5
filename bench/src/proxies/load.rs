//! What clients do, and what the proxy takes for it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uptls_testkit::process;

use crate::peers::{Peer, Running};

/// One round of one proxy.
pub(crate) struct Figures(Vec<(&'static str, f64)>);

/// Starts it, and has it do everything once.
pub(crate) fn measure(peer: &Peer, connections: usize) -> Figures {
    let running = peer.start();
    let to = running.address;
    // What is made at the first use is not counted.
    each(64, || ask(&mut connect(to)?, 1));
    let (before, began) = (cpu(&running), Instant::now());
    each(connections, || ask(&mut connect(to)?, 1));
    let (handshakes, took) = (cpu(&running) - before, began.elapsed());
    let (idle, _open) = idle(&running);
    let before = cpu(&running);
    ask(&mut connect(to).unwrap(), GIB).unwrap();
    let bulk = cpu(&running) - before;
    let (per_second, p99) = requests(to);
    let count = float(connections);
    Figures(vec![
        ("handshake_cpu_us", handshakes * 1e6 / count),
        ("connections_per_second", count / took.as_secs_f64()),
        ("gib_cpu_s", bulk),
        ("idle_kib", idle),
        ("requests_per_second", per_second),
        ("p99_us", p99),
    ])
}

/// The same for requests of HTTP, which wrk makes over connections that stay open.
pub(crate) fn measure_requests(peer: &Peer) -> Figures {
    let running = peer.start();
    // What is made at the first use is not counted.
    wrk(running.address, 1);
    let before = cpu(&running);
    let wrk = wrk(running.address, WRK_SECONDS);
    let spent = cpu(&running) - before;
    Figures(vec![
        ("request_cpu_us", spent * 1e6 / wrk.requests),
        ("requests_per_second", wrk.per_second),
        ("p99_us", wrk.p99_us),
    ])
}

/// What wrk says of one run.
struct Wrk {
    requests: f64,
    per_second: f64,
    p99_us: f64,
}

fn wrk(to: SocketAddr, seconds: u32) -> Wrk {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--latency", "--connections"]).arg(CLIENTS.to_string());
    command.args(["--duration", &format!("{seconds}s"), &format!("http://{to}/")]);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // A response that is an error is fast, and another work.
    let is_good = output.status.success() && !text.contains("Non-2xx") && !text.contains("Socket errors");
    assert!(is_good, "{command:?}: {text}");
    Wrk::parse(&text).unwrap_or_else(|| panic!("{command:?}: {text}"))
}

impl Wrk {
    fn parse(text: &str) -> Option<Wrk> {
        let after = |start: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(start)).map(str::trim);
        let done = text.lines().find(|line| line.contains(" requests in "))?;
        let p99 = after("99%")?;
        let (number, unit) = p99.split_at(p99.find(|c: char| c.is_ascii_alphabetic())?);
        let in_us = match unit {
            "us" => 1.0,
            "ms" => 1e3,
            "s" => 1e6,
            _ => return None,
        };
        Some(Wrk {
            requests: done.split_whitespace().next()?.parse().ok()?,
            per_second: after("Requests/sec:")?.parse().ok()?,
            p99_us: number.parse::<f64>().ok()? * in_us,
        })
    }
}

/// Of each figure the median.
pub(crate) fn median(rounds: Vec<Figures>) -> Value {
    let mut row = json!({});
    let names: Vec<_> = rounds.first().iter().flat_map(|Figures(figures)| figures).map(|(name, _)| *name).collect();
    for (place, name) in names.into_iter().enumerate() {
        let mut values: Vec<f64> =
            rounds.iter().filter_map(|Figures(figures)| figures.get(place).map(|(_, value)| *value)).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.get(values.len() / 2).copied().unwrap_or_default();
        row[name] = json!((middle * 100.0).round() / 100.0);
    }
    row
}

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Asks for so many bytes, and reads them.
fn ask(stream: &mut TcpStream, count: u64) -> io::Result<()> {
    stream.write_all(&count.to_be_bytes())?;
    let read = io::copy(&mut stream.take(count), &mut io::sink())?;
    if read == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Has [`CLIENTS`] threads do it so many times in all. One that fails ends the bench: its figures would be of another work.
fn each(count: usize, work: impl Fn() -> io::Result<()> + Sync) {
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while done.fetch_add(1, Ordering::Relaxed) < count {
                    work().expect("the proxy connects");
                }
            });
        }
    });
}

/// KiB for a connection on which nothing happens, and those connections.
fn idle(running: &Running) -> (f64, Vec<TcpStream>) {
    let before = kib(running);
    let open: Vec<TcpStream> = (0..IDLE)
        .map(|_| {
            let mut stream = connect(running.address).unwrap();
            ask(&mut stream, 1).unwrap();
            stream
        })
        .collect();
    thread::sleep(Duration::from_millis(500));
    ((kib(running) - before) / float(IDLE), open)
}

/// One byte after another over connections that stay open: how many a second, and the 99th of a hundred in microseconds.
fn requests(to: SocketAddr) -> (f64, f64) {
    let times = Mutex::new(Vec::new());
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut stream = connect(to).unwrap();
                let mut own = Vec::with_capacity(REQUESTS);
                for _ in 0..REQUESTS {
                    let began = Instant::now();
                    ask(&mut stream, 1).unwrap();
                    own.push(began.elapsed());
                }
                times.lock().unwrap().extend(own);
            });
        }
    });
    let took = began.elapsed();
    let mut times = times.into_inner().unwrap();
    times.sort_unstable();
    let late = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    (float(times.len()) / took.as_secs_f64(), late.as_secs_f64() * 1e6)
}

/// Of the process and its children, in seconds.
fn cpu(running: &Running) -> f64 {
    sum(running, process::ticks) / TICKS
}

fn kib(running: &Running) -> f64 {
    sum(running, process::resident_kib)
}

fn sum(running: &Running, figure: fn(u32) -> Option<u64>) -> f64 {
    let all = running.processes().into_iter().filter_map(figure).sum::<u64>();
    float(usize::try_from(all).unwrap_or(usize::MAX))
}

fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// In bytes.
const GIB: u64 = 1 << 30;
const CLIENTS: usize = 8;
const IDLE: usize = 400;
const REQUESTS: usize = 4000;
const WRK_SECONDS: u32 = 5;
/// USER_HZ of Linux.
const TICKS: f64 = 100.0;
