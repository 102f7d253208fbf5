//! `uptls schema`: the JSON Schemas.

use uptls_manifest::schema;

use crate::args::SchemaArgs;
use crate::print::{self, CliError};

pub(crate) fn run(args: &SchemaArgs) -> Result<u8, CliError> {
    let schema = match args {
        SchemaArgs { report: true, .. } => schema::report(),
        SchemaArgs { describe: true, .. } => schema::description(),
        SchemaArgs { event: true, .. } => schema::event(),
        SchemaArgs { import: true, .. } => schema::import(),
        SchemaArgs { inspect: true, .. } => schema::inspect(),
        _ => schema::policy(),
    };
    print::out(&format!("{schema:#}\n"))?;
    Ok(0)
}
