//! `docs/errors.md` is generated from the table of codes; UPTLS_BLESS=1 rewrites it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

use std::fmt::Write as _;
use std::path::Path;

use uptls::Code;

#[test]
fn the_page_of_error_codes_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    let wanted = page();
    if std::env::var("UPTLS_BLESS").is_ok() {
        std::fs::write(&path, &wanted).expect("docs can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == wanted, "docs/errors.md is out of date: run make bless");
}

fn page() -> String {
    let mut page = String::from(
        "# Error codes\n\n\
         Generated from the table in `core/src/error/table.rs`. Numbers and names are permanent: uptls never changes or reuses\n\
         one.\n\n\
         Exit codes of the command: 1 the policy refused the peer, 2 the policy cannot be used, 3 no connection,\n\
         4 the peer refused us, 5 internal.\n\n\
         Severities: `error`, change something first; `transient`, a retry may succeed; `local`, this side could\n\
         not try, which says nothing of the peer: keep the endpoint, and do not retry at once; `bug`, please report it.\n",
    );
    let mut category = None;
    for code in Code::ALL {
        if category != Some(code.category()) {
            category = Some(code.category());
            let block = code.number() / 100;
            let name = code.category().as_str();
            write!(page, "\n## {block}xx {name}\n\n| number | code | what happened | what to do | alert | severity | exit |\n| --- | --- | --- | --- | --- | --- | --- |\n").unwrap();
        }
        let alert = code.alert().map_or("", uptls::Alert::as_str);
        writeln!(
            page,
            "| {} | `{code}` | {} | {} | {alert} | {} | {} |",
            code.number(),
            code.meaning(),
            code.remedy(),
            code.severity().as_str(),
            code.exit_code()
        )
        .unwrap();
    }
    page
}
