//! The stage of the demo: each scene is a real check, shown with its command, its outcome and its hint.

use std::time::Duration;

use uptls::danger::DangerPermission;
use uptls::{Code, Connector, Generation, Problems, Report, Runtime, UpstreamTlsPolicy};

use super::broken;
use super::files::Folder;
use super::upstream::Upstream;
use crate::args::DialArgs;
use crate::dial::Route;
use crate::live::{self, Next};
use crate::print::{self, Complaint, report, story};
use crate::target::Target;

/// What is checked, and what must come of it.
pub(super) struct Scene<'a> {
    pub(super) title: &'a str,
    /// The policy's file in the folder.
    pub(super) policy: &'a str,
    /// The backend host.
    pub(super) host: &'a str,
    pub(super) upstream: &'a Upstream,
    pub(super) expected: Expected,
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
        let address = scene.upstream.address;
        let check = format!("uptls check --policy {} --connect-to {address} {}:443", scene.policy, scene.host);
        print::out(&story::command(&check))?;
        let connector = self.open(scene)?;
        let report = self.connection(scene, &connector, Next::Nothing)?;
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
        let policy = self.policy(scene).map_err(|problems| self.unusable(&problems))?;
        Connector::new(&self.runtime, &policy).map_err(|problems| self.unusable(&problems))
    }

    /// One of several connections of a scene.
    pub(super) fn connect(
        &mut self,
        scene: &Scene<'_>,
        connector: &Connector,
        expected: Expected,
    ) -> Result<(), Complaint> {
        let report = self.connection(scene, connector, Next::Connection)?;
        self.judge(&report, expected, &story::connection(&report))
    }

    /// Publishes the policy and its material as they are now.
    pub(super) fn update(&self, scene: &Scene<'_>, connector: &Connector) -> Result<Generation, Complaint> {
        let policy = self.policy(scene).map_err(|problems| self.unusable(&problems))?;
        connector.update(&policy).map_err(|problems| self.unusable(&problems))
    }

    fn policy(&self, scene: &Scene<'_>) -> Result<UpstreamTlsPolicy, Problems> {
        let draft = uptls_manifest::load(&self.folder.path().join(scene.policy))?;
        UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)
    }

    fn unusable(&self, problems: &Problems) -> Complaint {
        let report = Report::unusable(problems, self.runtime.now_text());
        Complaint::internal(format!("a policy of the demo cannot be used\n{}", report::whole(&report)))
    }

    fn connection(&self, scene: &Scene<'_>, connector: &Connector, next: Next) -> Result<Report, Complaint> {
        let target = Target::parse(&format!("{}:443", scene.host)).map_err(Complaint::internal)?;
        let socket = scene.upstream.address;
        let connect_to = Some(crate::target::ConnectTo { host: socket.ip().to_string(), port: Some(socket.port()) });
        let args = DialArgs { connect_to, timeout: None };
        live::check(connector, &target, &Route::new(&target, &args, PATIENCE), next)
    }

    fn judge(&mut self, report: &Report, expected: Expected, text: &str) -> Result<(), Complaint> {
        self.outcomes += 1;
        print::out(text)?;
        if expected.is_met_by(report) {
            self.right += 1;
            return Ok(());
        }
        print::out(&story::wrong(&format!("{expected:?}"), report))
    }
}

const PATIENCE: Duration = Duration::from_secs(5);
