//! Fixes applied to the texts that they are for: the patched document, with its comments where that can be done.
//!
//! [`uptls::Fix`] says what is changed; here it is changed. The edited text is read again and compared with the patched tree,
//! so that an edit which would say anything else is not made: the document is then written anew, without comments.

mod edit;
mod emit;
mod tree;

use std::path::Path;

use uptls::danger::DangerPermission;
use uptls::{Fix, Problem, Problems, Runtime, UpstreamTlsPolicy};
use zeroize::Zeroizing;

use crate::envoy::ReadFile;
use crate::kubernetes::Document;
use crate::node::Node;
use crate::report::{Import, ImportOptions};
use crate::{native, source, yaml};

/// A document with fixes applied.
///
/// ```
/// use uptls::danger::DangerPermission;
///
/// let text = b"apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec:\n  trust: {system: mozilla}\n  servername: pay.example\n";
/// let fixed = uptls_manifest::fix::policy(text, "policy.yaml", None, DangerPermission::Forbidden).unwrap();
/// assert!(fixed.text.contains("serverName: pay.example"), "the spelling of the field");
/// assert_eq!(fixed.applied.len(), 1);
/// ```
#[non_exhaustive]
pub struct Fixed {
    /// The applied fixes, in this order.
    pub applied: Vec<Fix>,
    /// Its name.
    pub name: String,
    /// The text. It may hold a key, as the document did.
    pub text: Zeroizing<String>,
}

/// The text with `fix` applied; `None` if it cannot be read, or does not have the field of the patch.
///
/// ```
/// let text = b"apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec:\n  servername: a.test # ours\n  trust: {system: mozilla}\n";
/// let problems = uptls_manifest::parse(text, "policy.yaml", None).err();
/// let fix = problems.as_ref().and_then(|problems| problems.first()?.fix()).expect("a known field was meant");
/// let fixed = uptls_manifest::fix::apply(text, &fix).expect("the field is there");
/// assert!(fixed.contains("  serverName: a.test # ours\n"));
/// ```
pub fn apply(text: &[u8], fix: &Fix) -> Option<Zeroizing<String>> {
    let text = source::text(text).ok()?;
    let mut roots = yaml::documents(text).ok()?;
    let mut edited = Zeroizing::new(text.to_owned());
    for operation in &fix.patch {
        let root = tree::root(&mut roots, fix.object.as_deref())?;
        let attempt = edit::edit(&edited, root, operation);
        tree::patch(root, operation)?;
        let is_right = |attempt: &String| yaml::documents(attempt).is_ok_and(|again| tree::are_equal(&again, &roots));
        edited = Zeroizing::new(attempt.filter(is_right).unwrap_or_else(|| emit::emit(&roots, text)));
        // The places are those of the edited text.
        roots = yaml::documents(&edited).ok()?;
    }
    Some(edited)
}

/// The policy document `text` with the fixes of its problems applied, one after the other. `name` and `base` are as in
/// [`crate::parse`].
pub fn policy(text: &[u8], name: &str, base: Option<&Path>, permission: DangerPermission) -> Option<Fixed> {
    let mut fixed = Fixed { applied: Vec::new(), name: name.to_owned(), text: Zeroizing::new(String::new()) };
    fixed.text.push_str(source::text(text).ok()?);
    while fixed.applied.len() < MAX_FIXES {
        let checked = native::parse(fixed.text.as_bytes(), name, base)
            .and_then(|draft| UpstreamTlsPolicy::check(draft, permission));
        let Err(problems) = checked else { break };
        let found = problems.iter().filter_map(Problem::fix);
        let applied = found.filter_map(|fix| Some((apply(fixed.text.as_bytes(), &fix)?, fix))).next();
        let Some((text, fix)) = applied else { break };
        fixed.text = text;
        fixed.applied.push(fix);
    }
    Some(fixed)
}

/// The `documents` that have fixes, with all fixes applied. The arguments are as in [`Import::of`].
///
/// # Errors
/// As [`Import::of`].
pub fn manifests(
    documents: &[Document<'_>],
    runtime: &Runtime,
    read_file: &ReadFile<'_>,
    options: &ImportOptions,
) -> Result<Vec<Fixed>, Problems> {
    let mut fixed: Vec<Fixed> = Vec::new();
    for _ in 0..MAX_FIXES {
        let current: Vec<Document<'_>> = documents.iter().map(|document| current(*document, &fixed)).collect();
        let import = Import::of(&current, runtime, read_file, options)?;
        let step = import.fixes().find_map(|(name, fix)| {
            let text = current.iter().find(|document| document.name() == name)?.text()?;
            Some((name.to_owned(), apply(text, fix)?, fix.clone()))
        });
        let Some((name, text, fix)) = step else { break };
        match fixed.iter_mut().find(|known| known.name == name) {
            Some(known) => {
                known.text = text;
                known.applied.push(fix);
            }
            None => fixed.push(Fixed { applied: vec![fix], name, text }),
        }
    }
    Ok(fixed)
}

/// `value` as a document of YAML.
///
/// ```
/// let value = serde_json::json!({"spec": {"trust": {"system": "mozilla"}, "versions": {"min": "1.3"}}});
/// assert_eq!(uptls_manifest::fix::to_yaml(&value), "spec:\n  trust:\n    system: mozilla\n  versions:\n    min: \"1.3\"\n");
/// ```
pub fn to_yaml(value: &serde_json::Value) -> String {
    emit::yaml(value)
}

fn current<'a>(document: Document<'a>, fixed: &'a [Fixed]) -> Document<'a> {
    let known = fixed.iter().find(|known| known.name == document.name());
    known.map_or(document, |known| Document::new(&known.name, known.text.as_bytes()))
}

/// A node that was not read from any place.
fn made(value: crate::node::Value) -> Node {
    Node { place: crate::position::Place::START, value }
}

/// As many problems as a document is reported with.
const MAX_FIXES: usize = 64;
