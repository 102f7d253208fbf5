//! Which application protocols are offered where no object lists them: what routes and the port of a Service say.

use super::ancestors::RouteUse;
use super::merge::Merge;
use crate::kubernetes::model::object::ObjectRef;
use crate::kubernetes::model::provenance::Provenance;
use crate::kubernetes::read::route::Spoken;
use crate::kubernetes::read::service::Port;

impl Merge<'_> {
    /// M5: gRPC is HTTP/2, which a peer speaks over TLS only if it is offered; beside it stands what else is spoken. HTTP
    /// alone offers nothing, and so is HTTP/1.1 without a word, unless the port says that it is.
    pub(super) fn protocols(&mut self, routes: &[&RouteUse], port: Option<(&ObjectRef, &Port)>) {
        // Whoever lists protocols has the say, also for a single one.
        if !self.spec.alpn.protocols.is_empty() {
            return;
        }
        let by = |spoken: Spoken| routes.iter().find(|route| route.spoken == spoken).map(|route| route.from.clone());
        let (grpc, of_port) = (by(Spoken::Grpc), port.and_then(|(object, port)| http_over_tls(object, port)));
        let http = match grpc {
            Some(_) => by(Spoken::Http).or(of_port),
            None => of_port,
        };
        let offered = [(HTTP_2, grpc), (HTTP_11, http)].into_iter().filter_map(|(name, from)| Some((name, from?)));
        for (index, (name, from)) in offered.enumerate() {
            if index == 0 {
                self.provenance.insert("spec.alpn".to_owned(), from.clone());
            }
            self.provenance.insert(format!("spec.alpn.protocols[{index}]"), from);
            self.spec.alpn.protocols.push(name.to_owned());
        }
    }
}

/// The port, if its `appProtocol` is HTTP or WebSocket over TLS. What is spoken without TLS (`kubernetes.io/h2c`, `http`)
/// says nothing of what is spoken with it.
fn http_over_tls(object: &ObjectRef, port: &Port) -> Option<Provenance> {
    let written = port.app_protocol.as_ref()?;
    // A name of IANA's register has no case.
    let is_one = written.value.eq_ignore_ascii_case(HTTPS) || written.value == WEB_SOCKET;
    is_one.then(|| written.place(object))
}

const HTTPS: &str = "https";
const HTTP_11: &str = "http/1.1";
const HTTP_2: &str = "h2";
const WEB_SOCKET: &str = "kubernetes.io/wss";
