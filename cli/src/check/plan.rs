//! What is to be connected to, and by which policy.

use std::sync::Arc;

use uptls::{Address, CheckOptions, CheckThen, ConnectOptions, Problems, Report, Runtime};

use super::{addresses, backends};
use crate::USAGE;
use crate::args::CheckArgs;
use crate::print::CliError;
use crate::source::Opened;
use crate::target::{self, Target};

/// Everything that one call checks.
pub(super) enum Plan {
    /// The probes, in the order in which they are reported.
    Probes(Vec<Probe>),
    /// There is no policy to check by.
    Unusable(Problems),
}

/// One endpoint.
pub(super) enum Probe {
    /// It cannot be checked: its name or its policy fails.
    Failed(Box<Report>),
    /// It can.
    Endpoint(Endpoint),
}

/// One endpoint that can be dialled.
pub(super) struct Endpoint {
    pub(super) address: Address,
    /// Whether a fix of the policy would be one of a document that is not there.
    pub(super) has_document: bool,
    pub(super) opened: Arc<Opened>,
    pub(super) target: Target,
}

impl Plan {
    /// # Errors
    /// Calls that cannot be meant.
    pub(super) fn of(args: &CheckArgs, runtime: &Runtime) -> Result<Self, CliError> {
        if args.all {
            return Ok(match backends::probes(args, runtime)? {
                Ok(probes) => Self::Probes(probes),
                Err(problems) => Self::Unusable(problems),
            });
        }
        if args.targets.is_empty() {
            return Err(CliError::new(USAGE, "no HOST:PORT is given"));
        }
        let opened = match args.source.connector(runtime) {
            Ok(opened) => Arc::new(opened),
            Err(problems) => return Ok(Self::Unusable(problems)),
        };
        let mut probes = Vec::new();
        for target in &args.targets {
            let endpoint = |address| {
                let has_document = args.source.policy.is_some();
                Probe::Endpoint(Endpoint { address, has_document, opened: Arc::clone(&opened), target: target.clone() })
            };
            let dialled = target::address(target, args.dial.connect_to.as_ref());
            if !addresses::are_wanted(args) {
                probes.push(endpoint(dialled));
                continue;
            }
            match addresses::resolve(target, args) {
                Ok(all) => probes.extend(all.into_iter().map(|address| endpoint(address.into()))),
                Err(error) => probes.push(Probe::Failed(Box::new(opened.connector.report_of(&target.host, &error)))),
            }
        }
        Ok(Self::Probes(probes))
    }
}

impl Endpoint {
    /// Its connections, one after the other.
    pub(super) fn check(self, repeat: u16, connect: &ConnectOptions) -> Vec<Report> {
        let one = |number: u16| {
            let then = if number < repeat { CheckThen::AwaitSessions } else { CheckThen::Close };
            let options = CheckOptions::new(connect.clone()).then(then);
            let mut report = self.opened.connector.check(self.address.clone(), &self.target.host, &options);
            report.warnings.extend_from_slice(&self.opened.warnings);
            if !self.has_document {
                report.fix = None;
            }
            report
        };
        (1..=repeat).map(one).collect()
    }
}
