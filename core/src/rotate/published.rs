//! What is published by one atomic store (R1).

use std::sync::Arc;

use super::standing::{Documents, Standing};
use super::state::{ConnectorState, OnInvalid};
use crate::generation::Generation;
use crate::prepare::Prepared;
use crate::session::Publication;

/// What connections see of a connector. There is one for each of a hundred thousand policies, so what is rare is behind a
/// pointer.
pub(super) struct Published {
    pub(super) content: Option<Content>,
    pub(super) documents: Documents,
    pub(super) generation: Generation,
    /// The fingerprint of the content that is no more, which is that of the generation.
    lost: Option<Box<[u8; 32]>>,
    /// The policy's, for errors.
    pub(super) name: Option<Box<str>>,
    /// `None`: it is ready.
    stopped: Option<Box<Stopped>>,
}

/// What connections are made with. It is kept while they are refused, so that equal content gets its `Arc`s back (R5), and
/// not once it was withdrawn.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) prepared: Arc<Prepared>,
    pub(super) publication: Arc<Publication>,
}

#[derive(Clone)]
struct Stopped {
    standing: Standing,
    /// What `standing` comes to.
    state: ConnectorState,
}

impl Published {
    /// Before there is any content.
    pub(super) fn empty() -> Self {
        Self {
            content: None,
            documents: Documents::default(),
            generation: Generation::default(),
            lost: None,
            name: None,
            stopped: None,
        }
    }

    /// The same, to be changed and published.
    pub(super) fn again(&self) -> Self {
        let Self { content, documents, generation, lost, name, stopped } = self;
        Self {
            content: content.clone(),
            documents: documents.clone(),
            generation: *generation,
            lost: lost.clone(),
            name: name.clone(),
            stopped: stopped.clone(),
        }
    }

    pub(super) fn without_content(&self) -> Self {
        let mut next = self.again();
        next.lose_content();
        next
    }

    pub(super) fn lose_content(&mut self) {
        if let Some(content) = self.content.take() {
            self.lost = Some(Box::new(*content.prepared.fingerprint()));
        }
    }

    /// The fingerprint of the last content, which is that of the generation.
    fn fingerprint(&self) -> Option<&[u8; 32]> {
        self.content.as_ref().map(|content| content.prepared.fingerprint()).or(self.lost.as_deref())
    }

    /// Other content is another generation (R5). The same is the same configuration in memory, too (R9): the runtime gives
    /// equal content equal `Arc`s while one is held.
    pub(super) fn show(&mut self, prepared: Arc<Prepared>) {
        let fingerprint = *prepared.fingerprint();
        if self.fingerprint() != Some(&fingerprint) {
            self.generation = self.generation.next();
            self.content = None;
        }
        self.lost = None;
        self.name = prepared.policy().name().map(Box::from);
        let publication = match self.content.take() {
            Some(content) => content.publication,
            None => Publication::new(prepared.runtime().sessions(), fingerprint),
        };
        self.content = Some(Content { prepared, publication });
    }

    /// What both authors say of it.
    pub(super) fn standing(&self) -> &Standing {
        self.stopped.as_ref().map_or(&Standing::GOOD, |stopped| &stopped.standing)
    }

    /// Before it is settled.
    pub(super) fn change_standing(&mut self, change: impl FnOnce(&mut Standing)) {
        let ready = || Box::new(Stopped { standing: Standing::GOOD, state: ConnectorState::Ready });
        change(&mut self.stopped.get_or_insert_with(ready).standing);
    }

    pub(super) fn settle(&mut self, on_invalid: OnInvalid) {
        let has_content = self.content.is_some();
        if let Some(stopped) = &mut self.stopped {
            stopped.state = stopped.standing.state(on_invalid, has_content);
        }
        self.stopped.take_if(|stopped| stopped.state == ConnectorState::Ready);
    }

    pub(super) fn state(&self) -> &ConnectorState {
        self.stopped.as_ref().map_or(&ConnectorState::Ready, |stopped| &stopped.state)
    }
}
