//! Reports of live connections: one check in one call, and what a connection says of itself.

use std::net::TcpListener;
use std::time::Duration;

use crate::support::world::{BOTH, Backend, World, converse, establish, exchange, host, identity, policy, trusting};
use uptls::{
    CheckOptions, CheckThen, Code, ConnectOptions, Connector, ConnectorState, Error, MaterialDraft, OnInvalid, Outcome,
    PolicySpec, Report, StepName, TrustDraft, UpstreamTlsPolicy, Verdict,
};
use uptls_testkit::{HostileServer, Misbehaviour, Pki, San, Server, Versions};

fn patient() -> CheckOptions {
    CheckOptions::new(ConnectOptions::default().with_timeout(Duration::from_secs(20)))
}

fn outcome(report: &Report, name: StepName) -> Outcome {
    report.steps.iter().find(|step| step.step == name).unwrap().outcome
}

fn broken() -> UpstreamTlsPolicy {
    let bundles = vec![MaterialDraft::pem("no certificate")];
    policy(PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() })
}

#[test]
fn a_check_accepts_and_says_every_step() {
    for versions in BOTH {
        let world = World::new("check");
        let server = Server::start(&world.server(versions));
        let report = world.connector(world.spec()).check(server.addr(), &host(), &patient());
        assert_eq!((report.verdict, report.code), (Verdict::Accepted, None), "{report:?}");
        assert_eq!(report.address, Some(server.addr().to_string()));
        assert_eq!(report.backend_host.as_deref(), Some("backend.example"));
        assert_eq!(report.policy.generation, Some(1));
        for step in [StepName::Policy, StepName::Tcp, StepName::Hello, StepName::Chain, StepName::Name] {
            assert_eq!(outcome(&report, step), Outcome::Pass, "{step:?}");
        }
        assert!(report.tls.is_some());
    }
}

#[test]
fn a_check_that_awaits_sessions_lets_the_next_one_resume() {
    let world = World::new("check sessions");
    let server = Server::start(&world.server(Versions::Tls13));
    let connector = world.connector(world.spec());
    let resumed = |then| {
        let report = connector.check(server.addr(), &host(), &patient().then(then));
        report.tls.expect("it was negotiated").resumed
    };
    assert!(!resumed(CheckThen::AwaitSessions));
    assert!(resumed(CheckThen::Close));
}

#[test]
fn a_check_refuses_with_the_code_of_the_connection() {
    let world = World::new("check refused");
    let server = Server::start(&world.server(Versions::Both));
    let connector = world.connector(trusting(&Pki::new("check refused, another CA")));
    let report = connector.check(server.addr(), &host(), &patient());
    assert_eq!((report.verdict, report.code), (Verdict::Rejected, Some(Code::CertUnknownIssuer)), "{report:?}");
    assert_eq!(outcome(&report, StepName::Chain), Outcome::Fail);
    assert!(!report.chain.is_empty());
    let error = connector.connect_blocking(server.addr(), &host(), &ConnectOptions::default()).unwrap_err();
    assert_eq!(error.code(), Code::CertUnknownIssuer);
    let again = connector.report_of(&host(), &error);
    assert_eq!((again.code, again.verdict), (report.code, report.verdict));
    assert_eq!((again.chain, again.expected, again.presented), (report.chain, report.expected, report.presented));
}

#[test]
fn a_check_of_nobody_and_of_a_silent_peer_ends() {
    let world = World::new("check nobody");
    let connector = world.connector(world.spec());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = connector.check(closed, &host(), &patient());
    assert_eq!((report.verdict, report.code), (Verdict::Error, Some(Code::TcpRefused)));
    assert_eq!(outcome(&report, StepName::Tcp), Outcome::Fail);
    assert_eq!(report.address, Some(closed.to_string()));
    let silent = HostileServer::start(Misbehaviour::Silent);
    let quick = CheckOptions::new(ConnectOptions::default().with_timeout(Duration::from_millis(300)));
    let report = connector.check(silent.addr(), &host(), &quick);
    assert_eq!(report.code, Some(Code::HandshakeTimeout));
    assert_eq!((outcome(&report, StepName::Tcp), outcome(&report, StepName::Hello)), (Outcome::Pass, Outcome::Fail));
}

/// I5
#[test]
fn a_check_hears_what_the_peer_says_of_our_certificate() {
    for versions in BOTH {
        let world = World::new("check mtls");
        let client = world.pki.client(&[San::dns("gateway.example")]);
        let server = Server::start(&world.server(versions).with_client_roots(&[&world.pki.root]));
        let known = world.connector(PolicySpec { identity: identity(&world.pki, &client), ..world.spec() });
        let report = known.check(server.addr(), &host(), &patient());
        assert_eq!((report.code, outcome(&report, StepName::Client)), (None, Outcome::Pass));
        let report = world.connector(world.spec()).check(server.addr(), &host(), &patient());
        assert_eq!(report.code, Some(Code::IdentityRequired), "{versions:?}");
        assert_eq!(outcome(&report, StepName::Client), Outcome::Fail);
    }
}

#[test]
fn a_policy_that_is_not_ready_is_a_report_too() {
    let world = World::new("check not ready");
    let reason = world.runtime.prepare(&broken()).unwrap_err();
    let connector = Connector::not_ready(&world.runtime, reason, OnInvalid::KeepLastGood);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let report = connector.check(nobody, &host(), &patient());
    assert_eq!((report.verdict, report.code), (Verdict::Error, Some(Code::PolicyNotReady)));
    assert_eq!(report.policy.generation, Some(0));
    assert_eq!(outcome(&report, StepName::Tcp), Outcome::Skip, "nothing was dialled");
}

#[test]
fn a_handshake_has_a_report_once_there_is_a_verdict() {
    let world = World::new("report of a handshake");
    let backend = Backend::new(world.server(Versions::Both));
    let connector = world.connector(trusting(&Pki::new("report, another CA")));
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    assert_eq!(handshake.report(), None);
    let error = converse(&mut handshake, &mut backend.accept()).unwrap_err();
    let report = handshake.report().expect("there is a verdict");
    assert_eq!((report.verdict, report.code), (Verdict::Rejected, Some(error.code())));
    assert_eq!(report.policy.generation, Some(1));
    let established =
        establish(&world.connector(world.spec()), &host(), &ConnectOptions::default(), &mut backend.accept()).unwrap();
    assert!(established.report().accepted());
}

/// I5: of all that can end a connection, only the peer's verdict on us belongs into the report of its verification.
#[test]
fn only_a_refused_identity_changes_the_report_of_a_connection() {
    let world = World::new("report of a connection");
    let options = world.server(Versions::Tls13).with_client_roots(&[&world.pki.root]);
    let backend = Backend::new(options);
    let mut server = backend.accept();
    let mut established =
        establish(&world.connector(world.spec()), &host(), &ConnectOptions::default(), &mut server).unwrap();
    assert!(established.report().accepted(), "the peer has not spoken yet");
    exchange(&mut established, &mut server).unwrap_err();
    assert_eq!(established.report().code, Some(Code::IdentityRequired));

    let open = Backend::new(world.server(Versions::Tls13));
    let mut cut =
        establish(&world.connector(world.spec()), &host(), &ConnectOptions::default(), &mut open.accept()).unwrap();
    cut.feed_eof();
    assert_eq!(cut.read(&mut [0; 8]).unwrap_err().code(), Code::Truncated);
    assert!(cut.report().accepted());
}

/// R2: a document that does not parse is an invalid update.
/// R9: policies of one fingerprint share what verifies, and each report names the files of its own policy.
#[test]
fn the_report_of_a_refusal_names_the_files_of_its_own_policy() {
    let world = World::new("own names");
    let server = Server::start(&world.server(Versions::Both));
    let folder = tempfile::tempdir().unwrap();
    let connectors = ["one", "two"].map(|name| {
        let place = folder.path().join(format!("{name}.pem"));
        std::fs::write(&place, world.pki.root.pem()).unwrap();
        let trust = TrustDraft { bundles: vec![MaterialDraft::file(place.clone())], ..TrustDraft::default() };
        let spec = PolicySpec { trust, server_name: Some("other.example".to_owned()), ..PolicySpec::default() };
        Connector::new(&world.runtime, &policy(spec)).unwrap()
    });
    let [one, two] = &connectors;
    assert_eq!(one.prepared().unwrap().fingerprint(), two.prepared().unwrap().fingerprint());
    for (connector, own, other) in [(one, "one.pem #1", "two.pem"), (two, "two.pem #1", "one.pem")] {
        let report = connector.check(server.addr(), &host(), &patient());
        assert_eq!(report.code, Some(Code::NameMismatch), "{report:?}");
        let chain = report.steps.iter().find(|step| step.step == StepName::Chain).unwrap();
        assert!(chain.detail["trusted"].ends_with(own), "{chain:?}");
        assert!(report.chain.last().unwrap().source.ends_with(own), "{report:?}");
        assert!(!format!("{report:?}").contains(other), "{report:?}");
    }
}

#[test]
fn an_update_can_be_refused_before_there_is_a_policy() {
    let world = World::new("refuse");
    let reason = world.runtime.prepare(&broken()).unwrap_err();
    let begin = |connector: &Connector| connector.begin(&host(), &ConnectOptions::default()).map(drop);
    let keeps = world.connector(world.spec());
    keeps.refuse(reason.clone());
    assert!(matches!(keeps.state(), ConnectorState::Degraded { .. }));
    assert!(begin(&keeps).is_ok());

    let closes = Connector::with_on_invalid(&world.runtime, &policy(world.spec()), OnInvalid::FailClosed).unwrap();
    closes.refuse(reason);
    let error: Error = begin(&closes).unwrap_err();
    assert_eq!(error.code(), Code::PolicyNotReady);
    assert!(error.to_string().contains("trust.bundles"), "{error}");
    closes.update(&policy(world.spec())).unwrap();
    assert!(begin(&closes).is_ok());
}
