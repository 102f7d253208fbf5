//! `uptls demo`: the main job on upstreams and certificates that are made for the occasion.

mod files;
mod hybrid;
mod mint;
mod stage;
mod upstream;

use std::io;
use std::path::Path;
use std::time::Instant;

use uptls::Code;

use crate::args::DemoArgs;
use crate::print::{self, Complaint, printable};
use files::{Folder, Props};
use stage::{Expected, Policy, Scene, Stage};
use upstream::{Clients, Upstream};

pub(crate) fn run(args: &DemoArgs) -> Result<u8, Complaint> {
    let begin = Instant::now();
    let folder = Folder::new(args.keep.as_deref()).map_err(|error| match &args.keep {
        Some(path) => Complaint::new(crate::USAGE, format!("cannot use {}: {error}", show(path))),
        None => broken(&error),
    })?;
    print::out(&opening(&folder))?;
    let mut stage = Stage::new(&folder);
    let props = Props::mint(stage.now()).map_err(|error| broken(&io::Error::other(error)))?;
    props.write(&folder).and_then(|()| hybrid::write(&folder, &props)).map_err(|error| broken(&error))?;
    play(&mut stage, &props)?;
    // Kept files give the outcomes of the story again.
    stage.write("ca.pem", &props.ca.pem, "")?;
    let (right, all) = stage.tally();
    print::out(&closing(&folder, right, all, begin))?;
    Ok(if right == all { 0 } else { FAILED })
}

fn play(stage: &mut Stage<'_>, props: &Props) -> Result<(), Complaint> {
    let start = |certificate, clients| {
        Upstream::start(uptls::aws_lc_rs::provider(), certificate, clients).map_err(|error| broken(&error))
    };
    let payments = start(&props.payments, Clients::Anybody)?;
    let orders = start(&props.orders, Clients::Of(&props.ca))?;
    let scene = |title, policy, host, upstream, expected| {
        let policy = Policy::Document(policy);
        Scene { title, policy, host, upstream, expected }
    };
    let pay = |title, expected| scene(title, "payments.yaml", "payments.internal", &payments, expected);
    let order = |title, policy, expected| scene(title, policy, "orders.internal", &orders, expected);
    let show = |certificate| payments.present(certificate).map_err(|error| broken(&error));

    stage.check(&pay("accepted by its DNS name", Expected::Accepted))?;
    let title = "accepted by its SPIFFE ID; it asks for our certificate and takes it";
    stage.check(&order(title, "orders.yaml", Expected::Accepted))?;
    show(&props.misnamed)?;
    stage.check(&pay("refused: it shows the certificate of another service", Expected::Code(Code::NameMismatch)))?;
    show(&props.expired)?;
    stage.check(&pay("refused: its certificate has ended", Expected::Code(Code::CertExpired)))?;
    let title = "it refuses us: the policy has no identity to show";
    stage.check(&order(title, "orders-anonymous.yaml", Expected::Code(Code::IdentityRequired)))?;
    show(&props.payments_new)?;
    let title = "refused: its CA was replaced by one of the same name";
    stage.check(&pay(title, Expected::Code(Code::CertIssuerKeyChanged)))?;

    let both = format!("{}{}", props.ca.pem, props.new_ca.pem);
    stage.write("ca.pem", &both, "cat new-ca.pem >> ca.pem")?;
    stage.check(&pay("accepted, once the hint is followed", Expected::Accepted))?;

    show(&props.payments)?;
    stage.write("ca.pem", &props.ca.pem, "")?;
    rotate(stage, &pay("the CA is replaced while the connector lives", Expected::Accepted), props)?;
    hybrid::play(stage, &orders, props)
}

/// Two connections with the old CA, the second resumed; then one with the next CA, which must not be.
fn rotate(stage: &mut Stage<'_>, scene: &Scene<'_>, props: &Props) -> Result<(), Complaint> {
    stage.title(scene)?;
    let connector = stage.open(scene)?;
    stage.remark("Connector::new by payments.yaml, and two connections:")?;
    stage.connect(scene, &connector, Expected::Full)?;
    stage.connect(scene, &connector, Expected::Resumed)?;
    scene.upstream.present(&props.payments_next).map_err(|error| broken(&error))?;
    stage.write("ca.pem", &props.next_ca.pem, "cp next-ca.pem ca.pem")?;
    let generation = stage.update(scene, &connector)?;
    stage.remark(&format!(
        "the upstream has a certificate of the next CA; Connector::update: generation {generation}"
    ))?;
    stage.connect(scene, &connector, Expected::Full)
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
fn broken(error: &io::Error) -> Complaint {
    Complaint::internal(format!("the demo cannot go on: {error}"))
}

/// An outcome was not as it must be.
const FAILED: u8 = 5;
