//! What the proxy says of each connection and request: its access log, read to the end.

use core::fmt;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};
use std::thread::{self, JoinHandle};

use serde_json::Value;

/// The reader of the log, which ends with the proxy.
pub(crate) struct Log(JoinHandle<Logged>);

/// What stood in it.
#[derive(Default)]
pub(crate) struct Logged {
    /// How many lines, by their code.
    codes: BTreeMap<String, u64>,
    /// The first of those whose code is not `closed`.
    others: Vec<String>,
}

impl Log {
    pub(crate) fn of(stdout: impl Read + Send + 'static) -> Log {
        Log(thread::spawn(move || {
            let mut logged = Logged::default();
            BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| logged.take(line));
            logged
        }))
    }

    /// Once the proxy has ended.
    pub(crate) fn end(self) -> Logged {
        self.0.join().unwrap()
    }
}

impl Logged {
    fn take(&mut self, line: String) {
        // Nearly all of them: the clients need the processor.
        if line.contains("\"code\":\"closed\"") {
            return *self.codes.entry("closed".to_owned()).or_default() += 1;
        }
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        *self.codes.entry(entry["code"].as_str().unwrap_or("unreadable").to_owned()).or_default() += 1;
        if self.others.len() < SHOWN {
            self.others.push(line);
        }
    }

    /// Whether it has so many lines, and each says that both sides ended in order.
    pub(crate) fn is_of(&self, count: u64) -> bool {
        self.codes == BTreeMap::from([("closed".to_owned(), count)])
    }
}

impl fmt::Display for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the log of the proxy:")?;
        self.codes.iter().try_for_each(|(code, count)| write!(f, " {count} {code}"))?;
        self.others.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

const SHOWN: usize = 32;
