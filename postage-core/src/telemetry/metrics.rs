//! Counters and histograms through the facade `metrics`; the page of the module lists them.

use std::borrow::Cow;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use ::metrics::{Unit, counter, gauge, histogram};
use ::metrics::{describe_counter, describe_gauge, describe_histogram};

use crate::contract::Method;
use crate::producer::Outgoing;

const SENDS: &str = "postage_sends_total";
const SEND_DURATION: &str = "postage_send_duration_seconds";
const CALLS: &str = "postage_calls_total";
const CALL_DURATION: &str = "postage_call_duration_seconds";
const CALL_RETRIES: &str = "postage_call_retries_total";
const CALLS_IN_FLIGHT: &str = "postage_calls_in_flight";
const HANDLED: &str = "postage_handled_total";
const HANDLER_DURATION: &str = "postage_handler_duration_seconds";
const SETTLED: &str = "postage_settled_total";
const DELIVERIES_IN_FLIGHT: &str = "postage_deliveries_in_flight";
const RECONNECTS: &str = "postage_reconnects_total";

/// Says once what each of them is.
pub(crate) fn describe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let counters = [
            (SENDS, "Messages sent, by how it ended"),
            (CALLS, "Calls made, by how they ended"),
            (CALL_RETRIES, "Attempts of calls after the first"),
            (HANDLED, "Messages that a handler has handled, by how it ended"),
            (SETTLED, "Deliveries settled, by what became of them"),
            (RECONNECTS, "Connections to the broker made again"),
        ];
        for (name, what) in counters {
            describe_counter!(name, Unit::Count, what);
        }
        let histograms = [
            (SEND_DURATION, "How long sending took, until the broker confirmed"),
            (CALL_DURATION, "How long calls took, in all their attempts"),
            (HANDLER_DURATION, "How long handlers took, with their layers"),
        ];
        for (name, what) in histograms {
            describe_histogram!(name, Unit::Seconds, what);
        }
        describe_gauge!(CALLS_IN_FLIGHT, Unit::Count, "Calls that wait for their answer");
        describe_gauge!(DELIVERIES_IN_FLIGHT, Unit::Count, "Deliveries that are being handled");
    });
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Call {
    begun: Instant,
    exchange: Cow<'static, str>,
    method: &'static str,
}

impl Call {
    pub(super) fn begin(outgoing: &Outgoing) -> Self {
        gauge!(CALLS_IN_FLIGHT).increment(1.0);
        Self { begun: Instant::now(), exchange: outgoing.exchange(), method: method(outgoing) }
    }

    pub(super) fn ended(&self, outcome: &'static str) {
        let (exchange, method) = (self.exchange.clone(), self.method);
        counter!(CALLS, "exchange" => exchange.clone(), "method" => method, "outcome" => outcome)
            .increment(1);
        histogram!(CALL_DURATION, "exchange" => exchange, "method" => method)
            .record(self.begun.elapsed());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        gauge!(CALLS_IN_FLIGHT).decrement(1.0);
    }
}

/// A message being sent.
#[derive(Debug)]
pub(super) struct Send {
    begun: Instant,
    exchange: Cow<'static, str>,
}

impl Send {
    pub(super) fn begin(outgoing: &Outgoing) -> Self {
        Self { begun: Instant::now(), exchange: outgoing.exchange() }
    }

    pub(super) fn ended(&self, outcome: &'static str) {
        counter!(SENDS, "exchange" => self.exchange.clone(), "outcome" => outcome).increment(1);
        histogram!(SEND_DURATION, "exchange" => self.exchange.clone()).record(self.begun.elapsed());
    }
}

/// A delivery being handled.
#[derive(Debug)]
pub(crate) struct Delivery(Arc<str>);

impl Delivery {
    pub(super) fn begin(service: &Arc<str>) -> Self {
        gauge!(DELIVERIES_IN_FLIGHT, "service" => Arc::clone(service)).increment(1.0);
        Self(Arc::clone(service))
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        gauge!(DELIVERIES_IN_FLIGHT, "service" => Arc::clone(&self.0)).decrement(1.0);
    }
}

#[cfg(feature = "amqp")]
pub(crate) fn reconnected() {
    counter!(RECONNECTS).increment(1);
}

/// A call is sent again.
pub(crate) fn retried(outgoing: &Outgoing) {
    counter!(CALL_RETRIES, "exchange" => outgoing.exchange(), "method" => method(outgoing))
        .increment(1);
}

pub(super) fn handled(
    service: &Arc<str>,
    method: &'static Method,
    outcome: &'static str,
    took: Duration,
) {
    let handler = method.method();
    counter!(HANDLED, "service" => Arc::clone(service), "handler" => handler, "outcome" => outcome)
        .increment(1);
    histogram!(HANDLER_DURATION, "service" => Arc::clone(service), "handler" => handler)
        .record(took);
}

pub(super) fn settled(service: &Arc<str>, outcome: &'static str) {
    counter!(SETTLED, "service" => Arc::clone(service), "outcome" => outcome).increment(1);
}

/// A method of a contract by its name; what is called by a text is one for all, since texts can be
/// made of anything.
fn method(outgoing: &Outgoing) -> &'static str {
    outgoing.method.map_or("untyped", Method::method)
}
