//! The real gateway on port 0, driven over real sockets, its records read from its real log.

mod answers;
mod contract;
mod hostile;
mod person;
mod swap;

mod harness;
