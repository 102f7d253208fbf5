//! Each kind of mutant stands beside the code that it replaces, and means what cargo-mutants' own change of the text means.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

use uptls_mutants::{Genre, LineColumn, Mutant, Rewritten, Span, Unswitched, rewrite};

/// A mutant of the first `wanted` in the source.
fn mutant(source: &str, id: u32, genre: Genre, wanted: &str, replacement: &str) -> Mutant {
    let before = source.split_once(wanted).expect("the source has it").0;
    let line = before.lines().count().max(1);
    let column = before.lines().last().unwrap_or_default().chars().count() + 1;
    let span = Span { start: LineColumn { line, column } };
    Mutant { id, file: "src/lib.rs".to_owned(), genre, span, replacement: replacement.to_owned() }
}

fn rewritten(source: &str, mutants: &[(Genre, &str, &str)]) -> Rewritten {
    let numbered = (1..).zip(mutants);
    let mutants: Vec<Mutant> =
        numbered.map(|(id, (genre, wanted, replacement))| mutant(source, id, *genre, wanted, replacement)).collect();
    rewrite(source, &mutants).expect("the source is Rust")
}

fn text(source: &str, mutants: &[(Genre, &str, &str)]) -> String {
    let text = rewritten(source, mutants).text;
    assert_eq!(text.matches("on(").count(), text.matches("crate::mutant_switch::on(").count(), "{text}");
    text.replace("crate::mutant_switch::on", "on")
}

#[test]
fn a_value_is_returned_at_once() {
    assert_eq!(
        text("fn f() -> u8 { g() }", &[(Genre::FnValue, "g()", "0"), (Genre::FnValue, "g()", "1")]),
        "fn f() -> u8 { if on(1) { return 0; } if on(2) { return 1; } g() }"
    );
}

#[test]
fn an_operator_that_binds_otherwise_takes_the_operands_with_it() {
    // `a + b * c` is no `(a + b) * c`.
    assert_eq!(
        text("fn f() { let x = a + b +/**/ c < d; }", &[(Genre::BinaryOperator, "+/**/", "*")]),
        "fn f() { let x = (if on(1) { a + b */**/ c } else { a + b +/**/ c }) < d; }"
    );
    assert_eq!(
        text("fn f() { let x = a && b &&/**/ c; }", &[(Genre::BinaryOperator, "&& b", "||")]),
        "fn f() { let x = (if on(1) { a || b &&/**/ c } else { a && b &&/**/ c }); }"
    );
    // One that binds alike takes its own alone.
    assert_eq!(
        text("fn f() { let x = a && b == c; }", &[(Genre::BinaryOperator, "==", "!=")]),
        "fn f() { let x = a && (if on(1) { b != c } else { b == c }); }"
    );
}

#[test]
fn mutants_stand_in_each_other() {
    assert_eq!(
        text(
            "fn f() -> bool { !(a == b) }",
            &[(Genre::UnaryOperator, "!", ""), (Genre::BinaryOperator, "==", "!="), (Genre::FnValue, "!", "true")]
        ),
        "fn f() -> bool { if on(3) { return true; } (if on(1) { (a == b) } else { !((if on(2) { a != b } else { a == b })) }) }"
    );
}

#[test]
fn arms_and_guards() {
    assert_eq!(
        text(
            "fn f() { match a { 1 => b, 2 if k => d, _ => e } }",
            &[(Genre::MatchArm, "1", ""), (Genre::MatchArmGuard, "k", "true"), (Genre::MatchArmGuard, "k", "false")]
        ),
        "fn f() { match a { 1 if !on(1) => b, 2 if (if on(2) { true } else if on(3) { false } else { k }) => d, _ => e } }"
    );
}

#[test]
fn fields_are_those_of_the_base() {
    let fields = [(Genre::StructField, "left:", ""), (Genre::StructField, "right", "")];
    assert_eq!(
        text("fn f() { Pair { left: 1, right, ..base } }", &fields),
        "fn f() { Pair { left: (if on(1) { base.left } else { 1 }), right: if on(2) { base.right } else { right }, ..base } }"
    );
    assert_eq!(
        text("fn f() { Pair { left: 1, ..d() } }", fields.get(..1).expect("one")),
        "fn f() { Pair { left: (if on(1) { let base: Pair = d(); base.left } else { 1 }), ..d() } }"
    );
}

#[test]
fn an_iterator_of_one_type_is_followed_by_that_of_another() {
    assert_eq!(
        text("fn f() -> impl Iterator<Item = u8> { a() }", &[(Genre::FnValue, "a()", "e()")]),
        "fn f() -> impl Iterator<Item = u8> { (a()).take_while(|_| !on(1))\
         .chain((if on(1) { Some(e()) } else { None }).into_iter().flatten()) }"
    );
}

#[test]
fn a_closure_runs_and_a_constant_does_not() {
    let operator = [(Genre::BinaryOperator, "+", "-")];
    for source in ["const A: u8 = 1 + 2;", "fn f(_: [u8; 1 + 2]) {}", "const fn f() -> u8 { 1 + 2 }"] {
        let left = rewritten(source, &operator);
        assert_eq!((left.text.as_str(), left.unswitched.get(&1)), (source, Some(&Unswitched::Constant)), "{source}");
    }
    let held = rewritten("static A: L = L::new(|| 1 + 2);", &operator);
    assert!(held.unswitched.is_empty() && held.switched.contains_key(&1), "{held:?}");
}

#[test]
fn there_is_no_or_beside_let() {
    let left = rewritten("fn f() { if let A = b && c { } }", &[(Genre::BinaryOperator, "&&", "||")]);
    assert_eq!(left.unswitched.get(&1), Some(&Unswitched::LetChain));
    let held = rewritten("fn f() { if let A = b && (c && d) { } }", &[(Genre::BinaryOperator, "&& d", "||")]);
    assert!(held.unswitched.is_empty(), "{held:?}");
}

#[test]
fn what_is_not_found_is_said() {
    let left = rewritten("fn f() { a == b }", &[(Genre::UnaryOperator, "a", "")]);
    assert_eq!(left.unswitched.get(&1), Some(&Unswitched::NotFound));
}

#[test]
fn places_are_those_of_the_rewritten_text() {
    let done = rewritten("fn f() { g(a == b) }", &[(Genre::BinaryOperator, "==", "!=")]);
    let place = done.switched.get(&1).expect("it is held").clone();
    assert_eq!(done.text.get(place.alternative), Some("a != b"));
    assert_eq!(done.text.get(place.whole), Some("(if crate::mutant_switch::on(1) { a != b } else { a == b })"));
}
