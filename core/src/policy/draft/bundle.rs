//! A trust bundle as the document writes it: material that may say whose SPIFFE IDs it vouches for.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::MaterialDraft;

/// A trust bundle: a file, or the PEM text itself; exactly one of the two.
#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct BundleDraft {
    /// A file, relative to the document.
    file: Option<PathBuf>,
    /// The text itself.
    pem: Option<Arc<str>>,
    /// The SPIFFE trust domain that its certificates vouch for. Default: the one domain of the SPIFFE names; it is required
    /// where they are of several.
    trust_domain: Option<String>,
}

impl From<BundleDraft> for MaterialDraft {
    fn from(bundle: BundleDraft) -> Self {
        let BundleDraft { file, pem, trust_domain } = bundle;
        Self { file, name: None, pem, trust_domain }
    }
}

/// Reads `trust.bundles`.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<MaterialDraft>, D::Error> {
    let bundles = Vec::<BundleDraft>::deserialize(deserializer)?;
    Ok(bundles.into_iter().map(MaterialDraft::from).collect())
}
