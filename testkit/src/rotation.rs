//! The model of a connector with sources of files: who stopped it, and who starts it again. It knows no TLS, no files and no
//! locks; the same operations on a real connector must look the same from outside.
#![allow(missing_docs, reason = "the operations are those of a connector, by their names")]

/// What can be done to a connector, its files and its sources.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    Update(Doc),
    /// By a document whose file never exists.
    UpdateBad,
    Refuse,
    Withdraw,
    /// Updates by the document that was published last.
    Reload,
    /// Publishes the first document with its first content.
    Publish,
    /// Sets the file of the first document.
    File(Disk),
    /// Removes the file of the second document, or puts it back.
    ToggleSecond,
    /// Polls every source.
    Poll,
    /// Lets a writer's time pass.
    Wait,
    Add(Sort),
    /// Drops the oldest source.
    Drop,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Doc {
    One,
    Two,
    /// Its file never exists.
    Bad,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Disk {
    /// One of two good contents.
    Good(u8),
    /// What no writer leaves on the way.
    Bad,
    /// Half of a content.
    Torn,
    Gone,
    /// It cannot be read, for want of descriptors or memory.
    Short,
    /// It cannot be read, because its storage fails.
    Failing,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sort {
    Of(Doc),
    Following,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    Degraded,
    NotReady,
    Ready,
    Withdrawn,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    Invalid,
    Superseded,
    Unchanged,
    Unsettled,
    Updated,
    Withdrawn,
}

/// What is seen from outside after an operation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    pub generation: u64,
    pub outcomes: Vec<Outcome>,
    /// The content that new connections are made with.
    pub content: Option<u8>,
    pub state: State,
}

/// A mistake that a connector could make: with any of them the model must not agree with the real one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    None,
    /// A source that finds its files good ends what the caller refused.
    PollEndsRefusal,
    /// A refusal ends a withdrawal.
    RefusalEndsWithdrawal,
    /// A source goes on after the caller gave another document.
    OldSourcePublishes,
    /// A source ends the caller's withdrawal.
    PollEndsWithdrawal,
    /// The same content after a withdrawal counts as other content.
    SameContentIsNew,
    /// What a source refused stays until the caller speaks.
    FilesNeverRecover,
    /// A document that failed is forgotten.
    NothingIsAwaited,
    /// What could not be read for a shortage counts as a file that is bad.
    ShortageIsBad,
    /// It counts as a file that is bad where it lasts.
    LastingShortageIsBad,
    /// It counts as a file that is gone.
    ShortageIsGone,
    /// A document that could not be read for a shortage counts as bad.
    ShortDocumentIsBad,
    /// Storage that fails never counts, however long it does.
    FailingStorageIsNothing,
    /// Storage that fails counts at once.
    FailingStorageIsBad,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Word {
    Good,
    Refused,
    Withdrawn,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Awaited {
    Any,
    Nothing,
    This(Doc),
}

#[derive(Clone, Debug)]
struct Source {
    document: Option<Doc>,
    follows: bool,
    /// The content behind the last success, and how many documents there were by then.
    known: Option<(u8, u64)>,
    torn_since: Option<u64>,
}

#[derive(Clone, Debug)]
pub struct Model {
    flaw: Flaw,
    fail_closed: bool,
    caller: Word,
    files: Word,
    awaited: Awaited,
    document: Option<Doc>,
    documents: u64,
    /// For `Reload`.
    given: Doc,
    content: Option<u8>,
    last_content: Option<u8>,
    generation: u64,
    one: Disk,
    two: Disk,
    now: u64,
    sources: Vec<Source>,
}

impl Model {
    /// With the first document published and one source of it, or with neither.
    pub fn new(fail_closed: bool, is_ready: bool, flaw: Flaw) -> Model {
        let mut model = Model {
            flaw,
            fail_closed,
            caller: Word::Refused,
            files: Word::Good,
            awaited: Awaited::Any,
            document: None,
            documents: 0,
            given: Doc::One,
            content: None,
            last_content: None,
            generation: 0,
            one: Disk::Good(0),
            two: Disk::Good(SECOND),
            now: 0,
            sources: Vec::new(),
        };
        if is_ready {
            model.publish(Doc::One, 0);
            model.add(Sort::Of(Doc::One));
        }
        model
    }

    pub fn apply(&mut self, op: Op) -> Seen {
        let mut outcomes = Vec::new();
        match op {
            Op::Update(document) => self.update(document),
            Op::UpdateBad => self.update(Doc::Bad),
            Op::Refuse => {
                self.awaited = Awaited::Nothing;
                self.refuse();
            }
            Op::Withdraw => {
                (self.caller, self.files) = (Word::Withdrawn, Word::Good);
                (self.awaited, self.document, self.content) = (Awaited::Nothing, None, None);
            }
            Op::Reload => self.update(self.given),
            Op::Publish => self.publish(Doc::One, 0),
            Op::File(disk) => self.one = disk,
            Op::ToggleSecond => {
                self.two = if self.two == Disk::Gone { Disk::Good(SECOND) } else { Disk::Gone };
            }
            Op::Poll => outcomes = (0..self.sources.len()).map(|index| self.poll(index)).collect(),
            Op::Wait => self.now += 2,
            Op::Add(sort) => self.add(sort),
            Op::Drop => {
                if !self.sources.is_empty() {
                    self.sources.remove(0);
                }
            }
        }
        self.seen(outcomes)
    }

    fn seen(&self, outcomes: Vec<Outcome>) -> Seen {
        let state = self.state();
        let content = self.content.filter(|_| matches!(state, State::Ready | State::Degraded));
        Seen { generation: self.generation, outcomes, content, state }
    }

    fn state(&self) -> State {
        if self.caller == Word::Withdrawn || self.files == Word::Withdrawn {
            State::Withdrawn
        } else if self.caller == Word::Good && self.files == Word::Good {
            State::Ready
        } else if self.fail_closed || self.content.is_none() {
            State::NotReady
        } else {
            State::Degraded
        }
    }

    fn disk(&self, document: Doc) -> Disk {
        match document {
            Doc::One => self.one,
            Doc::Two => self.two,
            Doc::Bad => Disk::Gone,
        }
    }

    fn update(&mut self, document: Doc) {
        if let Disk::Good(content) = self.disk(document) {
            self.publish(document, content);
            return;
        }
        if self.flaw != Flaw::NothingIsAwaited {
            self.awaited = Awaited::This(document);
        }
        if self.disk(document) != Disk::Short || self.flaw == Flaw::ShortDocumentIsBad {
            self.refuse();
        }
    }

    fn publish(&mut self, document: Doc, content: u8) {
        (self.caller, self.files) = (Word::Good, Word::Good);
        (self.awaited, self.document, self.given) = (Awaited::Nothing, Some(document), document);
        self.documents += 1;
        self.show(content);
    }

    fn refuse(&mut self) {
        if self.caller != Word::Withdrawn || self.flaw == Flaw::RefusalEndsWithdrawal {
            self.caller = Word::Refused;
        }
    }

    fn show(&mut self, content: u8) {
        let was_gone = self.content.is_none();
        if self.last_content != Some(content) || (was_gone && self.flaw == Flaw::SameContentIsNew) {
            self.generation += 1;
        }
        (self.content, self.last_content) = (Some(content), Some(content));
    }

    fn add(&mut self, sort: Sort) {
        let (document, follows) = match sort {
            Sort::Of(document) => (Some(document), false),
            Sort::Following => (self.document, true),
        };
        self.sources.push(Source { document, follows, known: None, torn_since: None });
    }

    fn poll(&mut self, index: usize) -> Outcome {
        let mut source = self.sources[index].clone();
        if source.follows && source.document != self.document {
            source = Source { document: self.document, follows: true, known: None, torn_since: None };
        }
        let outcome = self.step(&mut source);
        self.sources[index] = source;
        outcome
    }

    fn step(&mut self, source: &mut Source) -> Outcome {
        if self.caller == Word::Withdrawn && self.flaw != Flaw::PollEndsWithdrawal {
            return Outcome::Withdrawn;
        }
        let Some(document) = source.document else { return Outcome::Superseded };
        let is_published = self.document == Some(document);
        let is_awaited = !is_published && (self.awaited == Awaited::Any || self.awaited == Awaited::This(document));
        if !is_published && !is_awaited && self.flaw != Flaw::OldSourcePublishes {
            source.torn_since = None;
            return Outcome::Superseded;
        }
        match self.disk(document) {
            Disk::Good(content) => {
                source.torn_since = None;
                let known = Some((content, self.documents));
                if is_published && self.files == Word::Good && source.known == known {
                    return Outcome::Unchanged;
                }
                let before = (self.generation, self.state());
                if is_awaited {
                    self.publish(document, content);
                } else {
                    self.good_files(content);
                }
                source.known = Some((content, self.documents));
                if before == (self.generation, self.state()) { Outcome::Unchanged } else { Outcome::Updated }
            }
            Disk::Gone if !is_awaited => {
                source.torn_since = None;
                (self.files, self.content) = (Word::Withdrawn, None);
                Outcome::Withdrawn
            }
            Disk::Short if !self.shortage_counts() => {
                if self.flaw != Flaw::LastingShortageIsBad {
                    return Outcome::Unsettled;
                }
                let since = *source.torn_since.get_or_insert(self.now);
                if self.now >= since + 2 {
                    self.files = Word::Refused;
                }
                Outcome::Unsettled
            }
            Disk::Short if self.flaw == Flaw::ShortageIsGone => {
                (self.files, self.content) = (Word::Withdrawn, None);
                Outcome::Withdrawn
            }
            disk => {
                let since = *source.torn_since.get_or_insert(self.now);
                let passes = match disk {
                    Disk::Torn => true,
                    Disk::Failing => self.flaw != Flaw::FailingStorageIsBad,
                    _ => false,
                };
                if passes
                    && (self.now < since + 2 || (disk == Disk::Failing && self.flaw == Flaw::FailingStorageIsNothing))
                {
                    return Outcome::Unsettled;
                }
                match (is_awaited, self.files) {
                    (true, _) => self.refuse(),
                    (false, Word::Withdrawn) => {}
                    (false, _) => self.files = Word::Refused,
                }
                Outcome::Invalid
            }
        }
    }

    fn shortage_counts(&self) -> bool {
        matches!(self.flaw, Flaw::ShortageIsBad | Flaw::ShortageIsGone)
    }

    fn good_files(&mut self, content: u8) {
        if self.flaw != Flaw::FilesNeverRecover {
            self.files = Word::Good;
        }
        let ends = match self.flaw {
            Flaw::PollEndsRefusal => self.caller == Word::Refused,
            Flaw::PollEndsWithdrawal => self.caller == Word::Withdrawn,
            _ => false,
        };
        if ends {
            self.caller = Word::Good;
        }
        self.show(content);
    }
}

/// The content of the second document; the first has 0 and 1.
pub const SECOND: u8 = 2;

/// The same sequences in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        // Splitmix, so that neighbouring seeds have nothing in common.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }
}
