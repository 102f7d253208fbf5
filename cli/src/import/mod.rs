//! `uptls import`: manifests in, policies out, and what Envoy clusters verify.

mod backends;
mod clusters;
mod files;
pub(crate) mod report;
mod status;
mod value;

pub(crate) use report::schema;

use uptls::Envelope;
use uptls_manifest::kubernetes::{self, Document};

use crate::USAGE;
use crate::args::ImportArgs;
use crate::explain::runtime_at;
use crate::print::{self, Complaint, printable};
use report::{Import, SCHEMA};

pub(crate) fn run(args: &ImportArgs) -> Result<u8, Complaint> {
    let import = import(args)?;
    let code = if import.ready { 0 } else { USAGE };
    if args.json {
        print::json(&Envelope::new(SCHEMA, vec![import]))?;
        return Ok(code);
    }
    print::out(&print::import::whole(&import))?;
    print::import::complaints(&import).iter().for_each(|text| print::complain(text));
    if !import.ready && args.strict {
        print::complain(&print::warning("with --strict nothing may be left to say"));
    }
    Ok(code)
}

fn import(args: &ImportArgs) -> Result<Import, Complaint> {
    let runtime = runtime_at(args.clock.at);
    let (texts, folders) = files::read(&args.paths)?;
    let mut import = Import { at: runtime.now_text(), ..Import::default() };
    let (mut envoy, mut manifests) = (Vec::new(), Vec::new());
    for text in &texts {
        let document = Document::new(&text.name, &text.octets);
        if let Some(clusters) = clusters::of(text) {
            import.clusters.extend(clusters);
            envoy.push(document);
        }
        // There may be objects beside a cluster.
        manifests.push(document);
    }
    backends::add(&mut import, &kubernetes::import(manifests), &runtime, args)?;
    let read = kubernetes::import(envoy).ignored.remove(NO_KIND).unwrap_or_default();
    import.ignored.entry(NO_KIND.to_owned()).and_modify(|count| *count = count.saturating_sub(read));
    import.ignored.retain(|_, count| *count > 0);
    if folders > 0 {
        import.ignored.insert(FOLDER.to_owned(), folders);
    }
    if import.clusters.is_empty()
        && import.backends.is_empty()
        && import.policies.is_empty()
        && import.diagnostics.is_empty()
    {
        let names: Vec<_> = args.paths.iter().map(|path| printable(&path.display().to_string())).collect();
        let wanted = "a BackendTLSPolicy, a vendor's object for a backend, or an Envoy configuration is wanted";
        return Err(Complaint::new(USAGE, format!("{}: no policy and no cluster there; {wanted}", names.join(", "))));
    }
    import.ready = ready(&import, args);
    Ok(import)
}

fn ready(import: &Import, args: &ImportArgs) -> bool {
    let is_notice = |effect: &str| effect == "notice";
    let sound = import.backends.iter().all(|backend| backend.ready)
        && import.clusters.iter().all(|cluster| cluster.standing == "verified")
        && import.diagnostics.iter().all(|diagnostic| is_notice(diagnostic.effect));
    let silent = import.diagnostics.is_empty()
        && import.ignored.is_empty()
        && import.backends.iter().all(|backend| backend.warnings.is_empty());
    sound && (silent || !args.strict)
}

const FOLDER: &str = "(folder)";
const NO_KIND: &str = "(no kind)";
