//! What an item means, checked: the one description that every renderer in `expand/` reads.

pub(crate) mod bounds;
pub(crate) mod contract;
pub(crate) mod exchange;
pub(crate) mod handler;
pub(crate) mod headers;
pub(crate) mod mark;
pub(crate) mod mending;
pub(crate) mod method;
pub(crate) mod parameter;
pub(crate) mod queue;
pub(crate) mod reply_handler;
pub(crate) mod retry;
pub(crate) mod runtime;
pub(crate) mod service;
pub(crate) mod signature;
pub(crate) mod struct_handler;
pub(crate) mod table;
