//! The runner of the demo: each case is a real check, shown with its command, its outcome and its hint.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use uptls::{
    CheckOptions, CheckThen, Code, ConnectOptions, Connector, Generation, Problems, Report, Runtime, Warning,
    WarningCode,
};
use uptls_manifest::kubernetes::BackendRef;

use super::broken;
use super::files::Folder;
use super::upstream::Upstream;
use crate::args::Source;
use crate::print::{self, CliError, demo, report};
use crate::target::Target;

/// What is checked, and what must come of it.
pub(super) struct Case<'a> {
    pub(super) title: &'a str,
    pub(super) policy: Policy<'a>,
    /// The backend host.
    pub(super) host: &'a str,
    pub(super) upstream: &'a Upstream,
    pub(super) expected: Expected,
}

/// Where the policy of a case is, in the folder.
#[derive(Clone, Copy)]
pub(super) enum Policy<'a> {
    /// A native document.
    Document(&'a str),
    /// A manifest or a folder of them; the policy is that of this Service's port 443.
    Manifests { path: &'a str, backend: (&'a str, &'a str) },
}

impl Policy<'_> {
    /// As one would give it to the command.
    fn arguments(self) -> String {
        match self {
            Self::Document(file) => format!("--policy {file}"),
            Self::Manifests { path, backend: (namespace, name) } => {
                format!("--manifests {path} --backend {namespace}/{name}:443")
            }
        }
    }
}

/// What must be overridden in a policy.
pub(super) struct Override<'a> {
    /// Our name of the field.
    pub(super) field: &'a str,
    /// The object that has the say.
    pub(super) kept: &'a str,
    /// The object that has not.
    pub(super) lost: &'a str,
}

impl Override<'_> {
    fn is_told_by(&self, warning: &Warning) -> bool {
        let tells = |name: &str, text: &str| warning.detail.get(name).is_some_and(|fact| fact.starts_with(text));
        warning.code == WarningCode::Overridden
            && tells("field", self.field)
            && tells("kept", self.kept)
            && tells("lost", self.lost)
    }
}

/// What must come of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected {
    Accepted,
    Code(Code),
    /// Accepted after a full handshake.
    Full,
    /// Accepted by resuming a session.
    Resumed,
}

impl Expected {
    fn is_met_by(self, report: &Report) -> bool {
        let resumed = report.tls.as_ref().map(|tls| tls.resumed);
        match self {
            Self::Accepted => report.accepted(),
            Self::Code(code) => report.code == Some(code),
            Self::Full => report.accepted() && resumed == Some(false),
            Self::Resumed => report.accepted() && resumed == Some(true),
        }
    }
}

/// Runs the cases and counts.
pub(super) struct Runner<'a> {
    folder: &'a Folder,
    runtime: Runtime,
    cases: usize,
    outcomes: usize,
    right: usize,
}

impl<'a> Runner<'a> {
    pub(super) fn new(folder: &'a Folder) -> Self {
        let runtime = Runtime::new(uptls::aws_lc_rs::provider());
        Self { folder, runtime, cases: 0, outcomes: 0, right: 0 }
    }

    /// The time since 1970, by the runtime's clock.
    pub(super) fn now(&self) -> Duration {
        let now = self.runtime.now_text().parse::<jiff::Timestamp>();
        let seconds = now.map(jiff::Timestamp::as_second).unwrap_or_default();
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }

    /// How many outcomes were as they must be, of how many.
    pub(super) fn tally(&self) -> (usize, usize) {
        (self.right, self.outcomes)
    }

    /// Writes a file, and shows the command that would have.
    pub(super) fn write(&self, name: &str, text: &str, command: &str) -> Result<(), CliError> {
        self.folder.write(name, text).map_err(|error| broken(&error))?;
        if command.is_empty() { Ok(()) } else { print::out(&demo::command(command)) }
    }

    /// A case that is one `uptls check`.
    pub(super) fn check(&mut self, case: &Case<'_>) -> Result<(), CliError> {
        self.title(case)?;
        self.checked(case)
    }

    /// The same with a policy in which `wanted` must be overridden, with a warning that names both objects.
    pub(super) fn check_overridden(
        &mut self,
        case: &Case<'_>,
        remark: &str,
        wanted: &Override<'_>,
    ) -> Result<(), CliError> {
        self.title(case)?;
        self.remark(remark)?;
        let opened = self.source(case).connector(&self.runtime).map_err(|problems| self.unusable(&problems))?;
        opened.warnings.iter().try_for_each(|warning| print::out(&demo::warning(warning)))?;
        let is_right = opened.warnings.iter().any(|warning| wanted.is_told_by(warning));
        self.count(is_right);
        if !is_right {
            let Override { field, kept, lost } = wanted;
            print::out(&demo::missing(&format!("a warning that {kept} keeps {field} from {lost}")))?;
        }
        self.checked(case)
    }

    /// The same after a remark.
    pub(super) fn check_with(&mut self, case: &Case<'_>, remark: &str) -> Result<(), CliError> {
        self.title(case)?;
        self.remark(remark)?;
        self.checked(case)
    }

    fn checked(&mut self, case: &Case<'_>) -> Result<(), CliError> {
        let address = case.upstream.address;
        let check = format!("uptls check {} --connect-to {address} {}:443", case.policy.arguments(), case.host);
        print::out(&demo::command(&check))?;
        let connector = self.open(case)?;
        let report = self.connection(case, &connector, CheckThen::Close)?;
        self.judge(&report, case.expected, &demo::outcome(&report))
    }

    /// Begins a case.
    pub(super) fn title(&mut self, case: &Case<'_>) -> Result<(), CliError> {
        self.cases += 1;
        print::out(&demo::title(self.cases, case.title))
    }

    pub(super) fn remark(&self, text: &str) -> Result<(), CliError> {
        print::out(&demo::remark(text))
    }

    /// A connector by the policy of the case.
    pub(super) fn open(&self, case: &Case<'_>) -> Result<Connector, CliError> {
        let opened = self.source(case).connector(&self.runtime).map_err(|problems| self.unusable(&problems))?;
        Ok(opened.connector)
    }

    /// One of several connections of a case.
    pub(super) fn connect(
        &mut self,
        case: &Case<'_>,
        connector: &Connector,
        expected: Expected,
    ) -> Result<(), CliError> {
        let report = self.connection(case, connector, CheckThen::AwaitSessions)?;
        self.judge(&report, expected, &demo::connection(&report))
    }

    /// Publishes the policy and its material as they are now.
    pub(super) fn update(&self, case: &Case<'_>, connector: &Connector) -> Result<Generation, CliError> {
        let policy = self.source(case).policy().map_err(|problems| self.unusable(&problems))?;
        connector.update(&policy).map_err(|problems| self.unusable(&problems))
    }

    fn source(&self, case: &Case<'_>) -> Source {
        let path = |name: &str| Some(self.folder.path().join(name));
        match case.policy {
            Policy::Document(file) => Source { policy: path(file), ..Source::default() },
            Policy::Manifests { path: name, backend: (namespace, backend) } => {
                let backend = Some(BackendRef::new(namespace, backend, Some(443)));
                Source { manifests: path(name), backend, ..Source::default() }
            }
        }
    }

    fn unusable(&self, problems: &Problems) -> CliError {
        let report = Report::unusable(problems, self.runtime.now_text());
        CliError::internal(format!("a policy of the demo cannot be used\n{}", report::whole(&report)))
    }

    fn connection(&self, case: &Case<'_>, connector: &Connector, then: CheckThen) -> Result<Report, CliError> {
        let target = Target::parse(&format!("{}:443", case.host)).map_err(CliError::internal)?;
        let options = CheckOptions::new(ConnectOptions::default().with_timeout(PATIENCE)).then(then);
        Ok(connector.check(case.upstream.address, &target.host, &options))
    }

    /// A request over a connection of its own: the upstream must know us as `client`.
    pub(super) fn get(&mut self, case: &Case<'_>, client: &str) -> Result<(), CliError> {
        print::out(&demo::command(&format!("GET https://{}/ over a connection by the same policy", case.host)))?;
        let opened = self.source(case).connector(&self.runtime).map_err(|problems| self.unusable(&problems))?;
        let answer = self.answer(case, &opened.connector).unwrap_or_else(|reason| reason);
        let (status, known) = answer.split_once("\r\n").unwrap_or((&answer, ""));
        let known = known.rsplit("\r\n").next().unwrap_or_default();
        let is_right = status == "HTTP/1.1 200 OK" && known == client;
        self.count(is_right);
        print::out(&demo::answer(is_right, status, known))
    }

    fn answer(&self, case: &Case<'_>, connector: &Connector) -> Result<String, String> {
        let text = |error: &dyn core::fmt::Display| error.to_string();
        let target = Target::parse(&format!("{}:443", case.host))?;
        let stream = TcpStream::connect_timeout(&case.upstream.address, PATIENCE).map_err(|error| text(&error))?;
        let options = ConnectOptions::default().with_timeout(PATIENCE);
        let mut stream = connector.handshake(stream, &target.host, &options).map_err(|error| text(&error))?;
        let request = format!("GET / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", case.host);
        stream.write_all(request.as_bytes()).map_err(|error| text(&error))?;
        let mut answer = String::new();
        stream.take(ANSWER).read_to_string(&mut answer).map_err(|error| text(&error))?;
        Ok(answer)
    }

    fn count(&mut self, is_right: bool) {
        self.outcomes += 1;
        self.right += usize::from(is_right);
    }

    fn judge(&mut self, report: &Report, expected: Expected, text: &str) -> Result<(), CliError> {
        print::out(text)?;
        let is_right = expected.is_met_by(report);
        self.count(is_right);
        if is_right {
            return Ok(());
        }
        print::out(&demo::wrong(&format!("{expected:?}"), report))
    }
}

/// More than any answer here has.
const ANSWER: u64 = 65_536;
const PATIENCE: Duration = Duration::from_secs(5);
