//! What befell a message in its queue before this delivery.

use super::sources::ServedQueue;
use crate::headers;
use crate::topology::{FieldValue, Route};
use crate::transport::Properties;

/// Headers of the broker's own, which say how a copy came about; a copy that says so again would
/// be counted or routed by them. `CC` names more keys: those queues have their copy already.
const OF_THE_BROKER: [&str; 2] = ["x-delivery-count", "CC"];

/// How often a message failed in this queue, and by which exchange and key it first came there.
#[derive(Debug)]
pub(super) struct History {
    pub(super) failures: u32,
    pub(super) route: Route,
}

impl History {
    /// Of a message that has come by this route. What failed in another queue, and came here as its
    /// dead letter, starts anew.
    pub(super) fn of(properties: &Properties, came_by: Route, queue: &ServedQueue) -> Self {
        let failed_in = text(properties, headers::QUEUE);
        if failed_in.is_none_or(|failed_in| *failed_in != *queue.name()) {
            return Self { failures: 0, route: came_by };
        }
        Self { failures: failures(properties), route: route(properties).unwrap_or(came_by) }
    }
}

/// How often handling the message failed.
pub(super) fn failures(properties: &Properties) -> u32 {
    count(properties, headers::FAILURES)
}

/// The header of this name, when it is a count; else 0.
pub(super) fn count(properties: &Properties, header: &str) -> u32 {
    let count = properties.header(header).and_then(FieldValue::as_int);
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

/// The exchange and key by which the message first came to the queue in which it failed.
pub(super) fn route(properties: &Properties) -> Option<Route> {
    let exchange = text(properties, headers::EXCHANGE)?.to_owned();
    Some(Route::new(exchange, text(properties, headers::KEY)?.to_owned()))
}

/// The header of this name, when it is a text.
pub(super) fn text<'a>(properties: &'a Properties, header: &str) -> Option<&'a str> {
    properties.header(header).and_then(FieldValue::as_str)
}

/// The properties of a copy of this message: without its time in the queue, which is over, and
/// what the broker noted.
pub(super) fn copied(properties: &Properties) -> Properties {
    let mut properties = properties.clone();
    properties.expiration = None;
    properties.headers.retain(|name, _| !OF_THE_BROKER.contains(&name));
    properties
}
