//! Panics inside the border, for the tests: in debug builds alone, and in no header.

use crate::boundary;
use crate::builder::Builder;
use crate::conn::Conn;
use crate::error::{Error, Failure};
use crate::handle;
use crate::runtime::Runtime;
use crate::status::Status;

/// Panics while the connection is in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_debug_panic_conn(conn: *mut Conn, err: *mut *mut Error) -> Status {
    let panic = || -> Result<(), Failure> {
        // SAFETY: by the contract of the header it is NULL or live.
        let _inside = unsafe { crate::conn::enter(conn) }?;
        panic!("asked to")
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, panic) }
}

/// Panics while the builder is in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_debug_panic_builder(builder: *mut Builder, err: *mut *mut Error) -> Status {
    let panic = |_: &mut uptls::PolicyDraft| -> Result<(), Failure> { panic!("asked to") };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { crate::builder::change(builder, err, panic) }
}

/// Panics while the runtime is in use: what is shared is not poisoned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_debug_panic_runtime(runtime: *const Runtime, err: *mut *mut Error) -> Status {
    let panic = || -> Result<(), Failure> {
        // SAFETY: by the contract of the header it is NULL or live.
        let _runtime = unsafe { handle::borrow(runtime, "runtime") }?;
        panic!("asked to")
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, panic) }
}
