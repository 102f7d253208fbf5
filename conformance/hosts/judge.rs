//! What a host does with a provider of its choice: prepares a policy, judges a chain offline, and connects.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use uptls::danger::DangerPermission;
use uptls::{BackendHost, ConnectOptions, Connector, Runtime, UpstreamTlsPolicy};

/// Two lines, each with `accepted` or the code of the refusal; or one, with the code of a policy that cannot be used.
///
/// # Errors
/// Wrong arguments, a document or chain that cannot be read.
pub(crate) fn judge(provider: Arc<CryptoProvider>, arguments: &[String]) -> Result<String, Box<dyn Error>> {
    let [policy, chain, host, address] = arguments else {
        return Err("the arguments are POLICY CHAIN HOST ADDRESS:PORT".into());
    };
    let runtime = Runtime::new(provider);
    let draft = uptls_manifest::load(Path::new(policy))?;
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)?;
    let connector = match Connector::new(&runtime, &policy) {
        Ok(connector) => connector,
        Err(problems) => return Ok(format!("unusable: {}\n", problems.code())),
    };

    let report = runtime.prepare(&policy)?.report_pem(&std::fs::read(chain)?, Some(host));
    let offline = report.code.map_or("accepted", uptls::Code::as_str);
    let (host, address) = (BackendHost::parse(host)?, address.parse::<SocketAddr>()?);
    let live = match connector.connect_blocking(address, &host, &ConnectOptions::default()) {
        Ok(stream) => {
            let evidence = stream.evidence();
            format!("accepted {} {}", evidence.version, evidence.group.as_deref().unwrap_or("no group"))
        }
        Err(error) => error.code().to_string(),
    };
    Ok(format!("offline: {offline}\nlive: {live}\n"))
}
