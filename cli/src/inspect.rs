//! `uptls inspect`: what certificates say. Verifies nothing.

use std::path::Path;
use std::time::Duration;

use uptls::danger::DangerPermission;
use uptls::{
    AlpnDraft, Category, Code, ConnectOptions, Connector, DangerDraft, Envelope, Error, Inspection, PolicyDraft,
    PolicySpec, Problems, ReasonDraft, Runtime, TlsFacts, UpstreamTlsPolicy,
};

use crate::USAGE;
use crate::args::InspectArgs;
use crate::content;
use crate::input;
use crate::print::{self, CliError, certificate, printable};
use crate::target::{self, Target};

pub(crate) fn run(args: &InspectArgs) -> Result<u8, CliError> {
    args.output.settle(SCHEMA, show(args))
}

fn show(args: &InspectArgs) -> Result<u8, CliError> {
    let runtime = Runtime::new(uptls::aws_lc_rs::provider());
    let path = Path::new(&args.subject);
    let is_file = input::is_standard_input(path) || path.exists();
    if is_file && args.dial.connect_to.is_some() {
        return Err(CliError::new(USAGE, "--connect-to is for HOST:PORT, and not for a file"));
    }
    let found = if is_file { of_file(path)? } else { of_peer(&runtime, args)? };
    if args.pem {
        let text: String = found.iter().map(|(_, pem)| pem.as_str()).collect();
        return print::out(&text).map(|()| 0);
    }
    let certificates = found.into_iter().map(|(certificate, _)| certificate).collect();
    let now = runtime.now_text();
    args.output.print(Envelope::new(SCHEMA, certificates), |certificates| certificate::whole(certificates, &now))?;
    Ok(0)
}

/// Each certificate, and its PEM.
type Found = Vec<(Inspection, String)>;

fn of_file(path: &Path) -> Result<Found, CliError> {
    let bytes = input::read(path, "inspect").map_err(|reason| CliError::unreadable(path, &reason))?;
    let name = input::name(path);
    let failed = |reason: String| CliError::coded(Code::ChainParse, format!("{}: {reason}", printable(&name)));
    let found = Inspection::of_text(&bytes, &name).map_err(failed)?;
    if found.is_empty() {
        return Err(failed(content::name(&bytes)));
    }
    let mut pem = content::certificates(&bytes);
    pem.resize(found.len(), String::new());
    Ok(found.into_iter().zip(pem).collect())
}

fn of_peer(runtime: &Runtime, args: &InspectArgs) -> Result<Found, CliError> {
    let target = Target::parse(&args.subject).map_err(|reason| {
        let subject = printable(&args.subject);
        CliError::new(USAGE, format!("{subject} is neither a file nor HOST:PORT: {reason}"))
    })?;
    let (chain, tls) = presented(runtime, &target, args).map_err(|error| {
        let mut text = format!("{target}: {}: {error}", error.code());
        // There is no policy to change.
        if error.code().category() != Category::Remote {
            text.push_str(&format!("\nhint: {}", error.hint()));
        }
        CliError { text: CliError::new(0, text).text, ..CliError::coded(error.code(), format!("{target}: {error}")) }
    })?;
    let inspect = |(index, der): (usize, &Vec<u8>)| {
        let found = Inspection::of_der(der, &format!("{target} #{}", index + 1));
        let mut found = found.map_err(|reason| {
            CliError::coded(Code::ChainParse, format!("{target}: certificate {}: {reason}", index + 1))
        })?;
        found.tls = tls.clone().filter(|_| index == 0);
        Ok((found, content::pem(der)))
    };
    chain.iter().enumerate().map(inspect).collect()
}

/// The chain of the peer that answers, and what was negotiated; only its handshake signature is verified.
fn presented(
    runtime: &Runtime,
    target: &Target,
    args: &InspectArgs,
) -> Result<(Vec<Vec<u8>>, Option<TlsFacts>), Error> {
    let connector = Connector::new(runtime, &anybody(&args.alpn)?)?;
    let options = ConnectOptions::default().with_timeout(args.dial.timeout.unwrap_or(PATIENCE));
    let address = target::address(target, args.dial.connect_to.as_ref());
    let mut stream = match connector.connect_blocking(address, &target.host, &options) {
        Ok(stream) => stream,
        // A peer that wants a client certificate has sent its own by then.
        Err(error) if !error.chain().is_empty() => return Ok((error.chain().to_vec(), error.tls().cloned())),
        Err(error) => return Err(error),
    };
    // What was asked for is there, whatever becomes of our goodbye.
    let _ = stream.shutdown();
    let evidence = stream.evidence();
    Ok((evidence.peer.chain_der().to_vec(), Some(evidence.tls())))
}

/// A policy that accepts anybody (D2): no data is ever sent or read by it.
fn anybody(alpn: &[String]) -> Result<UpstreamTlsPolicy, Problems> {
    let reason = Some(ReasonDraft { reason: "inspect".to_owned() });
    let danger = DangerDraft { accept_any_certificate: reason, ..DangerDraft::default() };
    let alpn = AlpnDraft { protocols: alpn.to_vec(), ..AlpnDraft::default() };
    let spec = PolicySpec { alpn, danger, resumption: Some(false), ..PolicySpec::default() };
    UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Allowed)
}

const PATIENCE: Duration = Duration::from_secs(10);
const SCHEMA: &str = "uptls.inspect/v1";
