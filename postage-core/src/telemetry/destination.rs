//! Where messages go and come from, as the names and fields of spans say it.

use std::fmt;

use crate::topology::Route;

/// Names that the broker makes begin so.
const MADE_BY_THE_BROKER: &str = "amq.gen";

/// `messaging.destination.name`: the exchange, the key and the queue, what is empty or says the same
/// twice left out.
pub(super) struct Destination<'a> {
    pub(super) exchange: &'a str,
    pub(super) key: &'a str,
    pub(super) queue: &'a str,
}

impl fmt::Display for Destination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = if self.queue == self.key { "" } else { self.queue };
        let mut parts =
            [self.exchange, self.key, queue].into_iter().filter(|part| !part.is_empty());
        f.write_str(parts.next().unwrap_or("amq.default"))?;
        parts.try_for_each(|part| write!(f, ":{part}"))
    }
}

/// What a span is named by: of few different values.
pub(super) struct Place<'a>(&'a str);

impl<'a> Place<'a> {
    /// The exchange, or the queue that the default exchange goes to.
    pub(super) fn sent_to(exchange: &'a str, key: &'a str) -> Self {
        Self::queue(if exchange.is_empty() { key } else { exchange })
    }

    pub(super) fn of(route: &'a Route) -> Self {
        Self::sent_to(route.exchange(), route.key())
    }

    pub(super) fn queue(name: &'a str) -> Self {
        Self(if name.starts_with(MADE_BY_THE_BROKER) { "(temporary)" } else { name })
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A key, as a field: none where it is empty.
pub(super) fn key(key: &str) -> Option<&str> {
    Some(key).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_leaves_out_what_is_empty_and_says_nothing_twice() {
        let named = |exchange, key, queue| Destination { exchange, key, queue }.to_string();
        assert_eq!(named("orders", "desk", ""), "orders:desk");
        assert_eq!(named("orders", "desk", "order-desk"), "orders:desk:order-desk");
        assert_eq!(named("orders", "desk", "desk"), "orders:desk");
        assert_eq!(named("orders", "", "desk"), "orders:desk");
        assert_eq!(named("", "desk", "desk"), "desk");
        assert_eq!(named("orders", "", ""), "orders");
        assert_eq!(named("", "", ""), "amq.default");
    }

    #[test]
    fn a_queue_that_the_broker_named_is_temporary_in_the_name_of_a_span() {
        assert_eq!(Place::sent_to("orders", "desk.7").to_string(), "orders");
        assert_eq!(Place::sent_to("", "order-desk").to_string(), "order-desk");
        assert_eq!(Place::sent_to("", "amq.gen-Xa1").to_string(), "(temporary)");
    }
}
