//! Times as people and JSON write them.

pub(super) use crate::record::rfc3339;
