//! Manifests in files: files, and all files of folders.

use std::path::{Path, PathBuf};

use uptls::Problems;
use uptls::input::{Cause, Unreadable};
use zeroize::Zeroizing;

use super::document::{Content, Document};
use super::read::stream;
use crate::position::{Fault, Notes, Place};
use crate::source;

/// The texts of files and folders, Kubernetes objects and Envoy configurations alike: [`super::import`] and
/// [`crate::report::Import::of`] take their [`Manifests::documents`].
pub struct Manifests(Vec<Found>);

/// What is at a path.
struct Found {
    content: FoundContent,
    name: String,
}

enum FoundContent {
    Folder,
    Text(Zeroizing<Vec<u8>>),
    Unreadable(Fault),
}

impl Manifests {
    /// The documents, in the order of the paths; those of a folder in the order of their names.
    pub fn documents(&self) -> Vec<Document<'_>> {
        self.0.iter().map(Found::document).collect()
    }
}

impl Found {
    fn document(&self) -> Document<'_> {
        let content = match &self.content {
            FoundContent::Folder => Content::Folder,
            FoundContent::Text(text) => Content::Text(text),
            FoundContent::Unreadable(fault) => Content::Unreadable(fault),
        };
        Document { name: &self.name, content }
    }
}

/// Reads each file of `paths`, and of each folder among them every `*.yaml`, `*.yml` and `*.json` file, in the order of
/// their names. It counts folders in a folder, and nothing else, as ignored; names that begin with a dot do not count.
///
/// A file of a folder that cannot be read is a document too: it might hold the policy that counts, so it is in
/// [`super::Imported::diagnostics`].
///
/// # Errors
/// `document_unreadable` if there is no file or folder at one of `paths`, or it cannot be read; `document_parse` if a
/// folder holds no manifest; `document_too_large` if there are too many files or bytes.
pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Manifests, Problems> {
    load_as(paths, false)
}

/// The same with all folders in folders, as `kubectl apply -R` reads them. It does not follow a link to a folder, which
/// may lead in a circle, and counts it as ignored.
///
/// # Errors
/// Those of [`load`].
pub fn load_recursively<P: AsRef<Path>>(paths: &[P]) -> Result<Manifests, Problems> {
    load_as(paths, true)
}

fn load_as<P: AsRef<Path>>(paths: &[P], recursively: bool) -> Result<Manifests, Problems> {
    let mut loading = Loading { files: 0, found: Vec::new(), bytes: 0, recursively };
    for path in paths.iter().map(AsRef::as_ref) {
        if path.is_dir() {
            loading.root(path)
        } else {
            source::load_manifests(path).and_then(|text| loading.text(path, text))
        }
        .map_err(|fault| refuse(path, fault))?;
    }
    Ok(Manifests(loading.found))
}

/// What has been found so far.
struct Loading {
    /// How many files of folders.
    files: usize,
    found: Vec<Found>,
    bytes: usize,
    recursively: bool,
}

impl Loading {
    /// A folder that was asked for. Without a manifest another one was meant.
    fn root(&mut self, path: &Path) -> Result<(), Fault> {
        let before = self.files;
        self.folder(path)?;
        match self.files == before {
            true => Err(Fault::parse(Place::START, "the folder holds no *.yaml, *.yml or *.json file")),
            false => Ok(()),
        }
    }

    fn folder(&mut self, path: &Path) -> Result<(), Fault> {
        let Listing { files, folders, links } = Listing::of(path)?;
        self.files = self.files.saturating_add(files.len());
        if self.files > MAX_FILES {
            return Err(Fault::too_large(Place::START, format!("the limit of {MAX_FILES} files")));
        }
        for file in &files {
            match source::load_manifests(file) {
                Ok(text) => self.text(file, text)?,
                Err(fault) => self.add(file, FoundContent::Unreadable(fault)),
            }
        }
        for folder in folders {
            match self.recursively && !links.contains(&folder) {
                true => self.folder(&folder)?,
                false => self.add(&folder, FoundContent::Folder),
            }
        }
        Ok(())
    }

    fn text(&mut self, path: &Path, text: Zeroizing<Vec<u8>>) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > source::MAX_MANIFESTS {
            return Err(Fault::too_large(Place::START, "the limit of 64 MiB of manifests"));
        }
        self.add(path, FoundContent::Text(text));
        Ok(())
    }

    fn add(&mut self, path: &Path, content: FoundContent) {
        self.found.push(Found { content, name: path.display().to_string() });
    }
}

/// What of a folder counts.
struct Listing {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    /// Which of the folders are links.
    links: Vec<PathBuf>,
}

impl Listing {
    fn of(path: &Path) -> Result<Self, Fault> {
        let unreadable = |error: std::io::Error| Fault::unreadable(path, error);
        let (mut files, mut folders, mut links) = (Vec::new(), Vec::new(), Vec::new());
        for entry in path.read_dir().map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if is_hidden(&file) {
                continue;
            }
            if file.is_dir() {
                links.extend(file.is_symlink().then(|| file.clone()));
                folders.push(file);
            } else if is_manifest(&file) {
                files.push(file);
            }
        }
        files.sort();
        folders.sort();
        Ok(Self { files, folders, links })
    }
}

/// The manifests of a folder; none, if it cannot be read.
pub(crate) fn manifest_files(folder: &Path) -> Vec<PathBuf> {
    Listing::of(folder).map(|listing| listing.files).unwrap_or_default()
}

/// What there is of a folder that is followed. It may hold no manifest for a while.
#[derive(Default)]
pub(crate) struct Followable {
    /// The manifests.
    pub(crate) files: Vec<PathBuf>,
    /// Itself, and the folders in it that are read.
    pub(crate) folders: Vec<PathBuf>,
    /// Folders in it that are gone or forbidden, each with the reason. To R3 their files are gone.
    pub(crate) lost: Vec<(PathBuf, Problems)>,
}

impl Followable {
    /// Lists `folder`; with `recursively` also the folders in it, but for links.
    ///
    /// # Errors
    /// Why it cannot be read, and what that means; [`Cause::Unfit`] if it has too many files.
    pub(crate) fn list(folder: &Path, recursively: bool) -> Result<Self, (Cause, Problems)> {
        let mut found = Self::default();
        found.add(folder, recursively)?;
        Ok(found)
    }

    fn add(&mut self, folder: &Path, recursively: bool) -> Result<(), (Cause, Problems)> {
        let cause = |path: &Path| path.read_dir().err().map_or(Cause::Storage, |error| Unreadable::from(error).cause);
        let listing = Listing::of(folder).map_err(|fault| (cause(folder), refuse(folder, fault)))?;
        self.folders.push(folder.to_owned());
        self.files.extend(listing.files);
        if self.files.len() > MAX_FILES {
            let fault = Fault::too_large(Place::START, format!("the limit of {MAX_FILES} files"));
            return Err((Cause::Unfit, refuse(folder, fault)));
        }
        for inner in listing.folders.into_iter().filter(|inner| recursively && !listing.links.contains(inner)) {
            match self.add(&inner, recursively) {
                Err((Cause::Gone, problems)) => self.lost.push((inner, problems)),
                outcome => outcome?,
            }
        }
        Ok(())
    }
}

/// The problems of a file that could not be read.
pub(crate) fn unreadable(name: &str, failure: &Unreadable) -> Problems {
    refuse(Path::new(name), Fault::unreadable(Path::new(name), &failure.reason))
}

/// Whether the text of the file `name` can be read as documents, whatever stands in them.
///
/// # Errors
/// `document_parse` with the line, or `document_too_large`.
pub(crate) fn check_text(name: &str, text: &[u8]) -> Result<(), Problems> {
    stream::check(text).map_err(|fault| refuse(Path::new(name), fault))
}

/// Whether a file of this name counts in a folder.
pub(crate) fn is_manifest(file: &Path) -> bool {
    let has_extension = file.extension().is_some_and(|end| EXTENSIONS.iter().any(|wanted| end == *wanted));
    has_extension && !is_hidden(file)
}

fn is_hidden(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn refuse(path: &Path, fault: Fault) -> Problems {
    let name = path.display().to_string();
    let notes = Notes::new(&name);
    notes.fault(fault);
    notes.refuse()
}

const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];
const MAX_FILES: usize = 10_000;
