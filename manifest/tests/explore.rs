//! Scratch.
#[test]
fn explore() {
    for s in [uptls_manifest::schema::policy(), uptls_manifest::schema::report(), uptls_manifest::schema::inspect()] { println!("{}", serde_json::to_string_pretty(&s).unwrap()); }
}
