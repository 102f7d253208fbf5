//! What the model of a connector says of sequences that every face can make: testdata/rotation/sequences.txt, which C and
//! Python replay with their own calls. The model is that of `rotate_model.rs`, which holds the core to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "test code")]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use uptls_testkit::rotation::{Disk, Doc, Flaw, Model, Op, SECOND, Seen, Sort, State};

/// What a program can do by the calls of its language, and with its files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    /// Loads a document and updates by it; one that cannot be loaded is refused.
    Load(Doc),
    Withdraw,
    /// Sets the file of the first document.
    File(Disk),
    /// Removes the file of the second document, or puts it back.
    Second,
    /// Has a new watch read the files once, and frees it.
    Look,
}

const ACTS: [(&str, Act); 10] = [
    ("one", Act::Load(Doc::One)),
    ("two", Act::Load(Doc::Two)),
    ("never", Act::Load(Doc::Bad)),
    ("withdraw", Act::Withdraw),
    ("first", Act::File(Disk::Good(0))),
    ("renewed", Act::File(Disk::Good(1))),
    ("folder", Act::File(Disk::Bad)),
    ("gone", Act::File(Disk::Gone)),
    ("second", Act::Second),
    ("look", Act::Look),
];

/// A model, and the files as they are.
struct Scenario {
    model: Model,
    one: Disk,
    has_second: bool,
}

impl Scenario {
    fn new(fail_closed: bool) -> Scenario {
        let mut model = Model::new(fail_closed, true, Flaw::None);
        model.apply(Op::Drop);
        Scenario { model, one: Disk::Good(0), has_second: true }
    }

    fn apply(&mut self, act: Act) -> Seen {
        match act {
            Act::Load(document) => {
                let loads = match document {
                    Doc::One => matches!(self.one, Disk::Good(_)),
                    Doc::Two => self.has_second,
                    Doc::Bad => false,
                };
                self.model.apply(if loads { Op::Update(document) } else { Op::Refuse })
            }
            Act::Withdraw => self.model.apply(Op::Withdraw),
            Act::File(disk) => {
                self.one = disk;
                self.model.apply(Op::File(disk))
            }
            Act::Second => {
                self.has_second = !self.has_second;
                self.model.apply(Op::ToggleSecond)
            }
            Act::Look => {
                self.model.apply(Op::Add(Sort::Following));
                self.model.apply(Op::Poll);
                self.model.apply(Op::Drop)
            }
        }
    }
}

/// `ready/1/0`: the state, the generation, and the content that connections are made with, or `-`.
fn word(seen: &Seen) -> String {
    let state = match seen.state {
        State::Degraded => "degraded",
        State::NotReady => "not_ready",
        State::Ready => "ready",
        State::Withdrawn => "withdrawn",
    };
    let content = seen.content.map_or_else(|| "-".to_owned(), |content| content.to_string());
    format!("{state}/{}/{content}", seen.generation)
}

/// One line: the mode, and what is done and then seen, by turns.
fn line(fail_closed: bool, acts: impl Iterator<Item = usize>) -> String {
    let mut scenario = Scenario::new(fail_closed);
    let mut text = if fail_closed { "fail_closed" } else { "keep_last_good" }.to_owned();
    for index in acts {
        let (name, act) = ACTS[index];
        write!(text, " {name} {}", word(&scenario.apply(act))).unwrap();
    }
    text
}

/// Every sequence of three, each in both modes, and some long ones.
fn sequences() -> String {
    let mut text = String::new();
    for fail_closed in [false, true] {
        for number in 0..1000 {
            let digits = [number / 100, number / 10 % 10, number % 10];
            writeln!(text, "{}", line(fail_closed, digits.into_iter())).unwrap();
        }
        let mut state = 1_u64;
        for _ in 0..LONG {
            let acts = (0..LENGTH).map(|_| {
                // Knuth's MMIX; the high bits are the good ones.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                usize::try_from((state >> 33) % 10).unwrap()
            });
            writeln!(text, "{}", line(fail_closed, acts)).unwrap();
        }
    }
    text
}

#[test]
fn the_sequences_for_every_face_are_those_of_the_model() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/rotation/sequences.txt");
    let text = sequences();
    // Each state is reached, and the second document's content.
    for word in ["degraded/", "not_ready/", "ready/3/", "withdrawn/", &format!("/{SECOND} ")] {
        assert!(text.contains(word), "{word}");
    }
    #[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS is how a developer says yes")]
    if std::env::var_os("UPTLS_BLESS").is_some_and(|value| value == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == text, "run it with UPTLS_BLESS=1, and look at what changed");
}

const LENGTH: usize = 12;
const LONG: usize = 200;
