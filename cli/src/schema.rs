//! `uptls schema`: the JSON Schemas.

use uptls_manifest::schema;

use crate::args::SchemaArgs;
use crate::print::{self, Complaint};

pub(crate) fn run(args: &SchemaArgs) -> Result<u8, Complaint> {
    let schema = match args {
        SchemaArgs { report: true, .. } => schema::report(),
        SchemaArgs { explain: true, .. } => schema::explain(),
        SchemaArgs { import: true, .. } => schema::import(),
        SchemaArgs { inspect: true, .. } => schema::inspect(),
        _ => schema::policy(),
    };
    print::out(&format!("{schema:#}\n"))?;
    Ok(0)
}
