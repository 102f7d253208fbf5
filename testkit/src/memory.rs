//! Looks for secrets in the memory of another process: what was freed is still there until it is written over.
//!
//! The process that is searched must not hold what is searched for, so a test runs its own binary a second time: the parent
//! knows the secrets, and the child meets them in its files alone. Linux only.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::key::Key;
use crate::pem::pem;

/// The pieces of secrets, each by the name of what it is a piece of.
#[derive(Default)]
pub struct Needles(Vec<(String, Vec<u8>)>);

impl Needles {
    /// Adds `secret` in pieces of sixteen bytes. The allocator writes over the first bytes of what it takes back, so one
    /// piece that is found is enough.
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        let pieces = secret.chunks_exact(PIECE).enumerate();
        self.0.extend(pieces.map(|(index, piece)| (format!("{name}, piece {index}"), piece.to_vec())));
    }

    /// Adds a number as it stands in a file, and in the order in which a processor's words hold it.
    pub fn add_number(&mut self, name: &str, big_endian: &[u8]) {
        self.add(name, big_endian);
        let reversed: Vec<u8> = big_endian.iter().rev().copied().collect();
        self.add(&format!("{name} in words"), &reversed);
    }

    /// Adds every number of `key`, and its part of the lines of the key's PKCS#8 PEM text.
    pub fn add_key(&mut self, key: &Key) {
        let der = key.pkcs8_der();
        for number in key.secret_numbers() {
            self.add_number("a number of the key", &number);
            self.add_base64("the PEM text", &der, &number, PEM_LINE);
        }
    }

    /// Adds those characters of the base64 of `content`, in lines of `line` characters, that `secret` alone decides.
    pub fn add_base64(&mut self, name: &str, content: &[u8], secret: &[u8], line: usize) {
        let begin =
            content.windows(secret.len()).position(|part| part == secret).expect("the content holds the secret");
        let (first, last) = (begin.div_ceil(3) * 4, (begin + secret.len()) / 3 * 4);
        let text = base64(content);
        for start in (0..text.len()).step_by(line) {
            let (from, to) = (first.max(start), last.min(start + line));
            if from < to {
                self.add(name, &text.as_bytes()[from..to]);
            }
        }
    }

    /// Adds the name of each piece that stands in `memory`, and where that is.
    fn count(&self, memory: &[u8], called: &str, hits: &mut Vec<String>) {
        // Pieces that begin alike share a slot: each place is compared with few of them.
        let mut slots: Vec<Vec<usize>> = vec![Vec::new(); 1 << 16];
        for (index, (_, piece)) in self.0.iter().enumerate() {
            slots[slot(piece)].push(index);
        }
        for place in memory.windows(PIECE) {
            let candidates = &slots[slot(place)];
            hits.extend(
                candidates
                    .iter()
                    .filter(|index| self.0[**index].1 == place)
                    .map(|i| format!("{} in {called}", self.0[*i].0)),
            );
        }
    }
}

/// The base64 of `content`, in one line.
pub fn base64(content: &[u8]) -> String {
    let block = pem("DATA", content);
    block.lines().filter(|line| !line.starts_with('-')).collect()
}

fn slot(piece: &[u8]) -> usize {
    usize::from(piece[0]) << 8 | usize::from(piece[1])
}

/// A test of this binary that runs in a process of its own.
pub struct Subject {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Subject {
    /// Runs the test called `test` once more, with `script` for [`script`].
    pub fn start(test: &str, script: &str) -> Subject {
        let binary = env::current_exe().expect("the test has a binary");
        let mut child = Command::new(binary)
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(SCRIPT, script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Subject { child, input, output }
    }

    /// Waits until the child has come to `stage`, and searches its writable memory: the names of what was found.
    pub fn search_at(&mut self, stage: &str, needles: &Needles) -> Vec<String> {
        let wanted = format!("{STAGE}{stage}");
        let mut line = String::new();
        while line.trim_end() != wanted {
            line.clear();
            let read = self.output.read_line(&mut line).expect("the child is heard");
            assert!(read > 0, "the child ended before it came to {stage}");
        }
        let hits = search(self.child.id(), needles);
        self.input.write_all(b"\n").expect("the child listens");
        hits
    }

    /// The child must end well.
    pub fn finish(mut self) {
        drop(self.input);
        // It may have more to say.
        let mut rest = Vec::new();
        self.output.read_to_end(&mut rest).expect("the child is heard");
        let status = self.child.wait().expect("the child ends");
        assert!(status.success(), "{}", String::from_utf8_lossy(&rest));
    }
}

/// What [`Subject::start`] gave this process; `None` in the parent.
#[allow(clippy::disallowed_methods, reason = "it says which test a child runs, and decides nothing about verification")]
pub fn script() -> Option<String> {
    env::var(SCRIPT).ok()
}

/// The child has come to `stage`, and waits until it was searched.
#[allow(clippy::print_stdout, reason = "the parent reads it")]
pub fn stage(stage: &str) {
    // The harness has written the begin of a line.
    println!("\n{STAGE}{stage}");
    std::io::stdin().lock().read_line(&mut String::new()).expect("the parent answers");
}

fn search(process: u32, needles: &Needles) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).expect("the child has a map of its memory");
    let mut memory = File::open(format!("/proc/{process}/mem")).expect("a parent may read its child's memory");
    let (mut hits, mut searched) = (Vec::new(), 0);
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (range, rights) = (words.next().expect("a range"), words.next().expect("rights"));
        if !rights.starts_with("rw") {
            continue;
        }
        let (begin, end) = range.split_once('-').expect("a range");
        let number = |text| u64::from_str_radix(text, 16).expect("an address");
        let (begin, length) = (number(begin), number(end) - number(begin));
        memory.seek(SeekFrom::Start(begin)).expect("an address");
        let mut content = vec![0; usize::try_from(length).expect("it fits")];
        // Some of what belongs to the kernel cannot be read.
        if memory.read_exact(&mut content).is_ok() {
            let place = words.nth(3).unwrap_or("a stack or heap of a thread");
            needles.count(&content, place, &mut hits);
            searched += content.len();
        }
    }
    assert!(searched > 1 << 16, "only {searched} bytes could be read");
    hits
}

/// How long the lines of a PEM text are.
pub const PEM_LINE: usize = 64;
const PIECE: usize = 16;
const SCRIPT: &str = "UPTLS_TESTKIT_MEMORY";
const STAGE: &str = "memory-stage:";
