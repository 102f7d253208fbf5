//! The stage of the demo: each scene is a real check, shown with its command, its outcome and its hint.

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
use crate::print::{self, Complaint, report, story};
use crate::target::Target;

/// What is checked, and what must come of it.
pub(super) struct Scene<'a> {
    pub(super) title: &'a str,
    pub(super) policy: Policy<'a>,
    /// The backend host.
    pub(super) host: &'a str,
    pub(super) upstream: &'a Upstream,
    pub(super) expected: Expected,
}

/// Where the policy of a scene is, in the folder.
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

/// Runs the scenes and counts.
pub(super) struct Stage<'a> {
    folder: &'a Folder,
    runtime: Runtime,
    scenes: usize,
    outcomes: usize,
    right: usize,
}

impl<'a> Stage<'a> {
    pub(super) fn new(folder: &'a Folder) -> Self {
        let runtime = Runtime::new(uptls::aws_lc_rs::provider());
        Self { folder, runtime, scenes: 0, outcomes: 0, right: 0 }
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
    pub(super) fn write(&self, name: &str, text: &str, command: &str) -> Result<(), Complaint> {
        self.folder.write(name, text).map_err(|error| broken(&error))?;
        if command.is_empty() { Ok(()) } else { print::out(&story::command(command)) }
    }

    /// A scene that is one `uptls check`.
    pub(super) fn check(&mut self, scene: &Scene<'_>) -> Result<(), Complaint> {
        self.title(scene)?;
        self.checked(scene)
    }

    /// The same with a policy in which `wanted` must be overridden, with a warning that names both objects.
    pub(super) fn check_overridden(
        &mut self,
        scene: &Scene<'_>,
        remark: &str,
        wanted: &Override<'_>,
    ) -> Result<(), Complaint> {
        self.title(scene)?;
        self.remark(remark)?;
        let opened = self.source(scene).connector(&self.runtime).map_err(|problems| self.unusable(&problems))?;
        opened.warnings.iter().try_for_each(|warning| print::out(&story::warning(warning)))?;
        let is_right = opened.warnings.iter().any(|warning| wanted.is_told_by(warning));
        self.count(is_right);
        if !is_right {
            let Override { field, kept, lost } = wanted;
            print::out(&story::missing(&format!("a warning that {kept} keeps {field} from {lost}")))?;
        }
        self.checked(scene)
    }

    /// The same after a remark.
    pub(super) fn check_with(&mut self, scene: &Scene<'_>, remark: &str) -> Result<(), Complaint> {
        self.title(scene)?;
        self.remark(remark)?;
        self.checked(scene)
    }

    fn checked(&mut self, scene: &Scene<'_>) -> Result<(), Complaint> {
        let address = scene.upstream.address;
        let check = format!("uptls check {} --connect-to {address} {}:443", scene.policy.arguments(), scene.host);
        print::out(&story::command(&check))?;
        let connector = self.open(scene)?;
        let report = self.connection(scene, &connector, CheckThen::Close)?;
        self.judge(&report, scene.expected, &story::outcome(&report))
    }

    /// Begins a scene.
    pub(super) fn title(&mut self, scene: &Scene<'_>) -> Result<(), Complaint> {
        self.scenes += 1;
        print::out(&story::title(self.scenes, scene.title))
    }

    pub(super) fn remark(&self, text: &str) -> Result<(), Complaint> {
        print::out(&story::remark(text))
    }

    /// A connector by the policy of the scene.
    pub(super) fn open(&self, scene: &Scene<'_>) -> Result<Connector, Complaint> {
        let opened = self.source(scene).connector(&self.runtime).map_err(|problems| self.unusable(&problems))?;
        Ok(opened.connector)
    }

    /// One of several connections of a scene.
    pub(super) fn connect(
        &mut self,
        scene: &Scene<'_>,
        connector: &Connector,
        expected: Expected,
    ) -> Result<(), Complaint> {
        let report = self.connection(scene, connector, CheckThen::AwaitSessions)?;
        self.judge(&report, expected, &story::connection(&report))
    }

    /// Publishes the policy and its material as they are now.
    pub(super) fn update(&self, scene: &Scene<'_>, connector: &Connector) -> Result<Generation, Complaint> {
        let policy = self.source(scene).policy().map_err(|problems| self.unusable(&problems))?;
        connector.update(&policy).map_err(|problems| self.unusable(&problems))
    }

    fn source(&self, scene: &Scene<'_>) -> Source {
        let path = |name: &str| Some(self.folder.path().join(name));
        match scene.policy {
            Policy::Document(file) => Source { policy: path(file), ..Source::default() },
            Policy::Manifests { path: name, backend: (namespace, backend) } => {
                let backend = Some(BackendRef::new(namespace, backend, Some(443)));
                Source { manifests: path(name), backend, ..Source::default() }
            }
        }
    }

    fn unusable(&self, problems: &Problems) -> Complaint {
        let report = Report::unusable(problems, self.runtime.now_text());
        Complaint::internal(format!("a policy of the demo cannot be used\n{}", report::whole(&report)))
    }

    fn connection(&self, scene: &Scene<'_>, connector: &Connector, then: CheckThen) -> Result<Report, Complaint> {
        let target = Target::parse(&format!("{}:443", scene.host)).map_err(Complaint::internal)?;
        let options = CheckOptions::new(ConnectOptions::default().with_timeout(PATIENCE)).then(then);
        Ok(connector.check(scene.upstream.address, &target.host, &options))
    }

    /// A request over a connection of its own: the upstream must know us as `client`.
    pub(super) fn get(&mut self, scene: &Scene<'_>, client: &str) -> Result<(), Complaint> {
        print::out(&story::command(&format!("GET https://{}/ over a connection by the same policy", scene.host)))?;
        let opened = self.source(scene).connector(&self.runtime).map_err(|problems| self.unusable(&problems))?;
        let answer = self.answer(scene, &opened.connector).unwrap_or_else(|reason| reason);
        let (status, known) = answer.split_once("\r\n").unwrap_or((&answer, ""));
        let known = known.rsplit("\r\n").next().unwrap_or_default();
        let is_right = status == "HTTP/1.1 200 OK" && known == client;
        self.count(is_right);
        print::out(&story::answer(is_right, status, known))
    }

    fn answer(&self, scene: &Scene<'_>, connector: &Connector) -> Result<String, String> {
        let text = |error: &dyn core::fmt::Display| error.to_string();
        let target = Target::parse(&format!("{}:443", scene.host))?;
        let stream = TcpStream::connect_timeout(&scene.upstream.address, PATIENCE).map_err(|error| text(&error))?;
        let options = ConnectOptions::default().with_timeout(PATIENCE);
        let mut stream = connector.handshake(stream, &target.host, &options).map_err(|error| text(&error))?;
        let request = format!("GET / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", scene.host);
        stream.write_all(request.as_bytes()).map_err(|error| text(&error))?;
        let mut answer = String::new();
        stream.take(ANSWER).read_to_string(&mut answer).map_err(|error| text(&error))?;
        Ok(answer)
    }

    fn count(&mut self, is_right: bool) {
        self.outcomes += 1;
        self.right += usize::from(is_right);
    }

    fn judge(&mut self, report: &Report, expected: Expected, text: &str) -> Result<(), Complaint> {
        print::out(text)?;
        let is_right = expected.is_met_by(report);
        self.count(is_right);
        if is_right {
            return Ok(());
        }
        print::out(&story::wrong(&format!("{expected:?}"), report))
    }
}

/// More than any answer here has.
const ANSWER: u64 = 65_536;
const PATIENCE: Duration = Duration::from_secs(5);
