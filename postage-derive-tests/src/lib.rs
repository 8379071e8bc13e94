//! Nothing by itself: the tests beside it are what this package is for.

/// Every Rust block of the README is a test of this package.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
