//! The headers that this framework adds to a request. A Python Postage service passes them over.

/// When the caller stops waiting for this attempt, in milliseconds since the Unix epoch.
pub(crate) const DEADLINE: &str = "postage-deadline";

/// Which attempt of its call a request is, from 1.
pub(crate) const ATTEMPT: &str = "postage-attempt";
