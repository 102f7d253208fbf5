//! Pointers of C to values of Rust and back: the one place where ownership changes hands.

use core::ffi::{CStr, c_char};
use core::mem::{self, MaybeUninit};
use core::ptr::{self, NonNull};
use std::ffi::CString;
use std::io;
use std::sync::Arc;

use uptls::Misuse;

use crate::error::Failure;

/// A type that C holds pointers to, and how it is owned. C may use it in any thread.
pub(crate) trait Handle: Send + Sized + Sync {
    /// [`Owned`] or [`Shared`].
    type Ownership;
}

/// One owner: given by [`give`], ended by [`release`].
pub(crate) enum Owned {}

/// Reference-counted: given by [`share`], counted by [`retain`], ended by the last [`unshare`].
pub(crate) enum Shared {}

/// Gives `value` to C.
pub(crate) fn give<T: Handle<Ownership = Owned>>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Takes back what [`give`] gave, and drops it. NULL is fine.
///
/// # Safety
/// `handle` is NULL or came from [`give`], and was not released yet.
pub(crate) unsafe fn release<T: Handle<Ownership = Owned>>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: not NULL, so by the contract it came from Box::into_raw and is released only here.
        drop(unsafe { Box::from_raw(handle) });
    }
}

/// Gives C one reference to `value`.
pub(crate) fn share<T: Handle<Ownership = Shared>>(value: Arc<T>) -> *mut T {
    Arc::into_raw(value).cast_mut()
}

/// Gives C one more reference. NULL gives NULL.
///
/// # Safety
/// `handle` is NULL or a reference from [`share`] or [`retain`] that was not given back yet.
pub(crate) unsafe fn retain<T: Handle<Ownership = Shared>>(handle: *const T) -> *mut T {
    if !handle.is_null() {
        // SAFETY: not NULL, so by the contract it came from Arc::into_raw and its count is at least one.
        unsafe { Arc::increment_strong_count(handle) };
    }
    handle.cast_mut()
}

/// Takes one reference back. NULL is fine.
///
/// # Safety
/// `handle` is NULL or a reference from [`share`] or [`retain`] that was not given back yet.
pub(crate) unsafe fn unshare<T: Handle<Ownership = Shared>>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: not NULL, so by the contract it came from Arc::into_raw, and this reference is given back only here.
        drop(unsafe { Arc::from_raw(handle.cast_const()) });
    }
}

/// Borrows what C owns, for the length of a call.
///
/// # Errors
/// [`Misuse`] that names the argument, for NULL.
///
/// # Safety
/// `handle` is NULL or a live handle that no thread frees during the call.
pub(crate) unsafe fn borrow<'a, T: Handle>(handle: *const T, name: &str) -> Result<&'a T, Failure> {
    // SAFETY: NULL gives None; otherwise the contract says that it is live and stays so.
    unsafe { handle.as_ref() }.ok_or_else(|| null(name))
}

/// One more reference to what C has a reference to.
///
/// # Errors
/// [`Misuse`] that names the argument, for NULL.
///
/// # Safety
/// `handle` is NULL or a reference from [`share`] or [`retain`] that no thread gives back during the call.
pub(crate) unsafe fn borrow_shared<T: Handle<Ownership = Shared>>(
    handle: *const T,
    name: &str,
) -> Result<Arc<T>, Failure> {
    if handle.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL, so by the contract it came from Arc::into_raw; the count grows first, so C keeps its own.
    unsafe {
        Arc::increment_strong_count(handle);
        Ok(Arc::from_raw(handle))
    }
}

/// A place of C's for a pointer; holds NULL until it is set.
pub(crate) struct Out<T>(NonNull<*mut T>);

impl<T> Out<T> {
    /// Sets the place to NULL.
    ///
    /// # Errors
    /// [`Misuse`] that names the argument, where there is no place.
    ///
    /// # Safety
    /// `place` is NULL, or can be written to for as long as the result lives. What it holds need not be initialised.
    pub(crate) unsafe fn cleared(place: *mut *mut T, name: &str) -> Result<Self, Failure> {
        // SAFETY: the contract is the same.
        unsafe { Self::wanted(place) }.ok_or_else(|| null(name))
    }

    /// Sets the place to NULL, if there is one: for results that the caller need not want.
    ///
    /// # Safety
    /// That of [`Out::cleared`].
    pub(crate) unsafe fn wanted(place: *mut *mut T) -> Option<Self> {
        let place = NonNull::new(place)?;
        // SAFETY: not NULL, so by the contract it can be written to; nothing is read or dropped.
        unsafe { place.write(ptr::null_mut()) };
        Some(Self(place))
    }

    /// Sets the place.
    pub(crate) fn set(self, value: *mut T) {
        // SAFETY: it was not NULL, and can still be written to by the contract of the constructors.
        unsafe { self.0.write(value) };
    }
}

/// A place of C's for a number; holds 0 until it is set.
pub(crate) struct Number<T>(NonNull<T>);

impl<T: Copy + Default> Number<T> {
    /// Sets the place to 0.
    ///
    /// # Errors
    /// [`Misuse`] that names the argument, where there is no place.
    ///
    /// # Safety
    /// `place` is NULL, or can be written to for as long as the result lives. What it holds need not be initialised.
    pub(crate) unsafe fn cleared(place: *mut T, name: &str) -> Result<Self, Failure> {
        let place = NonNull::new(place).ok_or_else(|| null(name))?;
        // SAFETY: not NULL, so by the contract it can be written to; nothing is read or dropped.
        unsafe { place.write(T::default()) };
        Ok(Self(place))
    }

    /// Sets the place.
    pub(crate) fn set(self, value: T) {
        // SAFETY: it was not NULL, and can still be written to by the contract of the constructor.
        unsafe { self.0.write(value) };
    }
}

/// Room that C gave for bytes. It is written and never read: C need not have initialised it.
pub(crate) struct Room<'a>(&'a mut [MaybeUninit<u8>]);

impl Room<'_> {
    /// Whether nothing more can be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Room<'a> {
    /// All of it, set to zeros.
    pub(crate) fn zeroed(self) -> &'a mut [u8] {
        self.0.fill(MaybeUninit::new(0));
        // SAFETY: every byte was written just now.
        unsafe { self.0.assume_init_mut() }
    }
}

impl io::Write for Room<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.0.len());
        let (room, rest) = mem::take(&mut self.0).split_at_mut(count);
        room.write_copy_of_slice(bytes.split_at(count).0);
        self.0 = rest;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Borrows room for bytes: at most the first 64 KiB of it. NULL with length 0 is no room.
///
/// # Errors
/// [`Misuse`] for NULL with a length, and for a length that no object can have.
///
/// # Safety
/// `start` is NULL, or `length` bytes can be written there, and no other thread uses them during the call.
pub(crate) unsafe fn room<'a>(start: *mut u8, length: usize, name: &str) -> Result<Room<'a>, Failure> {
    check_length(start, length, name)?;
    let length = length.min(MAX_ROOM);
    if length == 0 {
        return Ok(Room(&mut []));
    }
    // SAFETY: not NULL; by the contract so many bytes can be written, and no other code uses them.
    Ok(Room(unsafe { core::slice::from_raw_parts_mut(start.cast(), length) }))
}

fn check_length(start: *const u8, length: usize, name: &str) -> Result<(), Failure> {
    if length > 0 && start.is_null() {
        return Err(null(name));
    }
    if isize::try_from(length).is_err() {
        return Err(Misuse::new(format!("the length of {name} is {length}: no object is that large")).into());
    }
    Ok(())
}

/// Borrows bytes. NULL with length 0 is an empty text, as an empty vector of C++ gives it.
///
/// # Errors
/// [`Misuse`] for NULL with a length, and for a length that no object can have.
///
/// # Safety
/// `start` is NULL, or `length` bytes can be read there during the call.
pub(crate) unsafe fn bytes<'a>(start: *const u8, length: usize, name: &str) -> Result<&'a [u8], Failure> {
    check_length(start, length, name)?;
    if length == 0 {
        return Ok(&[]);
    }
    // SAFETY: not NULL, not longer than isize::MAX, and readable by the contract.
    Ok(unsafe { core::slice::from_raw_parts(start, length) })
}

/// Borrows items of C. NULL with count 0 is none.
///
/// # Errors
/// [`Misuse`] for NULL with a count, and for a count that no object can have.
///
/// # Safety
/// `start` is NULL, or `count` items can be read there during the call.
pub(crate) unsafe fn items<'a, T>(start: *const T, count: usize, name: &str) -> Result<&'a [T], Failure> {
    check_length(start.cast(), count.saturating_mul(size_of::<T>()), name)?;
    if count == 0 {
        return Ok(&[]);
    }
    // SAFETY: not NULL, not longer than isize::MAX bytes, and readable by the contract.
    Ok(unsafe { core::slice::from_raw_parts(start, count) })
}

/// Borrows a text.
///
/// # Errors
/// [`Misuse`] for NULL and for anything that is not UTF-8.
///
/// # Safety
/// `start` is NULL, or a NUL-terminated string that no thread changes during the call.
pub(crate) unsafe fn text<'a>(start: *const c_char, name: &str) -> Result<&'a str, Failure> {
    // SAFETY: the contract is the same.
    unsafe { optional_text(start, name) }?.ok_or_else(|| null(name))
}

/// Borrows a text that may be absent: NULL.
///
/// # Errors
/// [`Misuse`] for anything that is not UTF-8.
///
/// # Safety
/// That of [`text`].
pub(crate) unsafe fn optional_text<'a>(start: *const c_char, name: &str) -> Result<Option<&'a str>, Failure> {
    if start.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so by the contract it is NUL-terminated and does not change.
    let text = unsafe { CStr::from_ptr(start) }.to_str();
    text.map(Some).map_err(|error| Misuse::new(format!("{name} must be UTF-8: {error}")).into())
}

/// A text for C. NUL, which a C string cannot hold, is written `\0`.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\\0")).unwrap_or_default()
}

/// The misuse of NULL.
pub(crate) fn null(name: &str) -> Failure {
    Misuse::new(format!("{name} must not be NULL")).into()
}

/// The most bytes that are zeroed for one call (64 KiB); no peer has more ready.
const MAX_ROOM: usize = 65_536;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_length_that_no_object_can_have_is_misuse() {
        let text = b"x";
        // SAFETY: the length is refused before anything is read.
        let result = unsafe { bytes(text.as_ptr(), usize::MAX, "text") };
        assert!(matches!(result, Err(Failure::Misuse(misuse)) if misuse.what.contains("length of text")));
    }

    #[test]
    fn null_is_empty_only_with_length_zero() {
        // SAFETY: NULL is permitted.
        assert!(matches!(unsafe { bytes(ptr::null(), 0, "text") }, Ok([])));
        // SAFETY: NULL is permitted.
        assert!(unsafe { bytes(ptr::null(), 1, "text") }.is_err());
    }

    #[test]
    fn room_is_bounded_and_needs_no_initialisation() {
        let mut place = vec![MaybeUninit::<u8>::uninit(); MAX_ROOM + 1];
        // SAFETY: the place has so many bytes.
        let room = unsafe { room(place.as_mut_ptr().cast(), place.len(), "data") };
        let Ok(mut room) = room else { panic!("there is room") };
        let bytes = vec![7; MAX_ROOM - 1];
        assert!(matches!(room.write(&bytes), Ok(count) if count == MAX_ROOM - 1));
        assert!(!room.is_empty());
        assert!(matches!(room.write(b"xyz"), Ok(1)));
        assert!(room.is_empty() && matches!(room.write(b"xyz"), Ok(0)));
        // SAFETY: so many were written just now.
        let written = unsafe { core::slice::from_raw_parts(place.as_ptr().cast::<u8>(), MAX_ROOM) };
        assert!(written.starts_with(&bytes) && written.ends_with(b"x"));
        // SAFETY: NULL is permitted.
        assert!(matches!(unsafe { super::room(ptr::null_mut(), 0, "data") }, Ok(room) if room.is_empty()));
        // SAFETY: NULL is permitted.
        assert!(unsafe { super::room(ptr::null_mut(), 1, "data") }.is_err());
    }

    #[test]
    fn a_nul_inside_a_text_is_escaped() {
        assert_eq!(c_text("a\0b").to_bytes(), b"a\\0b");
    }
}
