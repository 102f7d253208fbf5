//! One update under way: by the caller, who gives documents, or by a source, which reads their files (`standing`).

use std::sync::Arc;

use super::standing::{Awaited, Claim, Standing, Word};
use super::{Connector, ConnectorState, Published, Publishing, problem};
use crate::error::{PolicyErrorKind, Problems};
use crate::generation::Generation;
use crate::observe::Postponed;
use crate::policy::UpstreamTlsPolicy;
use crate::prepare::Prepared;
use crate::sync::{MutexGuard, lock};

/// An update that is being validated: no other is, meanwhile. Only a withdrawal can come between.
pub(super) struct Update<'a> {
    connector: &'a Connector,
    _in_order: MutexGuard<'a, ()>,
    /// Dropped after the lock: observers may call this connector (R12).
    _postponed: Option<Postponed>,
    withdrawals: u64,
}

/// What a source made of the connector.
pub(super) struct Followed {
    pub(super) before: (Generation, ConnectorState),
    pub(super) after: (Generation, ConnectorState),
    /// How many documents were published by then.
    pub(super) documents: u64,
}

impl Connector {
    /// Withdrawals are counted before anything is read, so that none is undone by what was read before it.
    pub(super) fn begin_update(&self) -> Update<'_> {
        let postponed = self.0.runtime.observers().postpone();
        let in_order = lock(&self.0.updating);
        let withdrawals = lock(&self.0.publishing).withdrawals;
        Update { connector: self, _in_order: in_order, _postponed: postponed, withdrawals }
    }
}

impl Update<'_> {
    /// What is published now.
    pub(super) fn current(&self) -> Arc<Published> {
        self.connector.0.current.load_full()
    }

    /// The caller gave `policy`, and this was made of it. Nothing happens if it was withdrawn meanwhile.
    pub(super) fn document(
        self,
        policy: &UpstreamTlsPolicy,
        prepared: Result<Arc<Prepared>, Problems>,
    ) -> Result<Generation, Problems> {
        let publishing = self.enter(policy.name())?;
        let mut next = self.current().again();
        match prepared {
            Ok(prepared) => {
                next.documents.publish(policy);
                next.change_standing(|standing| *standing = Standing::GOOD);
                next.show(prepared);
                let generation = next.generation;
                self.connector.replace(publishing, next, None);
                Ok(generation)
            }
            // Nothing is known of it (R2). The caller is told, and gives it again, or a source does.
            Err(reason) if reason.is_shortage() => {
                next.documents.awaited = Awaited::This(policy.clone());
                self.connector.replace(publishing, next, None);
                Err(reason)
            }
            Err(reason) => {
                next.documents.awaited = Awaited::This(policy.clone());
                self.refused(publishing, next, &reason);
                Err(reason)
            }
        }
    }

    /// The caller has no document to give. Nothing happens if it was withdrawn meanwhile.
    pub(super) fn refuse(self, reason: Problems) {
        let Ok(publishing) = self.enter(None) else { return };
        let mut next = self.current().again();
        next.documents.awaited = Awaited::Nothing;
        self.refused(publishing, next, &reason);
    }

    fn refused(&self, publishing: MutexGuard<'_, Publishing>, mut next: Published, reason: &Problems) {
        next.change_standing(|standing| standing.caller.refuse(reason.clone(), self.connector.now()));
        self.connector.replace(publishing, next, None);
    }

    fn enter(&self, name: Option<&str>) -> Result<MutexGuard<'_, Publishing>, Problems> {
        let publishing = lock(&self.connector.0.publishing);
        if publishing.withdrawals == self.withdrawals {
            return Ok(publishing);
        }
        Err(problem(name, PolicyErrorKind::Withdrawn))
    }

    /// A source read the files of `policy`, and this was made of them. `None`: the caller withdrew it meanwhile.
    pub(super) fn files(
        self,
        policy: &UpstreamTlsPolicy,
        claim: Claim,
        prepared: Result<Arc<Prepared>, Problems>,
    ) -> Option<Followed> {
        self.follow(None, |next, at| match (prepared, claim) {
            (Ok(prepared), Claim::Awaited) => {
                next.documents.publish(policy);
                next.change_standing(|standing| *standing = Standing::GOOD);
                next.show(prepared);
            }
            (Ok(prepared), Claim::Published) => {
                next.change_standing(|standing| standing.files = Word::Good);
                next.show(prepared);
            }
            (Err(reason), Claim::Awaited) => next.change_standing(|standing| standing.caller.refuse(reason, at)),
            (Err(reason), Claim::Published) => next.change_standing(|standing| standing.files.refuse(reason, at)),
            (_, Claim::Superseded) => {}
        })
    }

    /// R3: a file of the published document is gone. `None`: the caller withdrew it meanwhile.
    pub(super) fn files_are_gone(self, reason: Problems) -> Option<Followed> {
        self.follow(Some(reason), |next, at| {
            next.lose_content();
            next.change_standing(|standing| standing.files = Word::Withdrawn { since: at });
        })
    }

    fn follow(self, gone: Option<Problems>, change: impl FnOnce(&mut Published, i64)) -> Option<Followed> {
        let publishing = self.enter(None).ok()?;
        let mut next = self.current().again();
        let before = (next.generation, next.state().clone());
        change(&mut next, self.connector.now());
        let next = self.connector.replace(publishing, next, gone);
        let after = (next.generation, next.state().clone());
        Some(Followed { before, after, documents: next.documents.count })
    }
}
