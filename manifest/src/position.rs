//! Where things stand in a document: path -> line and column, and the problems that were found there.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use uptls::{Origin, PolicyError, PolicyErrorKind, Problem, Problems};

/// A line and a column, both counted from 1; 0 in an object that was given as a value ([`Place::NONE`]).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) column: u64,
    pub(crate) line: u64,
}

impl Place {
    /// The place of every field of an object that was given as a value: it has no lines. A problem shows the path alone, and
    /// does not send its reader to a line 1 that does not exist.
    pub(crate) const NONE: Self = Self { column: 0, line: 0 };
    /// Where a document begins: the place of what is wrong with it as a whole.
    pub(crate) const START: Self = Self { column: 1, line: 1 };
}

/// One thing that is wrong at a place, found before paths are known.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: PolicyErrorKind,
    pub(crate) place: Place,
}

impl Fault {
    pub(crate) fn parse(place: Place, reason: impl Into<String>) -> Self {
        Self { kind: PolicyErrorKind::DocumentParse { reason: reason.into() }, place }
    }

    pub(crate) fn unreadable(path: &Path, reason: impl ToString) -> Self {
        let (document, reason) = (path.display().to_string(), reason.to_string());
        Self { kind: PolicyErrorKind::DocumentUnreadable { document, reason }, place: Place::START }
    }

    /// Whether it is a limit that was exceeded.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self.kind, PolicyErrorKind::DocumentTooLarge { .. })
    }

    pub(crate) fn too_large(place: Place, limit: impl Into<String>) -> Self {
        Self { kind: PolicyErrorKind::DocumentTooLarge { limit: limit.into() }, place }
    }
}

/// What is noted while a document is read: the place of every field, and every problem.
///
/// The place of a field is that of its name; the place of an entry of a list is where the entry begins. Paths are
/// spelled as `uptls` spells them in its own problems: `spec.subjectAltNames[2].dns`.
pub(crate) struct Notes<'a> {
    document: &'a str,
    /// The same, for every place in it.
    name: OnceCell<Arc<str>>,
    origins: RefCell<BTreeMap<String, Origin>>,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(document: &'a str) -> Self {
        Self { document, name: OnceCell::new(), origins: RefCell::default(), problems: RefCell::default() }
    }

    /// Notes of the same document, apart from these: for a part whose problems are no fault of the rest.
    pub(crate) fn aside(&self) -> Self {
        Self::new(self.document)
    }

    /// Notes that the field at `path` stands at `place`.
    pub(crate) fn origin(&self, path: &str, place: Place) {
        self.origins.borrow_mut().insert(path.to_owned(), self.at(place));
    }

    /// Whether no more problems are noted, so that nothing need be made of them.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.borrow().len() >= MAX_PROBLEMS
    }

    /// Notes a problem, unless there are [`MAX_PROBLEMS`] already.
    pub(crate) fn problem(&self, path: &str, place: Place, kind: PolicyErrorKind) {
        if !self.is_full() {
            let problem = Problem::from(PolicyError::new(path, kind)).with_origin(Some(self.at(place)));
            self.problems.borrow_mut().push(problem);
        }
    }

    /// Notes a problem of the field at `path`, whose place was noted before.
    pub(crate) fn invalid(&self, path: &str, kind: PolicyErrorKind) {
        let origin = self.origins.borrow().get(path).cloned();
        self.problems.borrow_mut().push(Problem::from(PolicyError::new(path, kind)).with_origin(origin));
    }

    /// Notes a problem of the field at `path`, at the place of the nearest field around it that was noted.
    pub(crate) fn near(&self, path: &str, kind: PolicyErrorKind) {
        if !self.is_full() {
            let origin = Origin::nearest(&self.origins.borrow(), path);
            self.problems.borrow_mut().push(Problem::from(PolicyError::new(path, kind)).with_origin(origin));
        }
    }

    /// Whether a problem of the field at `path` was noted.
    pub(crate) fn has_problem(&self, path: &str) -> bool {
        self.problems.borrow().iter().any(|problem| problem.path() == path)
    }

    /// Notes that the document cannot be read at `place`.
    pub(crate) fn parse_problem(&self, path: &str, place: Place, reason: impl Into<String>) {
        self.problem(path, place, PolicyErrorKind::DocumentParse { reason: reason.into() });
    }

    /// Notes a fault of the document as a whole.
    pub(crate) fn fault(&self, fault: Fault) {
        self.problem("", fault.place, fault.kind);
    }

    /// The places, if there is a value and no problem; else the problems of the policy called `policy`, in the order of
    /// their lines.
    pub(crate) fn finish<T>(
        self,
        policy: Option<String>,
        value: Option<T>,
    ) -> Result<(T, BTreeMap<String, Origin>), Problems> {
        let (problems, origins) = self.into_parts();
        let mut problems = problems.into_iter();
        match (problems.next(), value) {
            (None, Some(value)) => Ok((value, origins)),
            (Some(first), _) => Err(Problems::new(policy, first, problems.collect())),
            // Without a value there is a problem; should one ever be forgotten, the document is refused all the same.
            (None, None) => Err(no_policy(policy)),
        }
    }

    /// The problems, of which there is at least one.
    pub(crate) fn refuse(self) -> Problems {
        self.finish(None, None::<()>).err().unwrap_or_else(|| no_policy(None))
    }

    /// The problems in the order of their lines, and the places.
    pub(crate) fn into_parts(self) -> (Vec<Problem>, BTreeMap<String, Origin>) {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.origin().map(|origin| (origin.line, origin.column)));
        (problems, self.origins.into_inner())
    }

    /// `place` in this document.
    pub(crate) fn at(&self, place: Place) -> Origin {
        let name = self.name.get_or_init(|| self.document.into());
        Origin::new(Arc::clone(name), place.line, place.column)
    }
}

fn no_policy(policy: Option<String>) -> Problems {
    let kind = PolicyErrorKind::DocumentParse { reason: "it holds no policy".to_owned() };
    Problems::new(policy, PolicyError::new("", kind).into(), Vec::new())
}

/// How many problems of one document are reported. More would not be read.
const MAX_PROBLEMS: usize = 64;
