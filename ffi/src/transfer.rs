//! What a conn and a stream do alike for C: moving data, and keying material. Each says how it is entered, so that arguments are
//! looked at in one order.

use core::ffi::{c_char, c_void};
use std::io::Write as _;

use uptls::Misuse;

use crate::boundary;
use crate::error::{Error, Failure};
use crate::handle::{self, Number, Room};
use crate::status::{Progress, Status};

/// A place of the caller's: where it begins, how many bytes it has, and the name of the argument.
pub(crate) type Place = (*mut c_void, usize, &'static str);

/// Bytes of the caller's: where they begin, how many there are, and the name of the argument.
pub(crate) type Given = (*const c_void, usize, &'static str);

/// Has `fill` write to `place`, and says in `got` how much it wrote.
///
/// # Safety
/// `place`, `got` and `err` are NULL or can be written to, and what `enter` gives lives as long as the call.
pub(crate) unsafe fn fill<T, P: Into<Progress>>(
    enter: impl FnOnce() -> Result<T, Failure>,
    place: Place,
    got: *mut usize,
    err: *mut *mut Error,
    fill: impl FnOnce(T, &mut Room<'_>) -> Result<(P, usize), Failure>,
) -> Status {
    let body = || {
        // SAFETY: the contract is the same.
        let got = unsafe { Number::cleared(got, "got") }?;
        let entered = enter()?;
        let (start, capacity, name) = place;
        // SAFETY: the contract is the same.
        let (progress, count) = fill(entered, &mut unsafe { handle::room(start.cast(), capacity, name) }?)?;
        got.set(count);
        Ok(progress)
    };
    // SAFETY: the contract is the same.
    unsafe { boundary::call(err, body) }
}

/// Has `take` use `given`, and says in `used` how much of it was used.
///
/// # Safety
/// `given` is NULL or can be read, `used` and `err` are NULL or can be written to, and what `enter` gives lives as long as the
/// call.
pub(crate) unsafe fn take<T, P: Into<Progress>>(
    enter: impl FnOnce() -> Result<T, Failure>,
    given: Given,
    used: *mut usize,
    err: *mut *mut Error,
    take: impl FnOnce(T, &[u8]) -> Result<(P, usize), Failure>,
) -> Status {
    let body = || {
        // SAFETY: the contract is the same.
        let used = unsafe { Number::cleared(used, "used") }?;
        let entered = enter()?;
        let (start, length, name) = given;
        // SAFETY: the contract is the same.
        let (progress, count) = take(entered, unsafe { handle::bytes(start.cast(), length, name) }?)?;
        used.set(count);
        Ok(progress)
    };
    // SAFETY: the contract is the same.
    unsafe { boundary::call(err, body) }
}

/// Has `export` write keying material for `label` and `context` to `material`.
///
/// # Safety
/// `label` is NULL or NUL-terminated, `context` is NULL or can be read, `material` and `err` are NULL or can be written to, and
/// what `enter` gives lives as long as the call.
pub(crate) unsafe fn export<T>(
    enter: impl FnOnce() -> Result<T, Failure>,
    label: *const c_char,
    context: Given,
    material: Place,
    err: *mut *mut Error,
    export: impl FnOnce(T, &str, &[u8], Room<'_>) -> Result<(), Failure>,
) -> Status {
    let body = || {
        let entered = enter()?;
        // SAFETY: the contract is the same.
        let label = unsafe { handle::text(label, "label") }?;
        let (start, length, name) = context;
        // SAFETY: the contract is the same.
        let context = unsafe { handle::bytes(start.cast(), length, name) }?;
        let (start, length, name) = material;
        // SAFETY: the contract is the same.
        let material = unsafe { handle::room(start.cast(), length, name) }?;
        export(entered, label, context, material)
    };
    // SAFETY: the contract is the same.
    unsafe { boundary::call(err, body) }
}

/// Has `find` give the channel binding, and writes it to `place`.
///
/// # Safety
/// As for [`fill`].
pub(crate) unsafe fn channel_binding<T>(
    enter: impl FnOnce() -> Result<T, Failure>,
    place: Place,
    got: *mut usize,
    err: *mut *mut Error,
    find: impl FnOnce(T) -> Result<[u8; 32], Failure>,
) -> Status {
    let (_, capacity, _) = place;
    let write = |entered: T, room: &mut Room<'_>| {
        let binding = find(entered)?;
        if capacity < binding.len() {
            return Err(Misuse::new(format!("capacity must be {} or more, it is {capacity}", binding.len())).into());
        }
        Ok(((), room.write(&binding).unwrap_or_default()))
    };
    // SAFETY: the contract is the same.
    unsafe { fill(enter, place, got, err, write) }
}
