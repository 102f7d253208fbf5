//! Hints about documents, connectors and exports, followed: a path is corrected, a policy is published, a field is removed.

use std::fs;

use uptls::danger::DangerPermission;
use uptls::{
    BackendHost, Code, ConnectOptions, Connector, FixedClock, OnInvalid, Problems, Runtime, UpstreamTlsPolicy,
};
use uptls_manifest::envoy::{self, ExportOptions};
use uptls_testkit::{NOW, Pki};

/// Each code, and what was done.
pub(crate) fn prove() -> Vec<(Code, &'static str)> {
    let world = World { pki: Pki::new("hints about policies") };
    vec![world.document(), world.not_ready(), world.withdrawn(), world.export()]
}

struct World {
    pki: Pki,
}

impl World {
    fn text(&self, fields: &str) -> String {
        let ca = serde_json::Value::from(self.pki.root.pem());
        format!(
            "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {{trust: {{bundles: [{{pem: {ca}}}]}}, serverName: {HOST}{fields}}}\n"
        )
    }

    fn policy(&self, fields: &str) -> UpstreamTlsPolicy {
        let draft = uptls_manifest::parse(self.text(fields).as_bytes(), "policy.yaml", None).unwrap();
        UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap()
    }

    fn connector(&self) -> Connector {
        Connector::of_prepared(runtime().prepare(&self.policy("")).unwrap(), OnInvalid::FailClosed)
    }

    fn document(&self) -> (Code, &'static str) {
        let folder = tempfile::tempdir().unwrap();
        let (right, wrong) = (folder.path().join("policy.yaml"), folder.path().join("polcy.yaml"));
        fs::write(&right, self.text("")).unwrap();
        says(&uptls_manifest::load(&wrong).err().unwrap(), Code::DocumentUnreadable, "correct the path");
        uptls_manifest::load(&right).unwrap();
        (Code::DocumentUnreadable, "path corrected")
    }

    fn not_ready(&self) -> (Code, &'static str) {
        let connector = self.connector();
        let broken = uptls_manifest::load(std::path::Path::new("/nowhere/policy.yaml")).err().unwrap();
        connector.refuse(broken);
        refused(&connector, Code::PolicyNotReady, "fix the material that the reason names");
        connector.update(&self.policy("")).unwrap();
        connects(&connector);
        (Code::PolicyNotReady, "policy that can be used published")
    }

    fn withdrawn(&self) -> (Code, &'static str) {
        let connector = self.connector();
        connector.withdraw();
        refused(&connector, Code::PolicyWithdrawn, "publish the policy again");
        connector.update(&self.policy("")).unwrap();
        connects(&connector);
        (Code::PolicyWithdrawn, "policy published again")
    }

    fn export(&self) -> (Code, &'static str) {
        let export = |fields: &str| {
            let prepared = runtime().prepare(&self.policy(fields)).unwrap();
            envoy::export(&prepared, &ExportOptions::default()).map(drop)
        };
        let refused = export(", alpn: {protocols: [h2], required: true}").unwrap_err();
        says(&refused, Code::NotExportable, "set it to false");
        assert_eq!(refused.first().map(|problem| problem.path()), Some("spec.alpn.required"));
        export(", alpn: {protocols: [h2], required: false}").unwrap();
        (Code::NotExportable, "field corrected")
    }
}

fn runtime() -> Runtime {
    let clock = FixedClock::at(u64::try_from(NOW).unwrap());
    Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build()
}

fn says(problems: &Problems, code: Code, words: &str) {
    assert_eq!(problems.code(), code, "{problems}");
    let hint = problems.first().map(|problem| problem.hint()).unwrap_or_default();
    assert!(hint.contains(words), "{code}: {hint}");
}

fn refused(connector: &Connector, code: Code, words: &str) {
    let error = connector.begin(&BackendHost::parse(HOST).unwrap(), &ConnectOptions::default()).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(error.hint().contains(words), "{code}: {}", error.hint());
}

fn connects(connector: &Connector) {
    connector.begin(&BackendHost::parse(HOST).unwrap(), &ConnectOptions::default()).unwrap();
}

const HOST: &str = "backend.test";
