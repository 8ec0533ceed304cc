//! Everything the contract can say, served.
