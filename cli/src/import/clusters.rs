//! The clusters of an Envoy configuration, each with its standing.

use std::path::Path;

use uptls_manifest::envoy::{self, ClusterReading};

use super::files::Text;
use super::report::{Cluster, Finding};
use crate::print::spelled;
use crate::verify::read;

/// What the clusters of `text` verify; `None` if it holds none: it is something else then.
pub(super) fn of(text: &Text) -> Option<Vec<Cluster>> {
    let read_file = |path: &Path| read(path).map_err(|error| error.to_string());
    let reading = envoy::read(&text.octets, &text.name, &read_file).ok()?;
    Some(reading.clusters.iter().map(|cluster| one(cluster, &text.name)).collect())
}

fn one(reading: &ClusterReading, document: &str) -> Cluster {
    let findings = reading.findings.iter().map(|finding| Finding {
        name: finding.name,
        effect: spelled(&finding.effect),
        path: finding.path.clone(),
        line: finding.line,
        reason: finding.reason.clone(),
        change: finding.change.clone(),
    });
    Cluster {
        name: reading.name.clone(),
        standing: spelled(&reading.standing),
        document: document.to_owned(),
        line: reading.line,
        findings: findings.collect(),
    }
}
