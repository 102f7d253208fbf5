//! Insertions into a text. Nothing is ever removed, so that the places of the original stay in order.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use crate::{MODULE, Switched};

/// What is to be inserted.
#[derive(Default)]
pub(crate) struct Edits {
    /// Expressions, each with the mutants that stand in its place. Ranges nest or are apart.
    wraps: BTreeMap<(usize, usize), Vec<Alternative>>,
    /// Expressions with what follows them.
    followed: BTreeMap<(usize, usize), Vec<Text>>,
    /// Text at one place.
    points: Vec<(usize, Text)>,
}

/// Text of which a part is the code of a mutant.
struct Text {
    before: String,
    alternative: Alternative,
    after: String,
}

impl Text {
    /// `before` asks the switch: `on(7)`.
    fn new(id: u32, before: &str, code: &str, after: &str) -> Self {
        let before = before.replace("on(", &format!("crate::{MODULE}::on("));
        Self { before, alternative: Alternative { id, code: code.to_owned() }, after: after.to_owned() }
    }
}

/// The code of one mutant.
struct Alternative {
    id: u32,
    code: String,
}

/// One insertion. Those at the same place follow each other by rank.
struct Insertion {
    at: usize,
    rank: (u8, std::cmp::Reverse<usize>),
    text: String,
    /// Where in `text` the code of a mutant stands.
    alternatives: Vec<(u32, Range<usize>)>,
    begins: Vec<u32>,
    ends: Vec<u32>,
}

impl Edits {
    /// In a run with the mutant, `code` is evaluated instead of the expression.
    pub(crate) fn instead(&mut self, expression: Range<usize>, id: u32, code: String) {
        self.wraps.entry((expression.start, expression.end)).or_default().push(Alternative { id, code });
    }

    /// Puts text behind an expression; `code` in it belongs to the mutant.
    pub(crate) fn follow(&mut self, expression: Range<usize>, id: u32, before: &str, code: &str, after: &str) {
        self.followed.entry((expression.start, expression.end)).or_default().push(Text::new(id, before, code, after));
    }

    /// Inserts text of which `code` belongs to the mutant; the switch is asked in `before`.
    pub(crate) fn insert(&mut self, at: usize, id: u32, before: &str, code: &str, after: &str) {
        self.points.push((at, Text::new(id, before, code, after)));
    }

    /// The text with all insertions, and where each mutant stands in it.
    pub(crate) fn apply(self, source: &str) -> (String, BTreeMap<u32, Switched>) {
        let mut insertions: Vec<Insertion> = self.points.into_iter().map(|(at, text)| point(at, text)).collect();
        for ((start, end), alternatives) in self.wraps {
            insertions.extend(wrap(start, end, &alternatives));
        }
        for ((start, end), texts) in self.followed {
            insertions.extend(follow(start, end, texts));
        }
        insertions.sort_by_key(|insertion| (insertion.at, insertion.rank));
        let mut text = String::with_capacity(source.len() * 2);
        let mut switched: BTreeMap<u32, Switched> = BTreeMap::new();
        let mut done = 0;
        for insertion in insertions {
            text.push_str(source.get(done..insertion.at).unwrap_or_default());
            done = insertion.at;
            let begin = text.len();
            text.push_str(&insertion.text);
            for (id, range) in insertion.alternatives {
                let alternative = begin + range.start..begin + range.end;
                switched.insert(id, Switched { alternative, whole: begin..begin });
            }
            for id in insertion.ends {
                switched.entry(id).and_modify(|mutant| mutant.whole.end = text.len());
            }
            for id in insertion.begins {
                switched.entry(id).and_modify(|mutant| mutant.whole.start = begin);
            }
        }
        text.push_str(source.get(done..).unwrap_or_default());
        (text, switched)
    }
}

/// `(if on(1) { .. } else if on(2) { .. } else {` before an expression, and `})` behind it. Of what ends at one place, the inner comes
/// first; of what begins there, the outer.
fn wrap(start: usize, end: usize, alternatives: &[Alternative]) -> [Insertion; 2] {
    let mut text = "(".to_owned();
    let mut places = Vec::new();
    for Alternative { id, code } in alternatives {
        let _infallible = write!(text, "if crate::{MODULE}::on({id}) {{ ");
        places.push((*id, text.len()..text.len() + code.len()));
        text.push_str(code);
        text.push_str(" } else ");
    }
    text.push_str("{ ");
    let ids: Vec<u32> = alternatives.iter().map(|alternative| alternative.id).collect();
    [
        Insertion {
            at: start,
            rank: (2, std::cmp::Reverse(end)),
            text,
            alternatives: places,
            begins: ids.clone(),
            ends: Vec::new(),
        },
        Insertion {
            at: end,
            rank: (0, std::cmp::Reverse(start)),
            text: " })".to_owned(),
            alternatives: Vec::new(),
            begins: Vec::new(),
            ends: ids,
        },
    ]
}

/// `(` before an expression, and `)` with more behind it.
fn follow(start: usize, end: usize, texts: Vec<Text>) -> [Insertion; 2] {
    let mut text = ")".to_owned();
    let mut alternatives = Vec::new();
    for Text { before, alternative: Alternative { id, code }, after } in texts {
        text.push_str(&before);
        alternatives.push((id, text.len()..text.len() + code.len()));
        text = text + &code + &after;
    }
    let ids: Vec<u32> = alternatives.iter().map(|(id, _)| *id).collect();
    let opening = Insertion {
        at: start,
        rank: (2, std::cmp::Reverse(end)),
        text: "(".to_owned(),
        alternatives: Vec::new(),
        begins: Vec::new(),
        ends: Vec::new(),
    };
    let rank = (0, std::cmp::Reverse(start));
    [opening, Insertion { at: end, rank, text, alternatives, begins: ids.clone(), ends: ids }]
}

fn point(at: usize, Text { before, alternative: Alternative { id, code }, after }: Text) -> Insertion {
    let place = before.len()..before.len() + code.len();
    Insertion {
        at,
        rank: (1, std::cmp::Reverse(0)),
        text: before + &code + &after,
        alternatives: vec![(id, place)],
        begins: vec![id],
        ends: vec![id],
    }
}
