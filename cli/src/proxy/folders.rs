//! Folders of manifests that routes take their policies from. Each is read once, however many routes it has (R13).

use core::sync::atomic::AtomicBool;
use core::task::{Context, Poll};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use uptls::{Connector, Event, Problems, Runtime, Watch, WatchedFiles as _, WatchedSource};
use uptls_manifest::ManifestFolder;

use super::log::tell;
use crate::args::Source;
use crate::print::printable;

/// What makes two folders the same: where it is, for which Gateway it is read, and with which folders in it. All else is the same
/// for all routes.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct FolderKey {
    gateway: Option<String>,
    path: PathBuf,
    recursive: bool,
}

/// Where a route has its connector from: a policy of a folder, by its name there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) key: FolderKey,
    pub(super) policy: String,
}

/// The folders of all routes.
#[derive(Default)]
pub(super) struct Folders(BTreeMap<FolderKey, Followed>);

struct Followed {
    folder: ManifestFolder,
    source: WatchedSource,
    /// What was last said to be wrong with its files.
    told: Vec<String>,
}

impl FolderKey {
    /// `None`: the source is no folder of manifests. The proxy itself reads a file.
    pub(super) fn of(source: &Source) -> Option<Self> {
        let path = source.manifests.as_ref().filter(|path| path.is_dir())?;
        let gateway = source.gateway.as_ref().map(ToString::to_string);
        Some(Self { gateway, path: path.clone(), recursive: source.recursive })
    }
}

impl Folders {
    /// The connector for the backend of `source`, and where it is from. A folder that is new is read at once.
    ///
    /// # Errors
    /// Why there is no policy to connect by.
    pub(super) fn take(
        &mut self,
        key: &FolderKey,
        source: &Source,
        runtime: &Runtime,
        watch: &Watch,
    ) -> Result<Option<(Place, Connector)>, Problems> {
        let followed = self.0.entry(key.clone()).or_insert_with(|| {
            let options = source.import_options();
            let folder = match key.recursive {
                true => ManifestFolder::recursive(&key.path, runtime, options),
                false => ManifestFolder::new(&key.path, runtime, options),
            };
            let mut files = folder.source();
            files.poll(Instant::now(), &AtomicBool::new(false));
            let source = watch.add_files(files);
            Followed { folder, source, told: Vec::new() }
        });
        let Some((place, connector)) = find(key, &followed.folder, source) else { return Ok(None) };
        match connector.prepared() {
            Some(_) => Ok(Some((place, connector))),
            None => connector.state().reason().cloned().map_or(Ok(None), Err),
        }
    }

    /// The connector of now, once the folder has another one for the backend of `source` than `current`.
    pub(super) fn successor(&self, source: &Source, place: &Place, current: &Connector) -> Option<(Place, Connector)> {
        let (now, connector) = find(&place.key, &self.0.get(&place.key)?.folder, source)?;
        let is_gone = matches!(current.state(), uptls::ConnectorState::Withdrawn { .. });
        let is_back = is_gone && !matches!(connector.state(), uptls::ConnectorState::Withdrawn { .. });
        (now != *place || is_back).then_some((now, connector))
    }

    /// Forgets the folders that no route is from.
    pub(super) fn keep(&mut self, is_used: impl Fn(&FolderKey) -> bool, watch: &Watch) {
        for (_, gone) in self.0.extract_if(.., |key, _| !is_used(key)) {
            watch.remove(gone.source);
        }
    }

    /// The next event of any policy, also of those that no route has.
    pub(super) fn poll_event(&self, cx: &mut Context<'_>) -> Poll<(Place, Event)> {
        for (key, followed) in &self.0 {
            if let Poll::Ready((policy, event)) = followed.folder.registry().poll_event(cx) {
                return Poll::Ready((Place { key: key.clone(), policy: policy.to_string() }, event));
            }
        }
        Poll::Pending
    }

    /// Says which files do not count as they are, once for each change.
    pub(super) fn tell_problems(&mut self) {
        for Followed { folder, told, .. } in self.0.values_mut() {
            let problems: Vec<String> = folder.problems().iter().map(|(_, problems)| problems.to_string()).collect();
            if problems != *told {
                problems
                    .iter()
                    .for_each(|problem| tell(&format!("what counted of it still does: {}", printable(problem))));
                *told = problems;
            }
        }
    }
}

fn find(key: &FolderKey, folder: &ManifestFolder, source: &Source) -> Option<(Place, Connector)> {
    let (policy, connector) = folder.named_connector(source.backend.as_ref()?, source.gateway.as_ref())?;
    Some((Place { key: key.clone(), policy }, connector))
}
