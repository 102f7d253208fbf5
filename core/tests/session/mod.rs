//! The session store.

mod bounds;
mod counts;
mod publications;
mod resumption;
mod rotation;
