//! The clusters of an Envoy configuration, each with its standing.

use super::{Cluster, Finding};
use crate::envoy::{self, ClusterReading, ReadFile};

/// What the clusters of `text` verify; `None` if it holds none: it is something else then.
pub(super) fn of(name: &str, text: &[u8], read_file: &ReadFile<'_>) -> Option<Vec<Cluster>> {
    let reading = envoy::read(text, name, read_file).ok()?;
    Some(reading.clusters.iter().map(|cluster| one(cluster, name)).collect())
}

fn one(reading: &ClusterReading, document: &str) -> Cluster {
    let findings = reading.findings.iter().map(|finding| Finding {
        name: finding.name,
        effect: finding.effect,
        path: finding.path.clone(),
        line: finding.line,
        reason: finding.reason.clone(),
        change: finding.change.clone(),
    });
    Cluster {
        name: reading.name.clone(),
        standing: reading.standing,
        document: document.to_owned(),
        line: reading.line,
        findings: findings.collect(),
    }
}
