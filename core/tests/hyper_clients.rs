//! hyper_clients
