//! `make soak`: clients without end through `uptls proxy`, while CA, upstream certificate, identity and manifests change under it.
//!
//! `soak SECONDS CLIENTS`, after `cargo build --release -p uptls-cli`. Half of the clients open a connection for each request, whose
//! bytes the proxy moves; the other half are HTTP clients that stay, and whose requests go through its pools. The first tenth of the
//! time nothing changes: what is slower afterwards is the rotation's. Ends with 1 if a request failed, if the log of the proxy says
//! anything but `closed`, or if memory or descriptors grew.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot set itself up has no figures")]

mod client;
#[path = "../http_upstream.rs"]
mod http_upstream;
mod log;
mod seen;
mod upstreams;
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use client::{Client, Mode};
use log::Logged;
use seen::Seen;
use world::{Usage, World};

fn main() -> ExitCode {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [seconds, clients] = numbers.as_slice() else {
        eprintln!("usage: soak SECONDS CLIENTS");
        return ExitCode::from(2);
    };
    let mut world = World::start();
    let places = world.places();
    let seen = [Mode::Bytes, Mode::Http].map(Seen::new);
    let (is_calm, has_ended) = (AtomicBool::new(true), AtomicBool::new(false));
    let mut usage = Vec::new();
    let mut rounds = 0;
    thread::scope(|scope| {
        for number in 0..*clients {
            let place = places[usize::try_from(number).unwrap() % places.len()];
            let seen = seen.iter().find(|seen| seen.mode == place.mode).unwrap();
            let (is_calm, has_ended) = (&is_calm, &has_ended);
            scope.spawn(move || {
                let mut client = Client::new(place);
                while !has_ended.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let outcome = client.request();
                    seen.note(is_calm.load(Ordering::Relaxed), began.elapsed(), outcome);
                }
            });
        }
        let began = Instant::now();
        let end = Duration::from_secs(*seconds);
        thread::sleep(end / 10);
        is_calm.store(false, Ordering::Relaxed);
        usage.push(world.usage());
        while began.elapsed() < end {
            let next = Instant::now() + PACE;
            world.rotate();
            rounds += 1;
            if began.elapsed() > end.mul_f64(f64::from(u32::try_from(usage.len()).unwrap()) / 10.0) {
                usage.push(world.usage());
                println!("{:>4} s: {}, {rounds} changes", began.elapsed().as_secs(), usage.last().unwrap());
            }
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        has_ended.store(true, Ordering::Relaxed);
    });
    report(&seen, &world.end(), &usage, rounds)
}

fn report(seen: &[Seen], logged: &Logged, usage: &[Usage], rounds: u64) -> ExitCode {
    let [answered, failed] = [Seen::answered, Seen::failed].map(|count| seen.iter().map(count).sum::<u64>());
    for seen in seen {
        println!("{seen}");
    }
    println!("{answered} requests, {failed} failed; {rounds} changes; {logged}");
    let (Some(first), Some(last)) = (usage.get(1).or(usage.first()), usage.last()) else { return ExitCode::FAILURE };
    println!("first {first}, last {last}");
    // The log and the sessions fill up at first; a leak of one object for each change or request is far more.
    let is_flat =
        last.kilobytes < first.kilobytes + first.kilobytes / 4 + 8_192 && last.descriptors < first.descriptors + 64;
    let is_whole = failed == 0 && logged.is_of(answered);
    if is_whole && is_flat { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How often something changes at most.
const PACE: Duration = Duration::from_millis(200);
