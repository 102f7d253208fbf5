//! Where a value was written: in which field of which object, and in which line.

use uptls::Origin;

use super::object::ObjectRef;

/// The field of an object that a value came from.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Provenance {
    /// The path in the object: `spec.validation.hostname`.
    pub field: String,
    /// `BackendTLSPolicy shop/pay-tls`
    pub object: ObjectRef,
    /// Its file, line and column.
    pub origin: Origin,
}

/// A value, and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kubernetes) struct Written<T> {
    /// The path in the object: `spec.tls.sni`.
    pub(in crate::kubernetes) field: String,
    pub(in crate::kubernetes) origin: Origin,
    pub(in crate::kubernetes) value: T,
}

impl<T> Written<T> {
    /// That this is a field of `object`.
    pub(in crate::kubernetes) fn place(&self, object: &ObjectRef) -> Provenance {
        Provenance { field: self.field.clone(), object: object.clone(), origin: self.origin.clone() }
    }
}
