//! From a cluster to its contexts: transport sockets, the sockets that wrap them, and those chosen by endpoint.

use uptls::{PolicyDraft, PolicySpec};

use super::context;
use super::finding::{ClusterReading, Effect, Findings, Standing};
use super::host_names::HostNames;
use super::locate::{Kind, Subject};
use super::object::{DUPLICATE, Object};
use super::secrets::Secrets;
use super::spot::Spot;

/// Every reading of one subject.
pub(super) fn judge(subject: &Subject, secrets: &Secrets<'_>) -> Vec<ClusterReading> {
    let object = Object::new(&subject.node, subject.path.as_str());
    if !subject.twice.is_empty() {
        return vec![doubled(&object, &subject.twice)];
    }
    match subject.kind {
        Kind::Context => {
            vec![reading(String::new(), &object, |judge| {
                context::judge(&object, HostNames::OF_CONTEXT, secrets, judge)
            })]
        }
        Kind::Cluster => cluster(&object, secrets),
    }
}

/// Which of two fields of one name counts, or whether both do, depends on where they stand, in which format and in which spelling; some
/// documents Envoy refuses, most it takes.
fn doubled(object: &Object<'_>, twice: &[Spot]) -> ClusterReading {
    let name = object.text("name").unwrap_or_default().to_owned();
    reading(name, object, |findings| {
        for spot in twice {
            findings.add(spot, Effect::Unclear, DUPLICATE.0, DUPLICATE.1, DUPLICATE.2);
        }
        None
    })
}

fn cluster(cluster: &Object<'_>, secrets: &Secrets<'_>) -> Vec<ClusterReading> {
    let name = cluster.text("name").unwrap_or_default();
    let hosts = HostNames::of(cluster);
    let mut readings = Vec::new();
    if let Some(matcher) = cluster.get("transport_socket_matcher") {
        let change = "use transport_socket_matches, or one transport_socket";
        let reason = "which socket a matcher chooses cannot be told here";
        let unclear = |findings: &mut Findings| {
            findings.add(matcher.spot(), Effect::Unclear, "unknown_socket", reason, change);
            None
        };
        return vec![reading(name.to_owned(), cluster, unclear)];
    }
    for matched in cluster.list("transport_socket_matches") {
        let name = format!("{name}/{}", matched.text("name").unwrap_or_default());
        readings.push(one(name, cluster, matched.get("transport_socket"), hosts, secrets));
        // The first match counts: what comes after one that every endpoint meets is never used.
        if matched.get("match").is_none_or(|criteria| criteria.has_no_entry()) {
            return readings;
        }
    }
    // What no match names goes by the cluster's own socket, and without one in plain text.
    readings.push(one(name.to_owned(), cluster, cluster.get("transport_socket"), hosts, secrets));
    readings
}

fn one(
    name: String,
    cluster: &Object<'_>,
    socket: Option<Object<'_>>,
    hosts: HostNames,
    secrets: &Secrets<'_>,
) -> ClusterReading {
    let at = socket.clone().unwrap_or_else(|| cluster.clone());
    let mut read = reading(name, &at, |findings| {
        if let Some(old) = cluster.get("tls_context") {
            let reason = "the field belongs to the API before v3, which Envoy no longer reads";
            findings.add(old.spot(), Effect::Unclear, "old_api", reason, "write a transport_socket");
            return None;
        }
        let Some(socket) = socket else {
            let (reason, change) =
                ("there is no transport socket", "add a transport_socket with an UpstreamTlsContext");
            findings.add(cluster.spot(), Effect::PlainText, "plain_text", reason, change);
            return None;
        };
        unwrap(&socket, hosts, secrets, findings, MAX_WRAPPERS)
    });
    if let (Some(draft), Some(timeout)) = (&mut read.draft, cluster.text("connect_timeout")) {
        draft.spec.handshake_timeout = Some(timeout.to_owned());
    }
    read
}

fn reading(name: String, at: &Object<'_>, judge: impl FnOnce(&mut Findings) -> Option<PolicySpec>) -> ClusterReading {
    let mut findings = Findings::default();
    let spec = judge(&mut findings);
    let mut findings = findings.0;
    findings.sort_by_key(|finding| finding.effect);
    let standing = Standing::of(&findings);
    let has_policy = standing == Standing::Verified && findings.iter().all(|finding| finding.effect != Effect::Beyond);
    let draft = spec.filter(|_| has_policy).map(|spec| {
        let draft = PolicyDraft::new(spec);
        if name.is_empty() { draft } else { draft.with_name(name.clone()) }
    });
    ClusterReading { name, standing, findings, line: at.spot().line, draft }
}

/// The context inside of a socket, however it is wrapped.
fn unwrap(
    socket: &Object<'_>,
    hosts: HostNames,
    secrets: &Secrets<'_>,
    findings: &mut Findings,
    depth: usize,
) -> Option<PolicySpec> {
    let config = socket.get("typed_config");
    let kind = config.as_ref().map(Object::type_name).unwrap_or_default();
    let name = socket.text("name").unwrap_or_default();
    match (kind, config) {
        ("UpstreamTlsContext", Some(config)) => context::judge(&config, hosts, secrets, findings),
        ("QuicUpstreamTransport", Some(config)) => match config.get("upstream_tls_context") {
            Some(inner) => context::judge(&inner, hosts, secrets, findings),
            None => unclear(&config, findings),
        },
        ("UpstreamStartTlsConfig", Some(config)) => {
            let reason = "the connection begins in plain text, and stays so unless a filter changes it";
            let change = "use envoy.transport_sockets.tls";
            findings.add(config.spot(), Effect::Less, "start_tls", reason, change);
            config.get("tls_socket_config").and_then(|inner| context::judge(&inner, hosts, secrets, findings))
        }
        ("RawBuffer", _) => plain(socket, findings),
        ("", None) if name.ends_with("raw_buffer") => plain(socket, findings),
        ("", None) if name.ends_with(".tls") => {
            let (reason, change) =
                ("the socket has no UpstreamTlsContext", "add typed_config with a validation_context");
            findings.add(socket.spot(), Effect::Nothing, "no_validation_context", reason, change);
            None
        }
        (_, Some(config)) if depth > 0 => match config.get("transport_socket") {
            Some(inner) => unwrap(&inner, hosts, secrets, findings, depth - 1),
            None => unclear(&config, findings),
        },
        _ => unclear(socket, findings),
    }
}

fn plain(socket: &Object<'_>, findings: &mut Findings) -> Option<PolicySpec> {
    let change = "use envoy.transport_sockets.tls";
    findings.add(socket.spot(), Effect::PlainText, "plain_text", "the transport socket is a raw buffer", change);
    None
}

fn unclear(socket: &Object<'_>, findings: &mut Findings) -> Option<PolicySpec> {
    let reason = "what this transport socket verifies is not known here";
    findings.add(socket.spot(), Effect::Unclear, "unknown_socket", reason, "use envoy.transport_sockets.tls");
    None
}

/// How deep sockets may wrap sockets; no configuration needs a fifth.
const MAX_WRAPPERS: usize = 4;
