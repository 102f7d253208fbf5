//! Arguments that may be written in two ways.

use core::ops::Deref;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyByteArray, PyBytes, PyString};

/// `str`, `bytes` or `bytearray`; usable without the GIL.
pub(crate) enum Octets {
    Bytes(PyBackedBytes),
    Text(PyBackedStr),
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Octets {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyString>() {
            return object.extract().map(Self::Text);
        }
        if object.is_instance_of::<PyBytes>() || object.is_instance_of::<PyByteArray>() {
            return object.extract().map(Self::Bytes).map_err(PyErr::from);
        }
        Err(PyTypeError::new_err(format!("expected str, bytes or bytearray, not {}", object.get_type().name()?)))
    }
}
