use serde_json::Value;

use super::Context;

/// Looks at the content of a message before its handler; changes it, or refuses the message.
///
/// It is named in the handler's attribute, as in `#[message_handler("command", "sweep", filter =
/// only_by_day)]`. Several run in the order written. The content is a copy: other handlers of the
/// same message see it unchanged.
///
/// ```
/// use postage_core::{Context, FilterError};
/// use serde_json::Value;
///
/// fn only_by_day(content: &mut Value, _: &Context) -> Result<(), FilterError> {
///     match content["parameters"]["hour"].as_u64() {
///         Some(8..20) => Ok(()),
///         _ => Err(FilterError::new("we sweep from 8 to 20")),
///     }
/// }
/// ```
pub type Filter = fn(&mut Value, &Context) -> Result<(), FilterError>;

/// A filter's refusal. A message is passed over then; a call gets the exception `FilterError`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FilterError {
    reason: String,
}

impl FilterError {
    /// Refuses for this reason, which a caller is told.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
