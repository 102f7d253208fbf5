//! What the contexts of Envoy documents really verify: one judgement for each cluster, and the policy where it is sound.

mod context;
mod finding;
mod host_names;
mod identity;
mod locate;
mod module;
mod names;
mod object;
mod parameters;
mod secrets;
mod sent_name;
mod socket;
mod spiffe;
mod spot;
mod validation;

pub use finding::{ClusterReading, Effect, Finding, Reading, Standing};

use std::path::Path;

use uptls::Problems;

use crate::position::{Fault, Notes, Place};
use crate::{source, yaml};

use locate::Located;
use object::snake_case;
use secrets::Secrets;

/// Gives the bytes of a file that a document refers to (a secret of file-based SDS, which may hold a key), or says why not.
pub type ReadFile<'a> = dyn Fn(&Path) -> Result<Vec<u8>, String> + 'a;

/// Judges every cluster of a document: an `UpstreamTlsContext`, a cluster, a bootstrap, a discovery response, the config
/// dump of the admin interface; YAML or JSON, field names in either spelling.
///
/// `name` is the document's name in findings. `read_file` is called only for the secrets of file-based SDS.
///
/// # Errors
/// `document_parse` if the text is not well-formed or holds no cluster; `document_too_large` beyond the limits of M10.
/// The [`Finding`]s of a cluster say what is wrong with it.
pub fn read(text: &[u8], name: &str, read_file: &ReadFile<'_>) -> Result<Reading, Problems> {
    let located = source::text(text).and_then(yaml::documents).and_then(|documents| {
        let documents: Vec<_> = documents.into_iter().filter(|node| !node.is_null()).map(snake_case).collect();
        let located = Located::of(documents);
        let wanted = "it holds no cluster and no UpstreamTlsContext; a bootstrap, clusters or a config dump are wanted";
        if located.is_empty() { Err(Fault::parse(Place::START, wanted)) } else { Ok(located) }
    });
    match located {
        Ok(located) => {
            let secrets = Secrets::new(&located, read_file);
            let clusters = located.subjects.iter().flat_map(|subject| socket::judge(subject, &secrets)).collect();
            Ok(Reading { clusters })
        }
        Err(fault) => {
            let notes = Notes::new(name);
            notes.fault(fault);
            Err(notes.refuse())
        }
    }
}
