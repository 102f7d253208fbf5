//! Arguments that may be written in several ways.

use core::ops::{Deref, Range};
use core::time::Duration;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PySlice, PyString};
use uptls::{BackendHost, Misuse, PolicyError, PolicyErrorKind, Problem, Problems};

use crate::errors;

/// `str`, `bytes` or `bytearray`; usable without the GIL.
pub(crate) enum Bytes {
    Bytes(PyBackedBytes),
    Text(PyBackedStr),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Bytes {
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

/// Bytes of a stream: `bytes` as they are, everything else with the buffer protocol in copied pieces, because another
/// thread may write into it as soon as the GIL is released.
pub(crate) enum Data {
    Bytes(PyBackedBytes),
    Shared(Memory),
}

impl Data {
    /// Passes the bytes on piece by piece until one is not taken whole, and gives how many were taken.
    pub(crate) fn pass(&self, py: Python<'_>, mut take: impl FnMut(&[u8]) -> PyResult<usize>) -> PyResult<usize> {
        let memory = match self {
            Self::Bytes(bytes) => return take(bytes),
            Self::Shared(memory) => memory,
        };
        let mut taken = 0;
        while taken < memory.len {
            let piece = memory.part(py, taken..(taken + PIECE).min(memory.len))?.to_vec(py)?;
            let count = take(&piece)?;
            taken += count;
            if count < piece.len() {
                break;
            }
        }
        Ok(taken)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Data {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<PyBytes>() {
            return object.extract().map(Self::Bytes).map_err(PyErr::from);
        }
        object.extract().map(Self::Shared)
    }
}

/// A contiguous buffer of any object, as bytes.
pub(crate) struct Memory {
    pub(crate) len: usize,
    view: Py<PyAny>,
}

impl Memory {
    fn part(&self, py: Python<'_>, range: Range<usize>) -> PyResult<PyBuffer<u8>> {
        let end = isize::try_from(range.end)?;
        let slice = PySlice::new(py, isize::try_from(range.start)?, end, 1);
        PyBuffer::get(&self.view.bind(py).get_item(slice)?)
    }

    /// Whether it can be written to; the exception if not.
    pub(crate) fn check_writable(&self, py: Python<'_>) -> PyResult<()> {
        match self.view.bind(py).getattr("readonly")?.extract()? {
            false => Ok(()),
            true => Err(PyTypeError::new_err("expected a writable buffer, not a read-only one")),
        }
    }

    /// Writes `bytes`, which are no more than it has, to its beginning.
    pub(crate) fn fill(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        self.part(py, 0..bytes.len())?.copy_from_slice(py, bytes)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Memory {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let Ok(view) = PyMemoryView::from(&object) else {
            let name = object.get_type().name()?;
            return Err(PyTypeError::new_err(format!("expected a bytes-like object, not {name}")));
        };
        // TypeError for one that is not contiguous.
        let view = view.call_method1("cast", ("B",))?;
        Ok(Self { len: view.len()?, view: view.unbind() })
    }
}

/// The backend host, or the exception for what is none.
pub(crate) fn backend_host(py: Python<'_>, text: &str) -> PyResult<BackendHost> {
    BackendHost::parse(text).map_err(|reason| {
        let kind = PolicyErrorKind::NameInvalid { given: text.to_owned(), reason };
        let problems = Problems::from(Problem::from(PolicyError::new("backendHost", kind)));
        errors::unusable(py, &problems, errors::now())
    })
}

/// Seconds as a duration, or the exception for what is none.
pub(crate) fn duration(py: Python<'_>, name: &str, seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let Some(seconds) = seconds else { return Ok(None) };
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(Some(duration)),
        _ => {
            let text = format!("{name} must be more than 0 seconds, or None for the policy's: it is {seconds}");
            Err(errors::misuse(py, &Misuse::new(text)))
        }
    }
}

/// How much is copied at a time.
const PIECE: usize = 64 * 1024;
