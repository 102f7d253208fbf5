//! What counts and cannot be read: a stub stands for the object, so that it fails what it may concern and nothing else (M11).

use std::collections::BTreeMap;

use uptls::{Origin, PolicyErrorKind, Problem};

use super::backend_tls_policy::BackendTlsPolicy;
use super::dispatch::{BACKEND, KINDS, SERVICE, What};
use super::extension::{Extension, ExtensionTarget, TargetOf, Vendor};
use super::gateway::{GATEWAY, Gateway};
use super::meta::{Created, Meta};
use super::objects::Objects;
use super::xbackend::XBackend;
use super::{backend_tls_policy, object, xbackend};
use crate::decode::is_word;
use crate::head::Head;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::diagnostic::{Concerns, Diagnostic, Effect};
use crate::kubernetes::model::object::{DEFAULT_NAMESPACE, ObjectName, ObjectRef, is_object_name};
use crate::node::Node;
use crate::position::{Fault, Notes};

impl Objects {
    /// An object of which nothing is known but its head. Of a foreign kind it is passed over, with this effect.
    pub(in crate::kubernetes) fn headed(&mut self, document: &str, head: &Head, fault: Fault, foreign: Effect) {
        let notes = Notes::new(document);
        let place = head.place.unwrap_or(fault.place);
        notes.fault(fault);
        match What::of(&head.api_version, &head.kind) {
            What::Foreign => {
                self.foreign(&head.api_version, &head.kind);
                self.diagnose(notes, foreign);
            }
            What::List(_) => self.diagnose(notes, Effect::Unread),
            What::Read((_, kind, _)) | What::Unsupported((_, kind)) => {
                let namespace = head.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
                let name = head.name.as_deref().filter(|name| !name.is_empty());
                let name = name.map(|name| ObjectName::new(namespace, name));
                let name = name.filter(|name| is_object_name(&name.name) && is_object_name(&name.namespace));
                self.stub(kind, name, notes.at(place), notes);
            }
        }
    }

    /// Another version of a kind that is read: its meaning is unknown, so it may not be passed over.
    pub(super) fn unsupported(&mut self, document: &str, node: &Node, version: &str, known: &(&str, &'static str)) {
        let (group, kind) = *known;
        let notes = Notes::new(document);
        let given = if is_word(version) { format!("{version} {kind}") } else { "this version".to_owned() };
        let rows = KINDS.iter().filter(|row| row.0.starts_with(group) && row.1 == kind);
        let supported = rows.map(|row| format!("{} {}", row.0, row.1)).collect();
        notes.problem("apiVersion", node.place, PolicyErrorKind::UnsupportedOption { given, supported });
        let name = object::name(node, &Notes::new(document));
        self.stub(kind, name, notes.at(node.place), notes);
    }

    /// Stands for the object `name` of a kind that is read, for what was noted of it.
    fn stub(&mut self, kind: &'static str, name: Option<ObjectName>, origin: Origin, notes: Notes<'_>) {
        let Some(name) = name else { return self.diagnose(notes, Effect::Unread) };
        let meta = Meta::bare(name.clone(), origin.clone());
        let (problems, origins) = notes.into_parts();
        match kind {
            backend_tls_policy::KIND => {
                let policy = BackendTlsPolicy {
                    created: Created::Unreadable,
                    meta,
                    options: None,
                    origins: origins.into(),
                    problems,
                    stray: true,
                    targets: Vec::new(),
                    validation: None,
                };
                self.add_policy(policy, origin);
            }
            GATEWAY => self.add_gateway(Gateway::unread(meta, problems)),
            xbackend::KIND => self.add_xbackend(XBackend::unread(meta, problems)),
            BACKEND => self.unread(BackendKind::Backend, &name, problems),
            SERVICE => self.unread(BackendKind::Service, &name, problems),
            "BackendConfigPolicy" => {
                self.add_stub(Vendor::KgatewayBackendConfigPolicy, meta, TargetOf::Unknown, problems);
            }
            "Upstream" => {
                self.add_stub(Vendor::GlooUpstream, meta, TargetOf::Upstream { name, behind: None }, problems);
            }
            // Nothing can refer to it.
            _ => {
                let object = ObjectRef::of(kind, &name);
                let said =
                    problems.into_iter().map(|problem| Diagnostic::new(Some(object.clone()), Effect::Skipped, problem));
                self.diagnostics.extend(said);
            }
        }
    }

    fn add_stub(&mut self, vendor: Vendor, meta: Meta, what: TargetOf, problems: Vec<Problem>) {
        let target = ExtensionTarget { origin: meta.origin.clone(), path: "spec".to_owned(), what };
        let extension = Extension::new(vendor, meta, Created::Unreadable);
        self.add_extension(Extension { origins: BTreeMap::new(), problems, targets: vec![target], ..extension });
    }

    /// What is for the backend cannot be told.
    pub(super) fn unread(&mut self, kind: BackendKind, name: &ObjectName, problems: impl IntoIterator<Item = Problem>) {
        let concerns = Concerns::Backend(kind, name.clone());
        let object = ObjectRef::of(kind.as_str(), name);
        let said = problems.into_iter().map(|problem| Diagnostic::new(Some(object.clone()), Effect::Unread, problem));
        self.diagnostics.extend(said.map(|diagnostic| diagnostic.unread(concerns.clone())));
    }
}
