//! The table of codes for C: the same rows as `uptls::Code`, laid out at compile time as NUL-terminated text.

use core::ffi::{CStr, c_char};
use core::ptr;

use uptls::Code;

use crate::boundary;
use crate::status::{self, Status, UPTLS_E_USAGE};

/// How many codes there are.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_code_count() -> usize {
    Code::ALL.len()
}

/// The number of the code at `index`, in ascending order; 0 from `uptls_code_count` on.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_code_at(index: usize) -> u16 {
    boundary::value(0, || Code::ALL.get(index).map_or(0, |code| code.number()))
}

/// The name of the code with this number, `name_mismatch`; NULL for a number that does not exist. Valid for ever; not
/// to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_code_name(number: u16) -> *const c_char {
    text(number, &NAMES)
}

/// One line: what happened. NULL for a number that does not exist. Valid for ever; not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_code_meaning(number: u16) -> *const c_char {
    text(number, &MEANINGS)
}

/// One line: what to do about it. NULL for a number that does not exist. Valid for ever; not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_code_remedy(number: u16) -> *const c_char {
    text(number, &REMEDIES)
}

/// The status that calls return for this code; `UPTLS_E_USAGE` for a number that does not exist.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_code_status(number: u16) -> Status {
    boundary::value(UPTLS_E_USAGE, || {
        let code = Code::ALL.iter().find(|code| code.number() == number);
        code.map_or(UPTLS_E_USAGE, |code| status::of_code(*code))
    })
}

fn text<const WIDTH: usize>(number: u16, rows: &'static [[u8; WIDTH]; COUNT]) -> *const c_char {
    boundary::value(ptr::null(), || {
        let index = Code::ALL.iter().position(|code| code.number() == number);
        let row = index.and_then(|index| rows.get(index));
        row.and_then(|row| CStr::from_bytes_until_nul(row).ok()).map_or(ptr::null(), CStr::as_ptr)
    })
}

/// A column of the table.
#[derive(Clone, Copy)]
enum Column {
    Meaning,
    Name,
    Remedy,
}

impl Column {
    const fn of(self, code: Code) -> &'static str {
        match self {
            Self::Meaning => code.meaning(),
            Self::Name => code.as_str(),
            Self::Remedy => code.remedy(),
        }
    }

    /// The longest text and its NUL.
    const fn width(self) -> usize {
        let mut width = 0;
        let mut index = 0;
        while index < COUNT {
            let length = self.of(Code::ALL[index]).len();
            if length > width {
                width = length;
            }
            index += 1;
        }
        width + 1
    }

    const fn rows<const WIDTH: usize>(self) -> [[u8; WIDTH]; COUNT] {
        let mut rows = [[0; WIDTH]; COUNT];
        let mut index = 0;
        while index < COUNT {
            let text = self.of(Code::ALL[index]).as_bytes();
            let mut at = 0;
            while at < text.len() {
                assert!(text[at] != 0, "a text of the table holds NUL");
                rows[index][at] = text[at];
                at += 1;
            }
            index += 1;
        }
        rows
    }
}

const COUNT: usize = Code::ALL.len();
static MEANINGS: [[u8; Column::Meaning.width()]; COUNT] = Column::Meaning.rows();
static NAMES: [[u8; Column::Name.width()]; COUNT] = Column::Name.rows();
static REMEDIES: [[u8; Column::Remedy.width()]; COUNT] = Column::Remedy.rows();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_that_of_core() {
        // SAFETY: the results are static strings.
        let read = |text: *const c_char| unsafe { CStr::from_ptr(text) }.to_str();
        assert_eq!(uptls_code_count(), Code::ALL.len());
        for (index, code) in Code::ALL.iter().enumerate() {
            let number = uptls_code_at(index);
            assert_eq!(number, code.number());
            assert_eq!(read(uptls_code_name(number)), Ok(code.as_str()));
            assert_eq!(read(uptls_code_meaning(number)), Ok(code.meaning()));
            assert_eq!(read(uptls_code_remedy(number)), Ok(code.remedy()));
            assert_eq!(uptls_code_status(number), status::of_code(*code));
        }
    }

    #[test]
    fn what_does_not_exist_is_said_to_be_so() {
        assert_eq!(uptls_code_at(Code::ALL.len()), 0);
        assert_eq!(uptls_code_at(usize::MAX), 0);
        assert!(
            uptls_code_name(0).is_null() && uptls_code_meaning(199).is_null() && uptls_code_remedy(65535).is_null()
        );
        assert_eq!(uptls_code_status(0), UPTLS_E_USAGE);
    }
}
