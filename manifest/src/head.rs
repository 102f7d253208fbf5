//! Which object a text holds, where the rest of it is too large or cannot be parsed: the head alone is kept.

use serde_saphyr::granit_parser::Event;

use crate::node::Node;
use crate::position::{Fault, Place};
use crate::yaml::{self, Reader};

/// What says which object it is.
#[derive(Clone, Default)]
pub(crate) struct Head {
    pub(crate) api_version: String,
    /// Whether each field stands once, and is a text.
    pub(crate) is_certain: bool,
    /// Whether `apiVersion`, `kind` and all of `metadata` were met.
    pub(crate) is_complete: bool,
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) place: Option<Place>,
}

impl Head {
    /// That of the document in `text`, which begins behind `lines` lines, as far as it can be parsed; the fault that ended it, if there was one.
    pub(crate) fn of(text: &str, lines: u64) -> (Self, Option<Fault>) {
        let mut scan = Scan::default();
        let fault = yaml::events(text, lines, |event, place| {
            scan.event(&event, place);
            Ok(())
        });
        (scan.head(), fault.err())
    }
}

/// Gives `take` each entry of the list `items` of a document, one after the other and none kept, so that the list may be
/// longer than any object. Of an entry that is too large it is the head, with the limit.
pub(crate) fn items(text: &str, lines: u64, take: &mut dyn FnMut(Result<Node, (Head, Fault)>)) -> Result<(), Fault> {
    let mut reader = Reader::of_items();
    // The entry that is open: what is its head, how deep it is, and which limit it exceeds.
    let mut item: Option<(Scan, usize, Option<Fault>)> = None;
    yaml::events(text, lines, |event, place| {
        if item.is_none() && reader.is_at_items() && !matches!(event, Event::SequenceEnd) {
            item = Some((Scan::default(), 0, None));
        }
        let Some((mut scan, depth, mut over)) = item.take() else { return reader.event(event, place) };
        scan.event(&event, place);
        let depth = match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth.saturating_add(1),
            Event::MappingEnd | Event::SequenceEnd => depth.saturating_sub(1),
            _ => depth,
        };
        if over.is_none()
            && let Err(fault) = reader.event(event, place)
        {
            if !fault.is_too_large() {
                return Err(fault);
            }
            over = Some(fault);
        }
        if depth > 0 {
            item = Some((scan, depth, over));
            return Ok(());
        }
        let node = reader.take_item();
        match (over, node) {
            (Some(fault), _) => take(Err((scan.head(), fault))),
            (None, Some(node)) => take(Ok(node)),
            (None, None) => {}
        }
        Ok(())
    })
}

/// The head of what is met, event by event.
#[derive(Default)]
struct Scan {
    head: Head,
    /// The open maps and lists; of a map, the name of the field whose value comes next, if it is one that is wanted.
    open: Vec<Level>,
    seen: Vec<(usize, &'static str)>,
    uncertain: bool,
}

enum Level {
    List,
    Map { field: Option<Option<&'static str>> },
}

impl Scan {
    fn event(&mut self, event: &Event<'_>, place: Place) {
        match event {
            Event::Scalar(text, ..) => self.scalar(text, place),
            Event::Alias(_) => self.value(None),
            Event::MappingStart(..) => self.start(Level::Map { field: None }, place),
            Event::SequenceStart(..) => self.start(Level::List, place),
            Event::MappingEnd | Event::SequenceEnd => {
                self.open.pop();
                if self.open.len() == 1 && self.field() == Some("metadata") {
                    self.head.is_complete = true;
                }
                self.end();
            }
            _ => {}
        }
    }

    fn start(&mut self, level: Level, place: Place) {
        if self.open.is_empty() {
            // A second document in the same text.
            self.uncertain |= self.head.place.replace(place).is_some();
        } else if self.is_name() {
            // It is the name of a field, or part of one.
            self.uncertain |= self.open.len() == 1 || (self.open.len() == 2 && self.below() == Some("metadata"));
        } else if let Some(field) = self.field() {
            let is_wanted = match level {
                Level::List => field == ITEMS,
                Level::Map { .. } => field == "metadata",
            };
            self.uncertain |= !is_wanted || self.open.len() > 1;
        }
        self.open.push(level);
    }

    fn scalar(&mut self, text: &str, place: Place) {
        if !self.is_name() {
            self.head.place.get_or_insert(place);
            return self.value(Some(text));
        }
        let depth = self.open.len();
        let under = match depth {
            2 if self.below() == Some("metadata") => &["name", "namespace"][..],
            1 => &["apiVersion", "kind", "metadata", ITEMS],
            _ => &[],
        };
        let found = under.iter().copied().find(|wanted| *wanted == text);
        if let Some(found) = found {
            self.uncertain |= self.seen.contains(&(depth, found));
            self.seen.push((depth, found));
        }
        // What a merge key brings may be any of them.
        self.uncertain |= text == "<<" && !under.is_empty();
        if let Some(Level::Map { field }) = self.open.last_mut() {
            *field = Some(found);
        }
    }

    /// A value that is no map and no list; `None`: it stands elsewhere.
    fn value(&mut self, text: Option<&str>) {
        let slot = match (self.open.len(), self.field()) {
            (1, Some("apiVersion")) => Some(&mut self.head.api_version),
            (1, Some("kind")) => Some(&mut self.head.kind),
            (2, Some("name")) => Some(self.head.name.insert(String::new())),
            (2, Some("namespace")) => Some(self.head.namespace.insert(String::new())),
            (_, Some(_)) => {
                self.uncertain = true;
                None
            }
            _ => None,
        };
        match (slot, text) {
            (Some(slot), Some(text)) => text.clone_into(slot),
            (Some(_), None) => self.uncertain = true,
            (None, _) => {}
        }
        self.end();
    }

    /// The value of a field has ended.
    fn end(&mut self) {
        if let Some(Level::Map { field }) = self.open.last_mut() {
            *field = None;
        }
    }

    /// Whether the name of a field comes next.
    fn is_name(&self) -> bool {
        matches!(self.open.last(), Some(Level::Map { field: None }))
    }

    /// The field whose value comes next, if it is one that is wanted.
    fn field(&self) -> Option<&'static str> {
        match self.open.last() {
            Some(Level::Map { field }) => field.flatten(),
            _ => None,
        }
    }

    fn below(&self) -> Option<&'static str> {
        match self.open.first() {
            Some(Level::Map { field }) => field.flatten(),
            _ => None,
        }
    }

    fn head(self) -> Head {
        let Self { head, uncertain, .. } = self;
        let is_complete = head.is_complete && !head.kind.is_empty();
        Head { is_certain: !uncertain, is_complete, ..head }
    }
}

/// The list of a `List`.
const ITEMS: &str = "items";

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> String {
        let (head, fault) = Head::of(text, 0);
        let Head { api_version, is_certain, is_complete, kind, name, namespace, .. } = head;
        let fault = if fault.is_some() { ", then a fault" } else { "" };
        format!("{api_version} {kind} {namespace:?}/{name:?} {is_certain} {is_complete}{fault}")
    }

    #[test]
    fn the_head_is_found_whatever_stands_around_it() {
        let wanted = "v1 X Some(\"b\")/Some(\"a\") true true";
        for text in [
            "apiVersion: v1\nkind: X\nmetadata: {name: a, namespace: b, labels: {name: c}}\nspec: {kind: Y, metadata: {name: z}}",
            "{\"spec\": [{\"kind\": \"Y\"}], \"metadata\": {\"namespace\": \"b\", \"name\": \"a\"}, \"kind\": \"X\", \"apiVersion\": \"v1\"}",
        ] {
            assert_eq!(head(text), wanted);
        }
        let broken = "apiVersion: v1\nkind: X\nmetadata: {name: a, namespace: b}\nspec: {{ .Values.x }}\n\tx: y";
        assert_eq!(head(broken), format!("{wanted}, then a fault"));
    }

    #[test]
    fn what_is_not_certain_is_said() {
        for text in [
            "kind: X\nkind: Y\nmetadata: {name: a}",
            "kind: [X]\nmetadata: {name: a}",
            "kind: X\nmetadata: {name: a, name: b}",
            "kind: X\nmetadata: {name: {a: b}}",
            "kind: X\nmetadata: a",
            "kind: X\nmetadata: {name: a}\n<<: {kind: Y}",
            "a: &a X\nkind: *a\nmetadata: {name: a}",
            "kind: X\nmetadata: {name: a}\n...\nkind: Y",
        ] {
            assert!(head(text).contains(" false "), "{text}: {}", head(text));
        }
    }

    #[test]
    fn entries_are_given_one_by_one_and_the_large_one_by_its_head() {
        let large = format!("{{kind: Y, metadata: {{name: big}}, data: [{}]}}", "x, ".repeat(100_001));
        let text = format!("items:\n- {{kind: X}}\n- {large}\n- {{kind: Z}}\nkind: List\n");
        let mut found = Vec::new();
        items(&text, 0, &mut |item| {
            found.push(match item {
                Ok(node) => node.field("kind").unwrap().value.text().unwrap().to_owned(),
                Err((head, fault)) => format!("{} {:?} {}", head.kind, head.name, fault.is_too_large()),
            });
        })
        .unwrap();
        assert_eq!(found, ["X", "Y Some(\"big\") true", "Z"]);
        assert!(items("items: [{kind: X}, }", 0, &mut |_| {}).is_err());
    }
}
