//! How routes follow what they are made of: their document, the policies that it names, folders of manifests.

use std::mem;
use std::path::Path;
use std::sync::Arc;

use uptls::{Problems, UpstreamTlsPolicy};

use super::{Live, Origin, Policy, Proxy, State, Wanted, read, shown};
use crate::proxy::audit::Shadow;
use crate::proxy::log::tell;
use crate::proxy::route::Route;
use crate::proxy::routes;

impl Proxy {
    /// Reads all documents again, and does what has changed.
    pub(in crate::proxy) fn follow(&self) {
        if let Some(path) = self.args.routes.clone() {
            self.follow_routes(&path);
        }
        self.follow_policies();
        self.follow_shadows();
    }

    fn follow_routes(&self, path: &Path) {
        let document = read(path);
        if self.state().document.as_ref() == Some(&document) {
            return;
        }
        let taken = document.clone().and_then(|text| {
            let specs = routes::parse(&text, path, &self.args)?;
            self.take(specs).map_err(|refused| format!("{}: {refused}", shown(path)))
        });
        // A policy may come later than the document that names it: what is refused is tried again.
        let document = taken.and(document);
        let is_news = self.state().document.as_ref() != Some(&document);
        match &document {
            Err(reason) if is_news => tell(&format!("the routes stay as they are: {reason}")),
            Ok(_) => tell(&format!("the routes of {} count from now on", shown(path))),
            Err(_) => {}
        }
        self.state().document = Some(document);
    }

    fn follow_policies(&self) {
        let mut state = self.state();
        state.folders.tell_problems();
        self.follow_folders(&mut state);
        let own = state.routes.values().filter(|live| matches!(live.origin, Origin::Own(_)));
        let own: Vec<_> = own.map(|live| Arc::clone(&live.route)).collect();
        drop(state);
        for route in own {
            self.renew(&route, route.spec.name.clone(), route.spec.source.policy(), |live| match &mut live.origin {
                Origin::Own(judged) => Some(judged),
                Origin::Folder(_) => None,
            });
        }
    }

    fn follow_shadows(&self) {
        let routes: Vec<_> = self.state().routes.values().map(|live| Arc::clone(&live.route)).collect();
        for route in routes {
            let Some(policy) = route.spec.audit_policy() else { continue };
            self.renew(&route, Shadow::name_of(&route.spec.name), policy, |live| {
                live.shadow.as_mut().map(|shadow| &mut shadow.judged)
            });
        }
    }

    /// Applies a policy of a route under `name` if it came to something else than it did last, which is where `last` says.
    fn renew(
        &self,
        route: &Route,
        name: String,
        policy: Result<UpstreamTlsPolicy, Problems>,
        last: impl FnOnce(&mut Live) -> Option<&mut Judged>,
    ) {
        let judged = judged(&policy);
        let is_news = match self.state().routes.get_mut(&route.spec.name).and_then(last) {
            Some(last) => mem::replace(last, judged.clone()) != judged,
            None => false,
        };
        if is_news {
            // The event says what came of it.
            let _ = self.registry.apply([(name, policy)]);
        }
    }

    /// Another policy of its folder may be the one for a route: one for its port that was added, one that came back.
    fn follow_folders(&self, state: &mut State) {
        let mut moved = Vec::new();
        for live in state.routes.values() {
            let (Origin::Folder(place), Some(listener)) = (&live.origin, &live.listener) else { continue };
            let spec = &live.route.spec;
            if let Some((place, connector)) = state.folders.successor(&spec.source, place, &live.route.connector) {
                let policy = Policy::Folder(place, connector);
                let (audit, listener) = (self.audit(spec), Arc::clone(listener));
                moved.push(Wanted { audit, listener, policy, spec: spec.clone() });
            }
        }
        if moved.is_empty() {
            return;
        }
        for wanted in moved {
            self.stop(state, &wanted.spec.name);
            self.start(state, wanted);
        }
        self.direct(state);
    }
}

/// What a policy came to.
pub(in crate::proxy) type Judged = Result<[u8; 32], Problems>;

fn judged(policy: &Result<UpstreamTlsPolicy, Problems>) -> Judged {
    policy.as_ref().map(UpstreamTlsPolicy::spec_digest).map_err(Clone::clone)
}
