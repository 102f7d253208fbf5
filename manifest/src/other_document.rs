//! Documents that programs on this library have of their own, by the reader of policies.

use serde::de::DeserializeOwned;
use uptls::{ByPath, Origin, Problems};

use crate::decode::decode;
use crate::document::{Header, single};
use crate::position::Notes;

/// Reads one document of a program's own kind, YAML or JSON, as strictly as a policy: within the same budgets, without unknown or
/// duplicate fields. Gives its value, and where each field stands, for what the program finds wrong itself.
///
/// `name` is the document's name in errors. `T` has the fields `apiVersion` and `kind`, too, and refuses unknown ones by
/// `#[serde(deny_unknown_fields)]`.
///
/// ```
/// #[derive(serde::Deserialize)]
/// #[serde(rename_all = "camelCase", deny_unknown_fields)]
/// struct Routes {
///     api_version: String,
///     kind: String,
///     routes: Vec<String>,
/// }
///
/// let text = b"apiVersion: example/v1\nkind: Routes\nroutes:\n- pay\n- orders\n";
/// let (read, origins) = uptls_manifest::read_document::<Routes>(text, "routes.yaml", "example/v1", "Routes")?;
/// assert_eq!((read.kind.as_str(), read.routes.len()), ("Routes", 2));
/// assert_eq!(origins["routes[1]"].line, 5);
///
/// let text = b"apiVersion: example/v1\nkind: Routes\nroutes: []\nroutes: [pay]\n";
/// let problems = uptls_manifest::read_document::<Routes>(text, "routes.yaml", "example/v1", "Routes").err();
/// assert_eq!(problems.map(|problems| problems.code()), Some(uptls::Code::DocumentParse));
/// # let _ = read.api_version;
/// # Ok::<(), uptls::Problems>(())
/// ```
///
/// # Errors
/// Every problem at once, with line and column: `document_parse`, `document_too_large`, and `policy_invalid` for another
/// `apiVersion` or `kind` and for a value that is not what `T` wants.
pub fn read_document<T: DeserializeOwned>(
    text: &[u8],
    name: &str,
    api_version: &str,
    kind: &str,
) -> Result<(T, ByPath<Origin>), Problems> {
    let notes = Notes::new(name);
    let header = Header { api_version, kind, fields: " and more" };
    let read = match single(text, "document") {
        Ok(node) if header.is_of(&node, &notes) => decode::<T>(node, &notes),
        Ok(_) => None,
        Err(fault) => {
            notes.fault(fault);
            None
        }
    };
    let (value, origins) = notes.finish(None, read)?;
    Ok((value, origins.into()))
}
