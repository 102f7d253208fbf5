//! YAML and JSON to nodes, by one parser and within budgets (M10). JSON is read as the YAML that it is.

use core::mem;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_saphyr::granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Tag, options};

use zeroize::Zeroizing;

use crate::node::{Entry, Node, Scalar, Style, Value};
use crate::position::{Fault, Place};
use crate::source;

/// Every document of a text, in order, those without content included. The text is at most as long as `source` lets
/// through; all budgets are for the text as a whole.
pub(crate) fn documents(text: &str) -> Result<Vec<Node>, Fault> {
    let mut reader = Reader::default();
    events(text, 0, |event, place| reader.event(event, place))?;
    Ok(reader.documents)
}

/// The same for manifests, as kubectl reads them: a merge key (`<<`) stands for the fields of another map. The text begins
/// behind `lines` lines of a file.
pub(crate) fn manifests(text: &str, lines: u64) -> Result<Vec<Node>, Fault> {
    let mut reader = Reader { merges: true, ..Reader::default() };
    events(text, lines, |event, place| reader.event(event, place))?;
    Ok(reader.documents)
}

/// Gives `take` each event of the text, which begins behind `lines` lines, with its place.
pub(crate) fn events<'t>(
    text: &'t str,
    lines: u64,
    mut take: impl FnMut(Event<'t>, Place) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let options = options! {
        block_nesting_limit: MAX_DEPTH,
        disallow_directives: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
    };
    for item in Parser::new_from_str_with_options(text, options) {
        let (event, span) = item.map_err(|error| scan_fault(&error, lines))?;
        take(event, place(&span.start, lines))?;
    }
    Ok(())
}

/// The scanner builds a text of several lines in a buffer that grows by doubling, and each time leaves a copy behind (I6).
/// Buffers of the same sizes are given the same memory, and leave zeros there.
fn overwrite_growth(text: &str) {
    let (mut capacity, mut length) = (0_usize, 0_usize);
    for step in text.split_inclusive('\n').flat_map(|line| [line.len().saturating_sub(1), 1]) {
        length = length.saturating_add(step);
        if length > capacity && length <= LARGEST_KEY {
            capacity = capacity.saturating_mul(2).max(length);
            // Not by `vec!`: some allocators have another store for memory that is to be zero.
            let zeros: [String; FREED] = core::array::from_fn(|_| "\0".repeat(capacity));
            // Nobody reads them, and they are written all the same.
            core::hint::black_box(&zeros);
        }
    }
}

/// What the scanner says. Its texts are constants: the only thing of the document that they quote is one character.
fn scan_fault(error: &ScanError, lines: u64) -> Fault {
    let place = place(error.marker(), lines);
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(place),
        ErrorKind::DirectiveDisallowed => {
            Fault::parse(place, "directives (a line that begins with %) are not supported")
        }
        _ => Fault::parse(place, error.info()),
    }
}

fn too_deep(place: Place) -> Fault {
    Fault::too_large(place, format!("the limit of {MAX_DEPTH} levels of nesting"))
}

fn place(marker: &Marker, lines: u64) -> Place {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Place { column: number(marker.col()).saturating_add(1), line: number(marker.line()).saturating_add(lines) }
}

/// Builds nodes of events.
pub(crate) struct Reader {
    anchors: HashMap<usize, Node>,
    documents: Vec<Node>,
    /// What of `size` is kept for aliases.
    kept: Size,
    /// Whether a plain `<<` is a merge key; else it is refused.
    merges: bool,
    /// What has been built so far; what aliases stand for and what is kept for them counts each time.
    size: Size,
    stack: Vec<Frame>,
    /// How much text there may be.
    text: usize,
}

impl Default for Reader {
    fn default() -> Self {
        let (anchors, documents, stack) = (HashMap::new(), Vec::new(), Vec::new());
        Self { anchors, documents, kept: Size::default(), merges: false, size: Size::default(), stack, text: MAX_BYTES }
    }
}

/// A list or map that has not ended yet.
struct Frame {
    anchor: usize,
    open: Open,
    place: Place,
}

enum Open {
    List(Vec<Node>),
    /// The entries, what is merged into them, and the name of the one whose value comes next.
    Map(Vec<Entry>, Vec<Node>, Option<(Name, Place)>),
}

/// The name of a field.
enum Name {
    Field(String),
    /// `<<`
    Merge,
}

#[derive(Clone, Copy, Default)]
struct Size {
    depth: usize,
    nodes: usize,
    bytes: usize,
}

impl Reader {
    /// One that gives up each entry of the list `items`, and has the budgets for each of them.
    pub(crate) fn of_items() -> Self {
        Self { merges: true, text: source::MAX_DOCUMENT, ..Self::default() }
    }

    pub(crate) fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.as_deref(), place)?;
                let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
                if let Cow::Owned(text) = &text {
                    overwrite_growth(text);
                }
                let value = Value::Text(Scalar { style, text: Zeroizing::new(text.into_owned()) });
                self.charge(&Size { depth: 0, nodes: 1, bytes: text_len(&value) }, place)?;
                self.add(Node { place, value }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => self.open(anchor, tag.as_deref(), place, Open::List(Vec::new())),
            Event::MappingStart(_, anchor, tag) => {
                self.open(anchor, tag.as_deref(), place, Open::Map(Vec::new(), Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, anchor: usize, tag: Option<&Tag>, place: Place, open: Open) -> Result<(), Fault> {
        refuse_tag(tag, place)?;
        self.charge(&Size { depth: 1, nodes: 1, bytes: 0 }, place)?;
        self.stack.push(Frame { anchor, open, place });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(Frame { anchor, open, place }) = self.stack.pop() else { return Ok(()) };
        let value = match open {
            Open::List(nodes) => Value::List(nodes),
            Open::Map(entries, merged, _) => Value::Map(merge(entries, merged)),
        };
        self.add(Node { place, value }, anchor)
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        if anchor > 0 {
            let size = measure(&node);
            self.charge(&size, node.place)?;
            self.kept = Size { depth: 0, ..self.kept.plus(&size) };
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut().map(|frame| &mut frame.open) {
            None => self.documents.push(node),
            Some(Open::List(nodes)) => nodes.push(node),
            Some(Open::Map(entries, merged, name)) => match name.take() {
                Some((Name::Field(key), place)) => entries.push(Entry { key, place, value: node }),
                Some((Name::Merge, place)) => merged.extend(mergeable(node, place)?),
                None => *name = Some(field_name(node, self.merges)?),
            },
        }
        Ok(())
    }

    /// The node that an alias stands for, at the place of the alias.
    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Fault> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Fault::parse(place, "an alias is inside the value that it refers to"));
        };
        let (size, value) = (measure(node), node.value.clone());
        self.charge(&size, place)?;
        self.add(Node { place, value }, 0)
    }

    /// Whether an entry of the list `items` may begin here.
    pub(crate) fn is_at_items(&self) -> bool {
        let [Frame { open: Open::Map(_, _, Some((Name::Field(name), _))), .. }, Frame { open: Open::List(_), .. }] =
            self.stack.as_slice()
        else {
            return false;
        };
        name == ITEMS
    }

    /// The entry of `items` that has just ended, or what there is of one that is too large.
    pub(crate) fn take_item(&mut self) -> Option<Node> {
        self.stack.truncate(2);
        self.size = self.kept;
        match self.stack.last_mut().map(|frame| &mut frame.open) {
            Some(Open::List(nodes)) => nodes.pop(),
            _ => None,
        }
    }

    fn charge(&mut self, size: &Size, place: Place) -> Result<(), Fault> {
        self.size = Size { depth: 0, ..self.size.plus(size) };
        if self.size.nodes > MAX_NODES {
            return Err(Fault::too_large(place, format!("the limit of {MAX_NODES} nodes, with aliases expanded")));
        }
        if self.size.bytes > self.text {
            let limit = format!("the limit of {} MiB of text, with aliases expanded", self.text >> 20);
            return Err(Fault::too_large(place, limit));
        }
        if self.stack.len().saturating_add(size.depth) > MAX_DEPTH {
            return Err(too_deep(place));
        }
        Ok(())
    }
}

fn refuse_tag(tag: Option<&Tag>, place: Place) -> Result<(), Fault> {
    match tag {
        None => Ok(()),
        Some(_) => Err(Fault::parse(place, "tags (as !!str) are not supported; put text in quotes")),
    }
}

fn field_name(node: Node, merges: bool) -> Result<(Name, Place), Fault> {
    match node.value {
        Value::Text(Scalar { style: Style::Plain, text }) if *text == "<<" => match merges {
            true => Ok((Name::Merge, node.place)),
            false => Err(Fault::parse(node.place, "merge keys (<<) are not supported; write the fields out")),
        },
        Value::Text(mut scalar) => Ok((Name::Field(mem::take(&mut *scalar.text)), node.place)),
        Value::List(_) | Value::Map(_) => Err(Fault::parse(node.place, "the name of a field must be text")),
    }
}

/// What a merge key stands for: a map, or a list of maps of which the first counts most.
fn mergeable(node: Node, place: Place) -> Result<Vec<Node>, Fault> {
    let nodes = match node.value {
        Value::List(nodes) => nodes,
        value => vec![Node { value, ..node }],
    };
    match nodes.iter().all(|node| matches!(node.value, Value::Map(_))) {
        true => Ok(nodes),
        false => Err(Fault::parse(place, "a merge key (<<) takes a map or a list of maps")),
    }
}

/// The fields that are written, and those of `merged` that are not.
fn merge(mut entries: Vec<Entry>, merged: Vec<Node>) -> Vec<Entry> {
    for node in merged {
        let Value::Map(more) = node.value else { continue };
        let known: HashSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        entries.extend(more.into_iter().filter(|entry| !known.contains(&entry.key)));
    }
    entries
}

fn measure(node: &Node) -> Size {
    let children: Vec<Size> = match &node.value {
        Value::List(nodes) => nodes.iter().map(measure).collect(),
        Value::Map(entries) => entries.iter().map(|entry| measure(&entry.value).with_name(&entry.key)).collect(),
        Value::Text(_) => return Size { depth: 0, nodes: 1, bytes: text_len(&node.value) },
    };
    children.iter().fold(Size { depth: 1, nodes: 1, bytes: 0 }, |sum, child| Size {
        depth: sum.depth.max(child.depth.saturating_add(1)),
        nodes: sum.nodes.saturating_add(child.nodes),
        bytes: sum.bytes.saturating_add(child.bytes),
    })
}

impl Size {
    fn plus(self, other: &Self) -> Self {
        let nodes = self.nodes.saturating_add(other.nodes);
        Self { depth: self.depth.max(other.depth), nodes, bytes: self.bytes.saturating_add(other.bytes) }
    }

    /// A field is its value and its name.
    fn with_name(self, name: &str) -> Self {
        Self { depth: self.depth, nodes: self.nodes.saturating_add(1), bytes: self.bytes.saturating_add(name.len()) }
    }
}

fn text_len(value: &Value) -> usize {
    match value {
        Value::Text(scalar) => scalar.text.len(),
        Value::List(_) | Value::Map(_) => 0,
    }
}

/// The list of a `List`.
const ITEMS: &str = "items";
/// More blocks of one size than an allocator keeps at hand for a thread; glibc keeps 7.
const FREED: usize = 8;
/// More than any key has.
const LARGEST_KEY: usize = 1 << 16;
/// No document that is wanted here needs a tenth of these.
const MAX_DEPTH: usize = 64;
const MAX_NODES: usize = 100_000;
const MAX_BYTES: usize = 4 << 20;
