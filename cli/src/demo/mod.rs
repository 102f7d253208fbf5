//! `uptls demo`: the main job on upstreams and certificates that are made for the occasion.

mod files;
mod hybrid;
mod mint;
mod runner;
mod upstream;

use std::io;
use std::path::Path;
use std::time::Instant;

use uptls::Code;

use crate::args::DemoArgs;
use crate::print::{self, CliError, printable};
use files::{Fixtures, Folder};
use runner::{Case, Expected, Policy, Runner};
use upstream::{Clients, Upstream};

pub(crate) fn run(args: &DemoArgs) -> Result<u8, CliError> {
    let begin = Instant::now();
    let folder = Folder::new(args.keep.as_deref()).map_err(|error| match &args.keep {
        Some(path) => CliError::new(crate::USAGE, format!("cannot use {}: {error}", show(path))),
        None => broken(&error),
    })?;
    print::out(&opening(&folder))?;
    let mut runner = Runner::new(&folder);
    let fixtures = Fixtures::mint(runner.now()).map_err(|error| broken(&io::Error::other(error)))?;
    fixtures.write(&folder).and_then(|()| hybrid::write(&folder, &fixtures)).map_err(|error| broken(&error))?;
    run_cases(&mut runner, &fixtures)?;
    // Kept files give the outcomes of the demo again.
    runner.write("ca.pem", &fixtures.ca.pem, "")?;
    let (right, all) = runner.tally();
    print::out(&closing(&folder, right, all, begin))?;
    Ok(if right == all { 0 } else { FAILED })
}

fn run_cases(runner: &mut Runner<'_>, fixtures: &Fixtures) -> Result<(), CliError> {
    let start = |certificate, clients| {
        Upstream::start(uptls::aws_lc_rs::provider(), certificate, clients).map_err(|error| broken(&error))
    };
    let payments = start(&fixtures.payments, Clients::Anybody)?;
    let orders = start(&fixtures.orders, Clients::Of(&fixtures.ca))?;
    let case = |title, policy, host, upstream, expected| {
        let policy = Policy::Document(policy);
        Case { title, policy, host, upstream, expected }
    };
    let pay = |title, expected| case(title, "payments.yaml", "payments.internal", &payments, expected);
    let order = |title, policy, expected| case(title, policy, "orders.internal", &orders, expected);
    let show = |certificate| payments.present(certificate).map_err(|error| broken(&error));

    runner.check(&pay("accepted by its DNS name", Expected::Accepted))?;
    let title = "accepted by its SPIFFE ID; it asks for our certificate and takes it";
    runner.check(&order(title, "orders.yaml", Expected::Accepted))?;
    show(&fixtures.misnamed)?;
    runner.check(&pay("refused: it shows the certificate of another service", Expected::Code(Code::NameMismatch)))?;
    show(&fixtures.expired)?;
    runner.check(&pay("refused: its certificate has ended", Expected::Code(Code::CertExpired)))?;
    let title = "it refuses us: the policy has no identity to show";
    runner.check(&order(title, "orders-anonymous.yaml", Expected::Code(Code::IdentityRequired)))?;
    show(&fixtures.payments_new)?;
    let title = "refused: its CA was replaced by one of the same name";
    runner.check(&pay(title, Expected::Code(Code::CertIssuerKeyChanged)))?;

    let both = format!("{}{}", fixtures.ca.pem, fixtures.new_ca.pem);
    runner.write("ca.pem", &both, "cat new-ca.pem >> ca.pem")?;
    runner.check(&pay("accepted, once the hint is followed", Expected::Accepted))?;

    show(&fixtures.payments)?;
    runner.write("ca.pem", &fixtures.ca.pem, "")?;
    rotate(runner, &pay("the CA is replaced while the connector lives", Expected::Accepted), fixtures)?;
    hybrid::run_cases(runner, &orders, fixtures)
}

/// Two connections with the old CA, the second resumed; then one with the next CA, which must not be.
fn rotate(runner: &mut Runner<'_>, case: &Case<'_>, fixtures: &Fixtures) -> Result<(), CliError> {
    runner.title(case)?;
    let connector = runner.open(case)?;
    runner.remark("Connector::new by payments.yaml, and two connections:")?;
    runner.connect(case, &connector, Expected::Full)?;
    runner.connect(case, &connector, Expected::Resumed)?;
    case.upstream.present(&fixtures.payments_next).map_err(|error| broken(&error))?;
    runner.write("ca.pem", &fixtures.next_ca.pem, "cp next-ca.pem ca.pem")?;
    let generation = runner.update(case, &connector)?;
    runner.remark(&format!(
        "the upstream has a certificate of the next CA; Connector::update: generation {generation}"
    ))?;
    runner.connect(case, &connector, Expected::Full)
}

fn opening(folder: &Folder) -> String {
    format!(
        "Upstreams on 127.0.0.1 with certificates made just now; each outcome is that of a real TLS connection.\n\
         Policies and certificates are in {}\n",
        show(folder.path())
    )
}

fn closing(folder: &Folder, right: usize, all: usize, begin: Instant) -> String {
    let took = begin.elapsed().as_secs_f32();
    let mut text = format!("\n{right} of {all} outcomes are as they must be, after {took:.1} s.\n");
    if folder.is_temporary() {
        text.push_str("The folder is removed.\n");
    } else {
        let path = show(folder.path());
        text.push_str(&format!(
            "The files are kept. Judge a chain again: \
             uptls verify --policy {path}/payments.yaml --chain {path}/misnamed-chain.pem\n"
        ));
    }
    text
}

fn show(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// The demo itself cannot go on.
fn broken(error: &io::Error) -> CliError {
    CliError::internal(format!("the demo cannot go on: {error}"))
}

/// An outcome was not as it must be.
const FAILED: u8 = 5;
