//! `uptls inspect`: what certificates say. Verifies nothing.

use std::path::Path;
use std::time::Duration;

use uptls::danger::DangerPermission;
use uptls::{
    Category, Code, ConnectOptions, Connector, DangerDraft, Envelope, Error, Inspection, PolicyDraft, PolicySpec,
    Problems, ReasonDraft, Runtime, UpstreamTlsPolicy,
};

use crate::USAGE;
use crate::args::InspectArgs;
use crate::input::read_named;
use crate::print::{CliError, certificate, printable};
use crate::target::{self, Target};

pub(crate) fn run(args: &InspectArgs) -> Result<u8, CliError> {
    args.output.settle(SCHEMA, show(args))
}

fn show(args: &InspectArgs) -> Result<u8, CliError> {
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let path = Path::new(&args.subject);
    let certificates = if path.exists() { of_file(path)? } else { of_peer(&runtime, args)? };
    let now = runtime.now_text();
    args.output.print(Envelope::new(SCHEMA, certificates), |certificates| certificate::whole(certificates, &now))?;
    Ok(0)
}

fn of_file(path: &Path) -> Result<Vec<Inspection>, CliError> {
    let bytes = read_named(path).map_err(|reason| CliError::unreadable(path, &reason))?;
    let name = path.display().to_string();
    let found = Inspection::of_text(&bytes, &name);
    let found = found.map_err(|reason| CliError::coded(Code::ChainParse, format!("{}: {reason}", printable(&name))))?;
    if found.is_empty() {
        return Err(CliError::coded(Code::ChainParse, format!("{}: it holds no certificate", printable(&name))));
    }
    Ok(found)
}

fn of_peer(runtime: &Runtime, args: &InspectArgs) -> Result<Vec<Inspection>, CliError> {
    let target = Target::parse(&args.subject).map_err(|reason| {
        let subject = printable(&args.subject);
        CliError::new(USAGE, format!("{subject} is neither a file nor HOST:PORT: {reason}"))
    })?;
    let chain = presented(runtime, &target, args).map_err(|error| {
        let mut text = format!("{target}: {}: {error}", error.code());
        // There is no policy to change.
        if error.code().category() != Category::Remote {
            text.push_str(&format!("\nhint: {}", error.hint()));
        }
        CliError { text: CliError::new(0, text).text, ..CliError::coded(error.code(), format!("{target}: {error}")) }
    })?;
    let inspect = |(index, der): (usize, &Vec<u8>)| {
        Inspection::of_der(der, &format!("{target} #{}", index + 1)).map_err(|reason| {
            CliError::coded(Code::ChainParse, format!("{target}: certificate {}: {reason}", index + 1))
        })
    };
    chain.iter().enumerate().map(inspect).collect()
}

/// The chain of the peer that answers; only its handshake signature is verified.
fn presented(runtime: &Runtime, target: &Target, args: &InspectArgs) -> Result<Vec<Vec<u8>>, Error> {
    let connector = Connector::new(runtime, &anybody()?)?;
    let options = ConnectOptions::default().with_timeout(args.dial.timeout.unwrap_or(PATIENCE));
    let address = target::address(target, args.dial.connect_to.as_ref());
    let mut stream = match connector.connect_blocking(address, &target.host, &options) {
        // A peer that wants a client certificate has sent its own by then.
        Err(Error::Connect { known: Some(known), .. }) if !known.chain.is_empty() => return Ok(known.chain.clone()),
        other => other?,
    };
    // What was asked for is there, whatever becomes of our goodbye.
    let _ = stream.shutdown();
    Ok(stream.evidence().peer.chain_der().to_vec())
}

/// A policy that accepts anybody (D2): no data is ever sent or read by it.
fn anybody() -> Result<UpstreamTlsPolicy, Problems> {
    let reason = Some(ReasonDraft { reason: "inspect".to_owned() });
    let danger = DangerDraft { accept_any_certificate: reason, ..DangerDraft::default() };
    let spec = PolicySpec { danger, resumption: Some(false), ..PolicySpec::default() };
    UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Allowed)
}

const PATIENCE: Duration = Duration::from_secs(10);
const SCHEMA: &str = "uptls.inspect/v1";
