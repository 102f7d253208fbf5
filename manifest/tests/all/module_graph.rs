//! Modules lean on each other one way.

use std::path::Path;

use uptls_testkit::module_graph::Sources;

#[test]
fn no_folder_has_a_circle() {
    let sources = Sources::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.count() > 90, "{} modules", sources.count());
    assert_eq!(sources.circles(), Vec::<String>::new());
}
