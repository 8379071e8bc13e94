//! The macros of `postage-core`. Use them through that crate.
