//! From tokens to syntax: arguments, attributes, items, types. No meaning yet.

pub(crate) mod args;
pub(crate) mod attributes;
pub(crate) mod items;
pub(crate) mod serde;
pub(crate) mod types;
pub(crate) mod values;
