//! The Python package uptls: convert, call, convert back. Nothing here decides anything about TLS.
//!
//! ```text
//!  str, bytes, PathLike --arguments--> guard: GIL released, panics caught --> uptls_manifest, uptls
//!                                                          Report, or an exception of uptls._errors
//! ```
#![forbid(unsafe_code)]

#[cfg(not(panic = "unwind"))]
compile_error!("panics become exceptions: build it with panic = \"unwind\"");

mod arguments;
mod buffer;
mod codes;
mod command;
mod connector;
mod conversation;
mod decoded;
mod description;
mod dial;
mod dialer;
mod errors;
mod event;
mod facts;
mod grpc;
mod guard;
mod keywords;
mod manifest_set;
mod manifest_store;
mod manifests;
mod material;
mod observations;
mod open_connections;
mod peer;
mod policy;
mod report;
mod runtime;
mod source;
mod watch;

/// The module `uptls._native`. The package `uptls` exports everything public of it.
#[pyo3::pymodule(name = "_native", gil_used = false)]
mod native {
    use pyo3::prelude::*;
    use pyo3::types::PyDict;

    #[pymodule_export]
    use crate::buffer::PyTlsBuffer;
    #[pymodule_export]
    use crate::codes::{PyCode, codes};
    #[pymodule_export]
    use crate::command::main;
    #[pymodule_export]
    use crate::connector::PyConnector;
    #[pymodule_export]
    use crate::decoded::decode_certificate;
    #[pymodule_export]
    use crate::description::{Accepts, Anchor, PyDescription, Sends, System, Trusts};
    #[pymodule_export]
    use crate::dial::PyDial;
    #[pymodule_export]
    use crate::dialer::PyDialer;
    #[pymodule_export]
    use crate::errors::text_report;
    #[pymodule_export]
    use crate::event::PyEvent;
    #[pymodule_export]
    use crate::facts::{Backend, Certificate, Policy, Problem, Step, Tls, Warning};
    #[pymodule_export]
    use crate::grpc::grpc_material;
    #[pymodule_export]
    use crate::manifest_set::PyManifestSet;
    #[pymodule_export]
    use crate::manifest_store::PyManifestStore;
    #[pymodule_export]
    use crate::material::{PyClientIdentity, PyRevocation, PySan, PyTrustBundle};
    #[pymodule_export]
    use crate::observations::PyObservations;
    #[pymodule_export]
    use crate::peer::PyPeer;
    #[pymodule_export]
    use crate::policy::{PyPolicy, verify_document};
    #[pymodule_export]
    use crate::report::PyReport;
    #[pymodule_export]
    use crate::runtime::PyRuntime;
    #[pymodule_export]
    use crate::watch::PyWatch;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        let py = module.py();
        py.import("atexit")?.call_method1("register", (wrap_pyfunction!(crate::guard::_end, py)?,))?;
        let os = py.import("os")?;
        if os.hasattr("register_at_fork")? {
            let after = PyDict::new(py);
            after.set_item("after_in_child", wrap_pyfunction!(crate::guard::_forked, py)?)?;
            os.call_method("register_at_fork", (), Some(&after))?;
        }
        #[cfg(debug_assertions)]
        module.add_function(wrap_pyfunction!(crate::guard::_panic, module)?)?;
        // pyo3's own list: what is public stands in the package.
        module.delattr("__all__")
    }
}
