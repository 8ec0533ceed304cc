//! Tests of the log: on a simulated disk, on real files, and through its thread.

mod aside;
mod campaign;
mod damage;
mod file;
mod inode;
mod oracle;
mod simulated;
mod thread;
mod waiting;
