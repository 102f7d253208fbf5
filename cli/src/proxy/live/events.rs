//! The events of all policies, those of folders and of shadows too, as one stream.

use core::future::poll_fn;
use core::task::{Context, Poll};
use std::sync::Arc;

use uptls::Event;

use super::{Live, Origin, Proxy};
use crate::proxy::audit::Shadow;
use crate::proxy::route::Route;

/// Whose an event is.
pub(in crate::proxy) enum Subject {
    Routes(Vec<Arc<Route>>),
    /// The shadow of a route, by its own name.
    Shadow(Arc<str>),
}

impl Proxy {
    /// The next event of a policy, and whose it is.
    pub(in crate::proxy) async fn next_event(&self) -> (Subject, Event) {
        loop {
            let event = tokio::select! {
                event = poll_fn(|cx| self.poll_event(cx)) => event,
                // There may be another folder.
                () = self.changed.notified() => continue,
            };
            if !matches!(&event.0, Subject::Routes(routes) if routes.is_empty()) {
                return event;
            }
        }
    }

    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<(Subject, Event)> {
        if let Poll::Ready((name, event)) = self.registry.poll_event(cx) {
            let state = self.state();
            if state.routes.keys().any(|route| Shadow::name_of(route) == *name) {
                return Poll::Ready((Subject::Shadow(name), event));
            }
            let is_of = |live: &Live| matches!(live.origin, Origin::Own(_)) && live.route.spec.name == *name;
            return Poll::Ready((Subject::Routes(state.routes_of(is_of)), event));
        }
        let state = self.state();
        state.folders.poll_event(cx).map(|(from, event)| {
            let is_of = |live: &Live| matches!(&live.origin, Origin::Folder(place) if *place == from);
            (Subject::Routes(state.routes_of(is_of)), event)
        })
    }
}
