//! YAML and JSON to nodes, by one parser and within budgets (M10). JSON is read as the YAML that it is.

use core::mem;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Tag, options};

use zeroize::Zeroizing;

use crate::node::{Entry, Node, Scalar, Style, Value};
use crate::position::{Fault, Place};

/// Every document of a text, in order, those without content included. The text is at most as long as `source` lets
/// through; all budgets are for the text as a whole.
pub(crate) fn documents(text: &str) -> Result<Vec<Node>, Fault> {
    let options = options! {
        block_nesting_limit: MAX_DEPTH,
        disallow_directives: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
    };
    let mut reader = Reader::default();
    for item in Parser::new_from_str_with_options(text, options) {
        let (event, span) = item.map_err(|error| scan_fault(&error))?;
        reader.event(event, place(&span.start))?;
    }
    Ok(reader.documents)
}

/// What the scanner says. Its texts are constants: the only thing of the document that they quote is one character.
fn scan_fault(error: &ScanError) -> Fault {
    let place = place(error.marker());
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

fn place(marker: &Marker) -> Place {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Place { column: number(marker.col()).saturating_add(1), line: number(marker.line()) }
}

/// Builds nodes of events.
#[derive(Default)]
struct Reader {
    anchors: HashMap<usize, Node>,
    documents: Vec<Node>,
    /// What has been built so far; what aliases stand for and what is kept for them counts each time.
    size: Size,
    stack: Vec<Frame>,
}

/// A list or map that has not ended yet.
struct Frame {
    anchor: usize,
    open: Open,
    place: Place,
}

enum Open {
    List(Vec<Node>),
    /// The entries, and the name of the one whose value comes next.
    Map(Vec<Entry>, Option<(String, Place)>),
}

#[derive(Default)]
struct Size {
    depth: usize,
    nodes: usize,
    bytes: usize,
}

impl Reader {
    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), Fault> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.as_deref(), place)?;
                let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
                let value = Value::Text(Scalar { style, text: Zeroizing::new(text.into_owned()) });
                self.charge(&Size { depth: 0, nodes: 1, bytes: text_len(&value) }, place)?;
                self.add(Node { place, value }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => self.open(anchor, tag.as_deref(), place, Open::List(Vec::new())),
            Event::MappingStart(_, anchor, tag) => {
                self.open(anchor, tag.as_deref(), place, Open::Map(Vec::new(), None))
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
            Open::Map(entries, _) => Value::Map(entries),
        };
        self.add(Node { place, value }, anchor)
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        if anchor > 0 {
            self.charge(&measure(&node), node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut().map(|frame| &mut frame.open) {
            None => self.documents.push(node),
            Some(Open::List(nodes)) => nodes.push(node),
            Some(Open::Map(entries, name)) => match name.take() {
                Some((key, place)) => entries.push(Entry { key, place, value: node }),
                None => *name = Some(field_name(node)?),
            },
        }
        Ok(())
    }

    /// The node that an alias stands for, at the place of the alias.
    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Fault> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Fault::parse(place, "an alias stands inside of what it stands for"));
        };
        let (size, value) = (measure(node), node.value.clone());
        self.charge(&size, place)?;
        self.add(Node { place, value }, 0)
    }

    fn charge(&mut self, size: &Size, place: Place) -> Result<(), Fault> {
        self.size.nodes = self.size.nodes.saturating_add(size.nodes);
        self.size.bytes = self.size.bytes.saturating_add(size.bytes);
        if self.size.nodes > MAX_NODES {
            return Err(Fault::too_large(place, format!("the limit of {MAX_NODES} nodes, with aliases expanded")));
        }
        if self.size.bytes > MAX_BYTES {
            return Err(Fault::too_large(place, "the limit of 4 MiB of text, with aliases expanded"));
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

fn field_name(node: Node) -> Result<(String, Place), Fault> {
    match node.value {
        Value::Text(Scalar { style: Style::Plain, text }) if *text == "<<" => {
            Err(Fault::parse(node.place, "merge keys (<<) are not supported; write the fields out"))
        }
        Value::Text(mut scalar) => Ok((mem::take(&mut *scalar.text), node.place)),
        Value::List(_) | Value::Map(_) => Err(Fault::parse(node.place, "the name of a field must be text")),
    }
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

/// No document that is wanted here needs a tenth of these.
const MAX_DEPTH: usize = 64;
const MAX_NODES: usize = 100_000;
const MAX_BYTES: usize = 4 << 20;
