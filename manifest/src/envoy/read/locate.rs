//! Where the clusters, contexts and secrets of a document are.

use crate::node::Node;

use super::object::Object;
use super::spot::Spot;

/// The documents of a text, and what in them is judged.
pub(super) struct Located {
    documents: Vec<Node>,
    /// Whether a field appears twice in a secret, or on the way to one.
    pub(super) has_doubled_secrets: bool,
    pub(super) subjects: Vec<Subject>,
}

/// A cluster or a bare context, by its way through the documents.
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) node: Node,
    pub(super) path: String,
    /// Every field that appears twice, in it or on the way to it.
    pub(super) twice: Vec<Spot>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Cluster,
    Context,
}

impl Located {
    pub(super) fn of(documents: Vec<Node>) -> Self {
        let (mut subjects, mut has_doubled_secrets) = (Vec::new(), false);
        for document in &documents {
            let (document, mut found) = (Object::new(document, ""), Vec::new());
            for part in document.entries() {
                find(&part, &mut found);
            }
            let twice = document.twice();
            if !twice.is_empty() {
                let concerned = |path: &str| concerning(&twice, path);
                found.iter_mut().for_each(|subject| subject.twice = concerned(&subject.path));
                has_doubled_secrets |= secrets(&document).iter().any(|one| !concerned(&one.spot().path).is_empty());
            }
            subjects.extend(found);
        }
        Self { documents, has_doubled_secrets, subjects }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }

    /// Every secret that stands in the documents.
    pub(super) fn secrets(&self) -> Vec<Object<'_>> {
        self.documents.iter().flat_map(|document| secrets(&Object::new(document, ""))).collect()
    }
}

/// Those of the fields that stand twice which are in what stands at `path`, or on the way to it. Of very many each concerns
/// everything, so that a document of nothing else takes no time.
fn concerning(twice: &[Spot], path: &str) -> Vec<Spot> {
    if twice.len() > MAX_TWICE {
        return twice.iter().take(MAX_TWICE).cloned().collect();
    }
    let concerns = |spot: &&Spot| is_within(path, &spot.path) || is_within(&spot.path, path);
    twice.iter().filter(concerns).cloned().collect()
}

/// Whether a path is that of `outer`, or of a part of it.
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

fn find(part: &Object<'_>, subjects: &mut Vec<Subject>) {
    let dumps = part.list("configs");
    let has_clusters = dumps.iter().any(|dump| dump.type_name() == CLUSTERS_DUMP);
    for dump in &dumps {
        match dump.type_name() {
            CLUSTERS_DUMP => {
                for list in ["static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"] {
                    dump.list(list).iter().filter_map(|entry| entry.get("cluster")).for_each(|one| add(&one, subjects));
                }
            }
            // Its clusters stand in the other dump too.
            BOOTSTRAP_DUMP if !has_clusters => {
                dump.get("bootstrap").iter().for_each(|bootstrap| find(bootstrap, subjects));
            }
            _ => {}
        }
    }
    part.dig(&["static_resources", "clusters"]).iter().flat_map(Object::entries).for_each(|one| add(&one, subjects));
    for resource in part.list("resources") {
        let resource = resource.get("resource").unwrap_or(resource);
        if resource.type_name() == "Cluster" {
            add(&resource, subjects);
        }
    }
    match part.type_name() {
        "Cluster" => add(part, subjects),
        "UpstreamTlsContext" => push(part, Kind::Context, subjects),
        "" if CONTEXT_FIELDS.iter().any(|field| part.get(field).is_some()) => push(part, Kind::Context, subjects),
        "" if CLUSTER_FIELDS.iter().any(|field| part.get(field).is_some()) => add(part, subjects),
        _ => {}
    }
}

fn add(cluster: &Object<'_>, subjects: &mut Vec<Subject>) {
    push(cluster, Kind::Cluster, subjects);
}

fn push(object: &Object<'_>, kind: Kind, subjects: &mut Vec<Subject>) {
    subjects.push(Subject { kind, node: object.node().clone(), path: object.spot().path.clone(), twice: Vec::new() });
}

/// The secrets of one document: of a bootstrap, of a discovery response, of a config dump, or one that stands alone.
pub(super) fn secrets<'a>(document: &Object<'a>) -> Vec<Object<'a>> {
    let mut found = Vec::new();
    for part in document.entries() {
        found.extend(part.dig(&["static_resources", "secrets"]).iter().flat_map(Object::entries));
        for dump in part.list("configs") {
            found.extend(dump.get("bootstrap").iter().flat_map(secrets));
            for list in ["static_secrets", "dynamic_active_secrets"] {
                found.extend(dump.list(list).iter().filter_map(|entry| entry.get("secret")));
            }
        }
        for resource in part.list("resources") {
            let resource = resource.get("resource").unwrap_or(resource);
            if resource.type_name() == "Secret" {
                found.push(resource);
            }
        }
        if part.type_name() == "Secret" {
            found.push(part);
        }
    }
    found
}

const BOOTSTRAP_DUMP: &str = "BootstrapConfigDump";
const CLUSTERS_DUMP: &str = "ClustersConfigDump";
/// A map with one of these is a cluster, if nothing else is said of it.
const CLUSTER_FIELDS: &[&str] = &["transport_socket", "transport_socket_matches", "load_assignment", "connect_timeout"];
const MAX_TWICE: usize = 16;
const CONTEXT_FIELDS: &[&str] = &["common_tls_context", "auto_sni_san_validation", "auto_host_sni", "sni"];
