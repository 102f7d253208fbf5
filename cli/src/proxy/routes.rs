//! The document with routes: read strictly, and whole or not at all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use uptls_manifest::kubernetes::{BackendRef, ObjectName};

use super::args::ProxyArgs;
use super::audit::Shadow;
use super::listen::Listen;
use super::route::RouteSpec;
use crate::args::Source;
use crate::print::printable;
use crate::target::{ConnectTo, Target, parse_timeout};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document {
    api_version: String,
    kind: String,
    routes: Vec<RouteDocument>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RouteDocument {
    name: String,
    listen: String,
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
    };
    local(&spec.listen, args.allow_remote_clients)?;
    Ok(vec![spec])
}

/// The routes of a document. Files are relative to its folder.
///
/// # Errors
/// The first that is wrong, with its route.
pub(super) fn parse(text: &str, path: &Path, args: &ProxyArgs) -> Result<Vec<RouteSpec>, String> {
    let document: Document = serde_saphyr::from_str(text).map_err(|error| printable(error.to_string().trim_end()))?;
    if document.api_version != API_VERSION || document.kind != KIND {
        return Err(format!("it is no document of the apiVersion {API_VERSION} and the kind {KIND}"));
    }
    if document.routes.is_empty() {
        return Err("routes: there is none".to_owned());
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let spec = |route: &RouteDocument| {
        let name = printable(&route.name);
        route.spec(folder, args).map_err(|reason| format!("route {name:?}: {reason}"))
    };
    let specs: Vec<RouteSpec> = document.routes.iter().map(spec).collect::<Result<_, _>>()?;
    distinct(&specs)?;
    Ok(specs)
}

impl RouteDocument {
    fn spec(&self, folder: &Path, args: &ProxyArgs) -> Result<RouteSpec, String> {
        let field = |name: &'static str| move |reason: String| format!("{name}: {reason}");
        if self.name.is_empty() {
            return Err("name: it is empty".to_owned());
        }
        let listen = Listen::parse(&self.listen).map_err(field("listen"))?;
        local(&listen, args.allow_remote_clients).map_err(field("listen"))?;
        if self.max_connections == Some(0) {
            return Err("maxConnections: it must be more than nothing".to_owned());
        }
        Ok(RouteSpec {
            name: self.name.clone(),
            listen,
            target: Target::parse(&self.upstream).map_err(field("upstream"))?,
            source: self.source(folder, args)?,
            audit: self.audit.as_ref().map(|path| folder.join(path)),
            connect_to: optional(self.connect_to.as_deref(), ConnectTo::parse).map_err(field("connectTo"))?,
            max_connections: self.max_connections.unwrap_or(args.max_connections),
            idle_timeout: optional(self.idle_timeout.as_deref(), parse_timeout).map_err(field("idleTimeout"))?,
            accept_proxy_header: self.accept_proxy_header,
            send_proxy_header: self.send_proxy_header,
        })
    }

    fn source(&self, folder: &Path, args: &ProxyArgs) -> Result<Source, String> {
        let given = (self.policy.is_some(), self.manifests.is_some(), self.backend.is_some(), self.gateway.is_some());
        match given {
            (true, false, false, false) | (false, true, true, _) => {}
            _ => return Err("give either policy, or manifests with backend (and gateway)".to_owned()),
        }
        let beside = |path: &PathBuf| folder.join(path);
        Ok(Source {
            policy: self.policy.as_ref().map(beside),
            manifests: self.manifests.as_ref().map(beside),
            backend: optional(self.backend.as_deref(), BackendRef::parse)
                .map_err(|reason| format!("backend: {reason}"))?,
            gateway: optional(self.gateway.as_deref(), ObjectName::parse)
                .map_err(|reason| format!("gateway: {reason}"))?,
            ..args.source.clone()
        })
    }
}

fn optional<T, E: ToString>(text: Option<&str>, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<Option<T>, String> {
    text.map(parse).transpose().map_err(|error| error.to_string())
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

fn distinct(specs: &[RouteSpec]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut places = BTreeSet::new();
    for spec in specs {
        let (name, place) = (printable(&spec.name), spec.listen.to_string());
        let shadow = spec.audit.as_ref().map(|_| Shadow::name_of(&spec.name));
        if !names.insert(spec.name.clone()) || shadow.is_some_and(|shadow| !names.insert(shadow)) {
            return Err(format!("two routes have the name {name:?}"));
        }
        if !spec.listen.is_any_port() && !places.insert(place.clone()) {
            return Err(format!("route {name:?}: listen: another route listens at {place}"));
        }
    }
    Ok(())
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
        let block = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let names: Vec<_> =
            parse(block, Path::new("r"), &args(&[])).unwrap().into_iter().map(|spec| spec.name).collect();
        assert_eq!(names, ["redis", "ledger", "pay"]);
        let example = include_str!("../../../examples/proxy/routes.yaml");
        assert_eq!(parse(example, Path::new("r"), &args(&[])).unwrap().len(), 1);
    }

    #[test]
    fn errors_name_the_route_and_the_field() {
        let rest = "upstream: 'a:1', policy: p.yaml";
        for (route, wanted) in [
            (format!("- {{name: a, listen: here, {rest}}}"), "route \"a\": listen: it is not a PORT"),
            (
                format!("- {{name: a, listen: '0.0.0.0:1', {rest}}}"),
                "route \"a\": listen: other hosts can reach 0.0.0.0:1",
            ),
            (format!("- {{name: '', listen: '1', {rest}}}"), "name: it is empty"),
            (format!("- {{name: a, listen: '1', {rest}, maxConnections: 0}}"), "maxConnections: it must be more"),
            (format!("- {{name: a, listen: '1', {rest}, idleTimeout: 3}}"), "idleTimeout: a number with a unit"),
            (format!("- {{name: a, listen: '1', {rest}, backend: x}}"), "give either policy"),
            (format!("- {{name: a, listen: '1', {rest}, insecure: true}}"), "unknown field"),
            ("- {name: a, listen: '1', upstream: 'a:1'}".to_owned(), "give either policy"),
            ("- {name: a, listen: '1', upstream: 'a', policy: p}".to_owned(), "upstream: the port is missing"),
            (
                format!("- {{name: a, listen: '1', {rest}}}\n- {{name: a, listen: '2', {rest}}}"),
                "two routes have the name",
            ),
            (
                format!("- {{name: a, listen: '1', {rest}}}\n- {{name: b, listen: '1', {rest}}}"),
                "another route listens",
            ),
            (" []".to_owned(), "routes: there is none"),
        ] {
            let error = parse(&document(&route), Path::new("r.yaml"), &args(&[])).unwrap_err();
            assert!(error.contains(wanted), "{route}: {error}");
        }
        assert!(parse("apiVersion: uptls/v2\nkind: Proxy\nroutes: []", Path::new("r"), &args(&[])).is_err());
        // The twin: it is wanted.
        let remote = document(&format!("- {{name: a, listen: '0.0.0.0:1', {rest}}}"));
        assert!(parse(&remote, Path::new("r"), &args(&["--allow-remote-clients"])).is_ok());
    }
}
