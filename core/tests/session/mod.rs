//! The session store.

mod bounds;
mod counts;
mod endpoints;
mod publications;
mod resumption;
mod rotation;
