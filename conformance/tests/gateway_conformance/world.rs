//! The fixtures of the suite, minted: one backend, its CA and another one; and a gateway that is asked for routes.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use uptls::danger::DangerPermission::Forbidden;
use uptls::{BackendHost, Code, ConnectOptions, Connector, Error, FixedClock, Runtime, UpstreamTlsPolicy};
use uptls_conformance::gateway::Fixtures;
use uptls_manifest::kubernetes::{self, BackendRef, Document, Imported, ON_INVALID, ObjectName, Scope};
use uptls_testkit::{NOW, RESPONSE_BODY, Seen, Server, ServerOptions};

use crate::objects::{CA, NAMESPACE, config_map};

/// The names of the backend's certificate.
pub(crate) const ABC: &str = "abc.example.com";
pub(crate) const OTHER: &str = "other.example.com";
pub(crate) const IDENTITY: &str = "uri:spiffe://abc.example.com/test-identity";

/// `Accepted` and `ResolvedRefs`, by their reasons.
pub(crate) const GOOD: (&str, &str) = ("Accepted", "ResolvedRefs");

/// The backend, and what is there beside the manifests of a test.
pub(crate) struct World {
    pub(crate) fixtures: Fixtures,
    pub(crate) runtime: Runtime,
    pub(crate) server: Server,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|options| options)
    }

    /// With a backend that differs.
    pub(crate) fn with(change: impl FnOnce(ServerOptions) -> ServerOptions) -> Self {
        Self::of(Fixtures::mint(), |_, options| change(options))
    }

    /// With a backend that asks for a client certificate of the same CA, and may differ besides.
    pub(crate) fn asking(change: impl FnOnce(ServerOptions) -> ServerOptions) -> Self {
        Self::of(Fixtures::mint(), |fixtures, options| change(options.with_client_roots(&[&fixtures.pki.root])))
    }

    fn of(fixtures: Fixtures, change: impl FnOnce(&Fixtures, ServerOptions) -> ServerOptions) -> Self {
        let options = ServerOptions::new(&[&fixtures.leaf, &fixtures.pki.intermediate]);
        let server = Server::start(&change(&fixtures, options));
        let clock = FixedClock::at(u64::try_from(NOW).unwrap());
        let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build();
        Self { fixtures, runtime, server }
    }

    /// The ConfigMap with the CA of the backend.
    pub(crate) fn ca(&self) -> Value {
        config_map(CA, json!({"ca.crt": self.fixtures.pki.root.pem()}))
    }

    /// A gateway that has read these manifests and the objects of the suite.
    pub(crate) fn gateway(&self, manifests: &[Value]) -> Gateway<'_> {
        self.gateway_of(&[manifests.to_vec(), self.fixtures.objects()].concat())
    }

    /// A gateway that has read these manifests and nothing else.
    pub(crate) fn gateway_of(&self, manifests: &[Value]) -> Gateway<'_> {
        let texts: Vec<_> = manifests.iter().map(|manifest| serde_json::to_vec_pretty(manifest).unwrap()).collect();
        let names: Vec<_> = (0..texts.len()).map(|index| format!("{index}.json")).collect();
        let documents = names.iter().zip(&texts).map(|(name, text)| Document::new(name, text));
        Gateway { imported: kubernetes::import(documents), world: self }
    }

    /// One GET over a connection of this connector; what the backend saw, or why there was none.
    pub(crate) fn get(&self, connector: &Connector) -> Result<Seen, Error> {
        self.get_with(connector, &ConnectOptions::default())
    }

    /// The same with these options.
    pub(crate) fn get_with(&self, connector: &Connector, options: &ConnectOptions) -> Result<Seen, Error> {
        // A name that the certificate has not: only the policy counts.
        let host = BackendHost::parse("service.gateway-conformance-infra.svc").unwrap();
        let mut stream = connector.connect_blocking(self.server.addr(), &host, options)?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {ABC}\r\nConnection: close\r\n\r\n").unwrap();
        stream.flush().unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(RESPONSE_BODY), "{answer}");
        Ok(self.server.handshakes().pop().expect("whoever has the response is among them"))
    }
}

/// An import, and requests by it.
pub(crate) struct Gateway<'w> {
    pub(crate) imported: Imported,
    pub(crate) world: &'w World,
}

impl Gateway<'_> {
    /// A connector for a backend.
    pub(crate) fn connector(&self, service: &str, port: u16) -> Connector {
        let backend = BackendRef::new(NAMESPACE, service, Some(port));
        kubernetes::connector(&self.world.runtime, &self.imported, &backend, Forbidden)
    }

    /// What a controller does when objects have changed: the connector takes the new policy, or fails from now on.
    pub(crate) fn refresh(&self, connector: &mut Connector, service: &str, port: u16) {
        let backend = BackendRef::new(NAMESPACE, service, Some(port));
        let draft = kubernetes::resolve(&self.imported, &backend);
        let policy = draft.and_then(|draft| UpstreamTlsPolicy::check(draft, Forbidden));
        if policy.and_then(|policy| connector.update(&policy)).is_err() {
            *connector = self.connector(service, port);
        }
    }

    /// The name that the backend of a route was asked for, or the code of the failure.
    pub(crate) fn request(&self, service: &str, port: u16) -> Result<Option<String>, Code> {
        let seen = self.world.get(&self.connector(service, port));
        seen.map(|seen| seen.sni).map_err(|error| error.code())
    }

    /// What the backend saw of a request that this Gateway sends on, or the code of the failure.
    pub(crate) fn request_of(&self, gateway: &str, service: &str, port: u16) -> Result<Seen, Code> {
        let (gateway, backend) = (ObjectName::new(NAMESPACE, gateway), BackendRef::new(NAMESPACE, service, Some(port)));
        let resolution = self.imported.resolve(&Scope::default());
        let connector = match resolution.policy_of(&backend, Some(&gateway)) {
            Ok(policy) => policy.connector(&self.world.runtime, Forbidden),
            Err(problems) => Connector::not_ready(&self.world.runtime, problems, ON_INVALID),
        };
        self.world.get(&connector).map_err(|error| error.code())
    }

    /// The reasons of `Accepted` and `ResolvedRefs`.
    pub(crate) fn conditions(&self, policy: &str) -> (&'static str, &'static str) {
        let found = self.imported.policies.iter().find(|found| found.name.name == policy);
        let found = found.unwrap_or_else(|| panic!("there is no policy {policy}"));
        (found.accepted.as_str(), found.resolved_refs.as_str())
    }
}

/// What a request gives that reached the backend under this name.
pub(crate) fn reached(sni: &str) -> Result<Option<String>, Code> {
    Ok(Some(sni.to_owned()))
}
