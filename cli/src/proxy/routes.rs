//! The document with routes: read strictly, and whole or not at all.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use uptls_manifest::kubernetes::{BackendRef, ObjectName};

use super::args::ProxyArgs;
use super::http::Hosts;
use super::listen::Listen;
use super::route::{HttpSpec, RouteSpec};
use crate::args::Source;
use crate::print::printable;
use crate::target::{ConnectTo, Target, parse_timeout};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    #[expect(dead_code, reason = "the reader has judged it; here it is a field that is known")]
    api_version: String,
    #[expect(dead_code, reason = "the reader has judged it; here it is a field that is known")]
    kind: String,
    routes: Vec<RouteDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RouteDocument {
    name: String,
    listen: String,
    hosts: Option<Vec<String>>,
    #[serde(default)]
    preserve_host: bool,
    upstream: String,
    policy: Option<PathBuf>,
    manifests: Option<PathBuf>,
    backend: Option<String>,
    gateway: Option<String>,
    audit: Option<PathBuf>,
    connect_to: Option<String>,
    max_connections: Option<u32>,
    idle_timeout: Option<String>,
    #[serde(default)]
    accept_proxy_header: bool,
    #[serde(default)]
    send_proxy_header: bool,
}

/// The one route of the command line.
pub(super) fn of_args(args: &ProxyArgs) -> Result<Vec<RouteSpec>, String> {
    // The parser of the command line sees to it that there are both.
    let (Some(listen), Some(target)) = (&args.listen, &args.target) else { return Ok(Vec::new()) };
    let spec = RouteSpec {
        name: target.to_string(),
        listen: listen.clone(),
        target: target.clone(),
        source: args.source.clone(),
        audit: args.audit_policy.clone(),
        connect_to: args.connect_to.clone(),
        max_connections: args.max_connections,
        idle_timeout: args.idle_timeout,
        accept_proxy_header: args.accept_proxy_header,
        send_proxy_header: args.send_proxy_header,
        http: args.http.then(|| HttpSpec { hosts: Hosts::any(), preserves_host: args.preserve_host }),
    };
    local(&spec.listen, args.allow_remote_clients)?;
    Ok(vec![spec])
}

/// The routes of a document. Files are relative to its folder.
///
/// # Errors
/// What is wrong, with line and column: all that the reader finds, or the first route that cannot be.
pub(super) fn parse(text: &str, path: &Path, args: &ProxyArgs) -> Result<Vec<RouteSpec>, String> {
    let name = path.display().to_string();
    let read = uptls_manifest::read_document::<Document>(text.as_bytes(), &name, API_VERSION, KIND);
    let (document, origins) = read.map_err(|problems| printable(&problems.to_string()))?;
    let at = |path: &str, reason: String| match origins.nearest(path) {
        Some(origin) => format!("{}: {reason}", printable(&origin.to_string())),
        None => format!("{}: {reason}", printable(&name)),
    };
    if document.routes.is_empty() {
        return Err(at("routes", "routes: there is none".to_owned()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut specs: Vec<RouteSpec> = Vec::new();
    for (index, route) in document.routes.iter().enumerate() {
        let spec = route.spec(folder, args).and_then(|spec| distinct(&spec, &specs).map(|()| spec));
        specs.push(spec.map_err(|Fault { field, reason }| {
            let route = printable(&route.name);
            at(&format!("routes[{index}].{field}"), format!("route {route:?}: {field}: {reason}"))
        })?);
    }
    Ok(specs)
}

/// What is wrong with a field of a route.
struct Fault {
    field: &'static str,
    reason: String,
}

/// The same, for what says it with an error of its own.
fn fault<E: ToString>(field: &'static str) -> impl FnOnce(E) -> Fault {
    move |reason| Fault { field, reason: reason.to_string() }
}

impl RouteDocument {
    fn spec(&self, folder: &Path, args: &ProxyArgs) -> Result<RouteSpec, Fault> {
        if self.name.is_empty() {
            return Err(fault("name")("it is empty"));
        }
        let listen = Listen::parse(&self.listen).map_err(fault("listen"))?;
        local(&listen, args.allow_remote_clients).map_err(fault("listen"))?;
        if self.max_connections == Some(0) {
            return Err(fault("maxConnections")("it must be more than nothing"));
        }
        Ok(RouteSpec {
            http: self.http()?,
            name: self.name.clone(),
            listen,
            target: Target::parse(&self.upstream).map_err(fault("upstream"))?,
            source: self.source(folder, args)?,
            audit: self.audit.as_ref().map(|path| folder.join(path)),
            connect_to: optional("connectTo", self.connect_to.as_deref(), ConnectTo::parse)?,
            max_connections: self.max_connections.unwrap_or(args.max_connections),
            idle_timeout: optional("idleTimeout", self.idle_timeout.as_deref(), parse_timeout)?,
            accept_proxy_header: self.accept_proxy_header,
            send_proxy_header: self.send_proxy_header,
        })
    }

    fn http(&self) -> Result<Option<HttpSpec>, Fault> {
        let Some(hosts) = &self.hosts else {
            return match self.preserve_host {
                true => Err(fault("preserveHost")("it is for a route with hosts")),
                false => Ok(None),
            };
        };
        if self.send_proxy_header {
            return Err(fault("sendProxyHeader")(
                "requests of many clients share a connection, so it is not for hosts",
            ));
        }
        let hosts = Hosts::parse(hosts).map_err(fault("hosts"))?;
        Ok(Some(HttpSpec { hosts, preserves_host: self.preserve_host }))
    }

    fn source(&self, folder: &Path, args: &ProxyArgs) -> Result<Source, Fault> {
        let given = (self.policy.is_some(), self.manifests.is_some(), self.backend.is_some(), self.gateway.is_some());
        match given {
            (true, false, false, false) | (false, true, true, _) => {}
            _ => return Err(fault("policy")("give either policy, or manifests with backend (and gateway)")),
        }
        let beside = |path: &PathBuf| folder.join(path);
        Ok(Source {
            policy: self.policy.as_ref().map(beside),
            manifests: self.manifests.as_ref().map(beside),
            backend: optional("backend", self.backend.as_deref(), BackendRef::parse)?,
            gateway: optional("gateway", self.gateway.as_deref(), ObjectName::parse)?,
            ..args.source.clone()
        })
    }
}

fn optional<T, E: ToString>(
    field: &'static str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, Fault> {
    text.map(parse).transpose().map_err(fault(field))
}

/// Refuses what other hosts can reach, unless it is wanted.
pub(super) fn local(listen: &Listen, allow_remote_clients: bool) -> Result<(), String> {
    match listen.is_remote() && !allow_remote_clients {
        true => Err(format!(
            "other hosts can reach {listen}, and would speak with the proxy's identity; listen on 127.0.0.1, [::1] or \
             unix:PATH, or give --allow-remote-clients"
        )),
        false => Ok(()),
    }
}

/// Whether a route can be beside those before it.
fn distinct(spec: &RouteSpec, before: &[RouteSpec]) -> Result<(), Fault> {
    if before.iter().any(|other| other.names().any(|name| spec.names().any(|own| own == name))) {
        return Err(fault("name")("another route has this name"));
    }
    before.iter().filter(|other| other.listen == spec.listen).try_for_each(|other| share(spec, other))
}

/// Whether two routes with the same `listen` can be told apart: by the hosts of requests.
fn share(spec: &RouteSpec, other: &RouteSpec) -> Result<(), Fault> {
    let place = &spec.listen;
    let (Some(http), Some(others)) = (&spec.http, &other.http) else {
        return match place.is_any_port() {
            true => Ok(()),
            false => Err(fault("listen")(format!("another route listens at {place}, and not both have hosts"))),
        };
    };
    if let Some(pattern) = http.hosts.common(&others.hosts) {
        return Err(fault("hosts")(format!("another route at {place} has {pattern}, too")));
    }
    match spec.accept_proxy_header == other.accept_proxy_header {
        true => Ok(()),
        false => Err(fault("acceptProxyHeader")(format!("it must be the same for all routes at {place}"))),
    }
}

const API_VERSION: &str = "uptls/v1";
const KIND: &str = "Proxy";

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        proxy: ProxyArgs,
    }

    fn args(more: &[&str]) -> ProxyArgs {
        Line::parse_from([&["proxy", "--routes", "r.yaml"], more].concat()).proxy
    }

    fn document(routes: &str) -> String {
        format!("apiVersion: uptls/v1\nkind: Proxy\nroutes:\n{routes}")
    }

    #[test]
    fn a_document_has_many_routes() {
        let text = document(
            "- {name: redis, listen: '6380', upstream: 'redis.internal:6379', policy: redis.yaml, idleTimeout: 10m}\n\
             - {name: pay, listen: 'unix:/run/p', upstream: 'pay:443', manifests: m, backend: shop/pay:443}\n",
        );
        let specs = parse(&text, Path::new("/etc/uptls/routes.yaml"), &args(&[])).unwrap();
        let policy = specs[0].source.policy.as_deref();
        assert_eq!(policy, Some(Path::new("/etc/uptls/redis.yaml")), "beside the document");
        assert_eq!(specs[0].idle_timeout.map(|time| time.as_secs()), Some(600));
        assert_eq!((specs[1].listen.to_string(), specs[1].max_connections), ("unix:/run/p".to_owned(), 10_000));
        // The same text is the same routes.
        assert!(specs == parse(&text, Path::new("/etc/uptls/routes.yaml"), &args(&[])).unwrap());
    }

    #[test]
    fn the_documents_of_the_page_and_the_example_are_read() {
        let page = include_str!("../../../docs/proxy.md");
        let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let names: Vec<Vec<_>> = blocks
            .map(|block| parse(block, Path::new("r"), &args(&[])).unwrap().into_iter().map(|spec| spec.name).collect())
            .collect();
        assert_eq!(names, [vec!["redis", "ledger", "pay"], vec!["pay", "the rest"]]);
        let example = include_str!("../../../examples/proxy/routes.yaml");
        assert_eq!(parse(example, Path::new("r"), &args(&[])).unwrap().len(), 2);
    }

    #[test]
    fn errors_name_the_route_and_the_field() {
        let rest = "upstream: 'a:1', policy: p.yaml";
        for (route, wanted) in [
            (format!("- {{name: a, listen: here, {rest}}}"), "r.yaml:4:13: route \"a\": listen: it is not a PORT"),
            (
                format!("- {{name: a, listen: '0.0.0.0:1', {rest}}}"),
                "route \"a\": listen: other hosts can reach 0.0.0.0:1",
            ),
            (format!("- {{name: '', listen: '1', {rest}}}"), "name: it is empty"),
            (format!("- {{name: a, listen: '1', {rest}, maxConnections: 0}}"), "maxConnections: it must be more"),
            (
                format!("- {{name: a, listen: '1', {rest}, idleTimeout: 3}}"),
                "idleTimeout: expected a number with a unit",
            ),
            (format!("- {{name: a, listen: '1', {rest}, backend: x}}"), "give either policy"),
            (
                format!("- {{name: a, listen: '1', {rest}, insecure: true}}"),
                "r.yaml:4:59: routes[0]: the field \"insecure\" is unknown",
            ),
            (
                format!("- {{name: a, listen: '1', {rest}}}\n- {{name: a, name: b, listen: '2', {rest}}}"),
                "r.yaml:5:13: routes[1]",
            ),
            ("- {name: a, listen: '1', upstream: 'a:1'}".to_owned(), "give either policy"),
            ("- {name: a, listen: '1', upstream: 'a', policy: p}".to_owned(), "upstream: the port is missing"),
            (
                format!("- {{name: a, listen: '1', {rest}}}\n- {{name: a, listen: '2', {rest}}}"),
                "route \"a\": name: another route has this name",
            ),
            (
                format!("- {{name: a, listen: '1', {rest}}}\n- {{name: b, listen: '1', {rest}}}"),
                "another route listens",
            ),
            (format!("- {{name: a, listen: '1', {rest}, preserveHost: true}}"), "preserveHost: it is for a route"),
            (format!("- {{name: a, listen: '1', {rest}, hosts: []}}"), "hosts: it is empty"),
            (
                format!("- {{name: a, listen: '1', {rest}, hosts: [a], sendProxyHeader: true}}"),
                "sendProxyHeader: requests",
            ),
            (
                format!("- {{name: a, listen: '1', {rest}, hosts: [a]}}\n- {{name: b, listen: '1', {rest}}}"),
                "not both have hosts",
            ),
            (
                format!(
                    "- {{name: a, listen: '1', {rest}, hosts: [a, b]}}\n- {{name: b, listen: '1', {rest}, hosts: [B]}}"
                ),
                "hosts: another route at 127.0.0.1:1 has b, too",
            ),
            (
                format!(
                    "- {{name: a, listen: '1', {rest}, hosts: [a]}}\n\
                     - {{name: b, listen: '1', {rest}, hosts: [b], acceptProxyHeader: true}}"
                ),
                "must be the same for all routes",
            ),
            (" []".to_owned(), "routes: there is none"),
        ] {
            let error = parse(&document(&route), Path::new("r.yaml"), &args(&[])).unwrap_err();
            assert!(error.contains(wanted), "{route}: {error}");
        }
        assert!(parse("apiVersion: uptls/v2\nkind: Proxy\nroutes: []", Path::new("r"), &args(&[])).is_err());
        // The twin: hosts that differ share a listener.
        let shared = document(&format!(
            "- {{name: a, listen: '1', {rest}, hosts: [a]}}\n- {{name: b, listen: '1', {rest}, hosts: ['*.a', '*']}}"
        ));
        assert_eq!(parse(&shared, Path::new("r"), &args(&[])).unwrap().len(), 2);
        // The twin: it is wanted.
        let remote = document(&format!("- {{name: a, listen: '0.0.0.0:1', {rest}}}"));
        assert!(parse(&remote, Path::new("r"), &args(&["--allow-remote-clients"])).is_ok());
    }
}
