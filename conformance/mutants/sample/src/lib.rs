//! Code with mutants whose fate is known: `make mutants` believes its own answers only after it found these.
//!
//! The name of a function says what becomes of its mutants (`SAMPLE` in `.ci/mutants.py`).
#![allow(missing_docs, clippy::exhaustive_structs, reason = "its tests alone call it")]

/// A constant has no switch.
pub const SEVEN: u32 = 3 + 4;

pub fn dies(a: u32, b: u32) -> bool {
    a > 3 && b != 2
}

/// `*` binds tighter than what stands before it.
pub fn dies_by_precedence(a: u32, b: u32, c: u32) -> u32 {
    a + b + c
}

pub fn dies_by_arm(a: u32, b: u32) -> u32 {
    match a {
        0 => 10,
        1 if b == SEVEN => 11,
        _ => 12,
    }
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Pair {
    pub left: u32,
    pub right: u32,
}

pub fn dies_by_field(base: Pair, left: u32) -> Pair {
    Pair { left, ..base }
}

pub fn dies_by_iterator(up_to: u32) -> impl Iterator<Item = u32> {
    (0..up_to).filter(|number| !number.is_multiple_of(2))
}

pub fn dies_by_hanging(mut a: u32) -> u32 {
    let mut steps = 0;
    while a > 0 {
        a -= 1;
        steps += 1;
    }
    steps
}

/// Nothing looks at the answer.
pub fn survives(a: u32) -> bool {
    a < 3
}

/// No test calls it.
pub fn is_never_reached(a: u32) -> bool {
    !a.is_multiple_of(3)
}

/// There is no `Default` for what it returns, and no `||` beside `let`.
pub fn does_not_compile(a: Option<u32>) -> Opaque {
    if let Some(a) = a
        && a.is_multiple_of(3)
    {
        Opaque(true)
    } else {
        Opaque(false)
    }
}

#[derive(Debug, Eq, PartialEq)]
pub struct Opaque(bool);

#[cfg(test)]
mod tests {
    use super::{
        Opaque, Pair, dies, dies_by_arm, dies_by_field, dies_by_hanging, dies_by_iterator, dies_by_precedence,
        does_not_compile, survives,
    };

    #[test]
    fn conjunction() {
        assert!(dies(4, 1));
        assert!(!dies(4, 2));
        assert!(!dies(3, 1));
        assert!(!dies(2, 1));
    }

    #[test]
    fn sum() {
        assert_eq!(dies_by_precedence(2, 3, 4), 9);
    }

    #[test]
    fn arms() {
        assert_eq!([0, 1, 2].map(|a| dies_by_arm(a, 7)), [10, 11, 12]);
        assert_eq!(dies_by_arm(1, 8), 12);
    }

    #[test]
    fn fields() {
        assert_eq!(dies_by_field(Pair { left: 1, right: 2 }, 3), Pair { left: 3, right: 2 });
    }

    #[test]
    fn odd_numbers() {
        assert_eq!(dies_by_iterator(6).collect::<Vec<_>>(), [1, 3, 5]);
    }

    #[test]
    fn steps() {
        assert_eq!(dies_by_hanging(5), 5);
    }

    #[test]
    fn nothing() {
        let _nobody_looks = survives(2);
    }

    #[test]
    fn opaque() {
        assert_eq!(does_not_compile(Some(3)), Opaque(true));
        assert_eq!(does_not_compile(Some(4)), Opaque(false));
        assert_eq!(does_not_compile(None), Opaque(false));
    }
}
