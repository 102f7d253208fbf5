//! `make soak`: clients without end through `uptls proxy`, while CA, identity and manifests change under it.
//!
//! `soak SECONDS CLIENTS`, after `cargo build --release -p uptls-cli`. The first tenth of the time nothing changes: what is slower
//! afterwards is the rotation's. Ends with 1 if a request failed, or if memory or descriptors grew.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot set itself up has no figures")]

mod world;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use world::World;

/// What clients saw in one part of the run.
#[derive(Default)]
struct Seen {
    failures: BTreeMap<String, u64>,
    microseconds: Vec<u64>,
}

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [seconds, clients] = numbers.as_slice() else {
        eprintln!("usage: soak SECONDS CLIENTS");
        return ExitCode::from(2);
    };
    let mut world = World::start();
    let (calm, rotating) = (Mutex::new(Seen::default()), Mutex::new(Seen::default()));
    let (is_calm, has_ended) = (AtomicBool::new(true), AtomicBool::new(false));
    let addresses = world.addresses();
    let mut usage = Vec::new();
    let mut rounds = 0;
    thread::scope(|scope| {
        for number in 0..*clients {
            let address = addresses[usize::try_from(number).unwrap() % addresses.len()];
            let (calm, rotating, is_calm, has_ended) = (&calm, &rotating, &is_calm, &has_ended);
            scope.spawn(move || {
                while !has_ended.load(Ordering::Relaxed) {
                    let part = if is_calm.load(Ordering::Relaxed) { calm } else { rotating };
                    request(address, part);
                }
            });
        }
        let began = Instant::now();
        let end = Duration::from_secs(*seconds);
        thread::sleep(end / 10);
        is_calm.store(false, Ordering::Relaxed);
        usage.push(world.usage());
        while began.elapsed() < end {
            world.rotate();
            rounds += 1;
            if began.elapsed() > end.mul_f64(f64::from(u32::try_from(usage.len()).unwrap()) / 10.0) {
                usage.push(world.usage());
                println!("{:>4} s: {}, {rounds} changes", began.elapsed().as_secs(), usage.last().unwrap());
            }
        }
        has_ended.store(true, Ordering::Relaxed);
    });
    report(calm.into_inner().unwrap(), rotating.into_inner().unwrap(), &usage, rounds)
}

/// One connection with one request.
fn request(address: SocketAddr, part: &Mutex<Seen>) {
    let began = Instant::now();
    let outcome = ask(address);
    let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let mut seen = part.lock().unwrap();
    match outcome {
        Ok(()) => seen.microseconds.push(took),
        Err(kind) => *seen.failures.entry(format!("{kind:?}")).or_default() += 1,
    }
}

fn ask(address: SocketAddr) -> Result<(), ErrorKind> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.kind())?;
    let mut answer = String::new();
    let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: payments.internal\r\n\r\n");
    asked.and_then(|()| stream.read_to_string(&mut answer)).map_err(|error| error.kind())?;
    if answer.ends_with(uptls_testkit::RESPONSE_BODY) { Ok(()) } else { Err(ErrorKind::InvalidData) }
}

fn report(calm: Seen, rotating: Seen, usage: &[world::Usage], rounds: u64) -> ExitCode {
    let failed: u64 = calm.failures.values().chain(rotating.failures.values()).sum();
    let (before, during) = (calm.p99(), rotating.p99());
    let ratio = during.as_secs_f64() / before.as_secs_f64().max(1e-9);
    println!(
        "{} requests, {failed} failed {:?}; {rounds} changes; p99 {before:.1?} without, {during:.1?} with: {ratio:.2}x",
        calm.microseconds.len() + rotating.microseconds.len(),
        rotating.failures,
    );
    let (Some(first), Some(last)) = (usage.get(1).or(usage.first()), usage.last()) else { return ExitCode::FAILURE };
    println!("first {first}, last {last}");
    // The log and the sessions fill up at first; a leak of one object for each change or request is far more.
    let is_flat =
        last.kilobytes < first.kilobytes + first.kilobytes / 4 + 8_192 && last.descriptors < first.descriptors + 64;
    if failed == 0 && is_flat { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Seen {
    fn p99(&self) -> Duration {
        let mut sorted = self.microseconds.clone();
        sorted.sort_unstable();
        let place = sorted.len() * 99 / 100;
        Duration::from_micros(sorted.get(place).copied().unwrap_or_default())
    }
}
