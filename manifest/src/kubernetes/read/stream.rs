//! From a text to its documents, each by itself: what is wrong with one says nothing of another.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;

use super::dispatch::{Of, What, counts};
use super::objects::Objects;
use crate::head::{self, Head};
use crate::kubernetes::model::diagnostic::Effect;
use crate::position::{Fault, Notes, Place};
use crate::{source, yaml};

impl Objects {
    /// Reads every object of a text.
    pub(in crate::kubernetes) fn read(&mut self, name: &str, bytes: &[u8]) {
        match source::manifests(bytes) {
            Ok(text) => documents(text).into_iter().for_each(|(lines, text)| self.document(name, text, lines)),
            Err(fault) => self.fault(name, fault),
        }
    }

    /// Notes that a text cannot be read: the policy of any backend might stand there.
    pub(in crate::kubernetes) fn fault(&mut self, name: &str, fault: Fault) {
        let notes = Notes::new(name);
        notes.fault(fault);
        self.diagnose(notes, Effect::Unread);
    }

    /// M10: one document, which begins behind `lines` lines of its file.
    fn document(&mut self, name: &str, text: &str, lines: u64) {
        let read = match text.len() > source::MAX_DOCUMENT {
            true => Err(Fault::too_large(start(lines), "the limit of 1 MiB")),
            false => yaml::manifests(text, lines),
        };
        match read {
            Ok(nodes) => nodes.iter().filter(|node| !node.is_null()).for_each(|node| self.object(name, node)),
            Err(fault) => match json_values(text).as_slice() {
                [] | [_] => self.unread_document(name, text, lines, fault),
                values => {
                    for (before, value) in values {
                        self.document(name, value, lines.saturating_add(newlines(before)));
                    }
                }
            },
        }
    }

    /// M11: by the head of what cannot be read, it fails what it may concern. What cannot be a policy is passed over.
    fn unread_document(&mut self, name: &str, text: &str, lines: u64, fault: Fault) {
        let (head, broken) = Head::of(text, lines);
        match (broken, head.is_certain) {
            (None, true) => match What::of(&head.api_version, &head.kind) {
                What::List(of) => self.long_list(name, text, lines, of),
                _ => self.headed(name, &head, fault, Effect::Notice),
            },
            (None, false) => self.fault(name, fault),
            (Some(_), is_certain) => match kinds(text) {
                Some(kinds) if !kinds.iter().any(|kind| counts(kind)) => {
                    let notes = Notes::new(name);
                    notes.fault(fault);
                    self.diagnose(notes, Effect::Skipped);
                }
                Some(kinds) if is_certain && head.is_complete && kinds.iter().eq([head.kind.as_str()].iter()) => {
                    self.headed(name, &head, fault, Effect::Skipped);
                }
                _ => self.fault(name, fault),
            },
        }
    }

    /// A list that is longer than a document: the limit is for each of its items.
    fn long_list(&mut self, name: &str, text: &str, lines: u64, of: Of) {
        let read = head::items(text, lines, &mut |item| match item {
            Ok(node) => self.item(name, &node, of),
            Err((head, fault)) if head.is_certain => {
                let or = |given: String, or: &str| if given.is_empty() { or.to_owned() } else { given };
                let (api_version, kind) = (or(head.api_version, of.0), or(head.kind, of.1));
                self.headed(name, &Head { api_version, kind, ..head }, fault, Effect::Notice);
            }
            Err((_, fault)) => self.fault(name, fault),
        });
        if let Err(fault) = read {
            self.fault(name, fault);
        }
    }
}

/// Whether each document of a text can be read, whatever stands in it.
///
/// # Errors
/// The first fault.
pub(in crate::kubernetes) fn check(bytes: &[u8]) -> Result<(), Fault> {
    for (lines, text) in documents(source::manifests(bytes)?) {
        // A long list, and a stream of values: their items are judged one by one.
        if text.len() <= source::MAX_DOCUMENT && json_values(text).len() < 2 {
            yaml::manifests(text, lines)?;
        }
    }
    Ok(())
}

/// The documents of a stream of YAML, each with the number of lines before it. A line that begins with `---` can stand in
/// no scalar (YAML 1.2, section 9.1.2).
fn documents(text: &str) -> Vec<(u64, &str)> {
    let (mut found, mut start, mut lines, mut at, mut first) = (Vec::new(), 0, 0_u64, 0, 0_u64);
    for line in text.split_inclusive('\n') {
        let is_marker =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if is_marker && at > start {
            found.extend(text.get(start..at).map(|document| (first, document)));
            (start, first) = (at, lines);
        }
        at = at.saturating_add(line.len());
        lines = lines.saturating_add(1);
    }
    found.extend(text.get(start..).map(|document| (first, document)));
    found
}

/// The values of a stream of JSON, each with what is before it; none, if it is something else.
fn json_values(text: &str) -> Vec<(&str, &str)> {
    if !text.trim_start().starts_with('{') {
        return Vec::new();
    }
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let (mut values, mut start) = (Vec::new(), 0);
    while let Some(value) = stream.next() {
        let end = stream.byte_offset();
        match (value, text.get(..start), text.get(start..end)) {
            (Ok(_), Some(before), Some(value)) => values.push((before, value)),
            _ => return Vec::new(),
        }
        start = end;
    }
    values
}

/// What every `kind` of a text that cannot be parsed may mean; `None`, if one of them is not plain, or is missing where an
/// object may have been begun: the text has an `apiVersion`, or is JSON. Where one stands at the
/// begin of a line, what is indented says nothing about the object, unless it is called a policy.
fn kinds(text: &str) -> Option<BTreeSet<&str>> {
    let all: Vec<(bool, Option<&str>)> = text.match_indices("kind").filter_map(|(at, _)| kind_at(text, at)).collect();
    let mut content = text.lines().map(|line| line.strip_prefix("---").unwrap_or(line).trim_start());
    let first = content.find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let is_json = first.starts_with('{') && !first.starts_with("{{");
    if all.is_empty() && (is_json || text.contains("apiVersion")) {
        return None;
    }
    let has_own = all.iter().any(|(is_own, _)| *is_own);
    let is_policy = |kind: &Option<&str>| kind.is_some_and(|kind| kind.starts_with("Backend") && counts(kind));
    let counted = all.into_iter().filter(|(is_own, kind)| *is_own || !has_own || is_policy(kind));
    counted.map(|(_, kind)| kind).collect()
}

/// What stands behind the word `kind` at `at`, and whether its line begins with it; `None`: it is no name of a field.
fn kind_at(text: &str, at: usize) -> Option<(bool, Option<&str>)> {
    let before = text.get(..at)?.trim_end_matches(['"', '\'']);
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.') {
        return None;
    }
    let rest = text.get(at..)?.strip_prefix("kind")?.trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
    let value = rest.strip_prefix(':')?.trim_start_matches([' ', '\t', '"', '\'']);
    let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
    let (kind, rest) = value.split_at_checked(end)?;
    let is_plain = !kind.is_empty() && rest.chars().next().is_none_or(|c| "\"' \t\r\n,}".contains(c));
    Some((before.is_empty() || before.ends_with('\n'), Some(kind).filter(|_| is_plain)))
}

fn newlines(text: &str) -> u64 {
    u64::try_from(text.matches('\n').count()).unwrap_or(u64::MAX)
}

/// Where a document begins.
fn start(lines: u64) -> Place {
    Place { line: lines.saturating_add(1), ..Place::START }
}
