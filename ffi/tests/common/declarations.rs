//! What the header declares, read from its text: for tests that go through all of it.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

use super::common::crate_folder;

/// A function as the header declares it.
pub(crate) struct Function {
    pub(crate) description: String,
    pub(crate) name: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) result: String,
}

/// A parameter of a function, or a field of a structure.
pub(crate) struct Parameter {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// A structure whose fields the program writes.
pub(crate) struct Structure {
    pub(crate) fields: Vec<Parameter>,
    pub(crate) name: String,
}

/// All of the header.
pub(crate) struct Declarations {
    /// Name and value, as it stands.
    pub(crate) constants: Vec<(String, String)>,
    pub(crate) functions: Vec<Function>,
    /// Types whose inside the program never sees.
    pub(crate) opaque: Vec<String>,
    pub(crate) structures: Vec<Structure>,
    /// Name and the type it stands for.
    pub(crate) types: Vec<(String, String)>,
}

impl Declarations {
    /// Of the committed header.
    pub(crate) fn new() -> Self {
        let header = std::fs::read_to_string(crate_folder().join("include/uptls.h")).expect("the header");
        Self::of(&header)
    }

    pub(crate) fn of(header: &str) -> Self {
        let mut all = Self {
            constants: Vec::new(),
            functions: Vec::new(),
            opaque: Vec::new(),
            structures: Vec::new(),
            types: Vec::new(),
        };
        let (mut comment, mut code) = (String::new(), String::new());
        let mut continues = false;
        for line in header.lines() {
            // The rest of a macro is no declaration.
            let is_rest = std::mem::replace(&mut continues, line.ends_with('\\'));
            if is_rest {
                continue;
            }
            match line.trim_start() {
                text if text.starts_with("/**") && code.is_empty() => comment.clear(),
                text if text.starts_with("/*") || text.starts_with("*/") => {}
                text if text.starts_with('*') => {
                    if code.is_empty() {
                        comment.push_str(text.trim_start_matches('*').trim());
                        comment.push('\n');
                    }
                }
                text if text.starts_with('#') => all.constant(text),
                "" | "extern \"C\" {" => {}
                text => {
                    code.push_str(text);
                    code.push(' ');
                    let is_whole =
                        code.trim_end().ends_with(';') && code.matches('{').count() == code.matches('}').count();
                    if is_whole {
                        all.declaration(code.trim_end().trim_end_matches(';'), comment.trim());
                        code.clear();
                    }
                }
            }
        }
        all
    }

    fn constant(&mut self, text: &str) {
        let Some((name, value)) = text.strip_prefix("#define ").and_then(|rest| rest.split_once(' ')) else { return };
        // What is computed of others has a line of its own that goes on.
        if name.starts_with("UPTLS_") && value != "\\" {
            self.constants.push((name.to_owned(), value.to_owned()));
        }
    }

    fn declaration(&mut self, text: &str, comment: &str) {
        if let Some(rest) = text.strip_prefix("typedef struct {") {
            let (fields, name) = rest.rsplit_once('}').expect("a structure ends");
            let fields = fields.split(';').map(str::trim).filter(|field| !field.is_empty()).map(parameter).collect();
            return self.structures.push(Structure { fields, name: name.trim().to_owned() });
        }
        if let Some(rest) = text.strip_prefix("typedef struct ") {
            return self.opaque.push(rest.split(' ').next().unwrap_or_default().to_owned());
        }
        // A pointer to a function: its name stands between two pairs of parentheses.
        if let Some((result, rest)) = text.strip_prefix("typedef ").and_then(|rest| rest.split_once(" (*")) {
            let (name, parameters) = rest.split_once(')').expect("a name ends");
            return self.types.push((name.to_owned(), format!("{result} (*){parameters}")));
        }
        if let Some(rest) = text.strip_prefix("typedef ") {
            let Parameter { kind, name } = parameter(rest);
            return self.types.push((name, kind));
        }
        let Some((head, parameters)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) else { return };
        let Parameter { kind, name } = parameter(head);
        let parameters = parameters.split(',').map(str::trim).filter(|text| *text != "void").map(parameter).collect();
        self.functions.push(Function { description: comment.to_owned(), name, parameters, result: kind });
    }
}

fn parameter(text: &str) -> Parameter {
    let at = text.rfind(|c: char| !c.is_alphanumeric() && c != '_').expect("a type and a name") + 1;
    let (kind, name) = text.split_at(at);
    Parameter { kind: kind.trim().to_owned(), name: name.to_owned() }
}
