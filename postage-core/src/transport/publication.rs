use bytes::Bytes;

use super::Properties;
use crate::topology::Route;

/// A message on its way to the broker.
///
/// ```
/// use postage_core::Route;
/// use postage_core::transport::{Properties, Publication};
///
/// let reply = Publication::new(Route::to_queue("replies"), Properties::default(), "40")
///     .mandatory(false)
///     .confirm(false);
/// assert_eq!(reply.body, "40");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Publication {
    /// Where it goes.
    pub route: Route,
    /// What goes beside the body. With `mandatory`, `message_id` must be set and be unique among
    /// the publications under way: a returned message is recognised by it.
    pub properties: Properties,
    /// The body, as the codec made it.
    pub body: Bytes,
    /// Whether no queue taking the message is an error.
    pub mandatory: bool,
    /// Whether to wait until the broker has taken responsibility.
    pub confirm: bool,
}

impl Publication {
    /// A mandatory, confirmed message: its properties must have a `message_id`.
    #[must_use]
    pub fn new(route: Route, properties: Properties, body: impl Into<Bytes>) -> Self {
        Self { route, properties, body: body.into(), mandatory: true, confirm: true }
    }

    /// Whether no queue taking the message is an error.
    #[must_use]
    pub fn mandatory(mut self, mandatory: bool) -> Self {
        self.mandatory = mandatory;
        self
    }

    /// Whether to wait until the broker has taken responsibility.
    #[must_use]
    pub fn confirm(mut self, confirm: bool) -> Self {
        self.confirm = confirm;
        self
    }
}
