use std::sync::Arc;
use std::time::Duration;

use tracing::Span;
use tracing::field::Empty;

use super::destination::{Destination, Place, key};
use super::{SPANS, context, metrics, outcome, send};
use crate::contract::Method;
use crate::headers;
use crate::message::Category;
use crate::processor::Outcome;
use crate::topology::{FieldValue, Route};
use crate::transport::{Delivery, Settled, Transport};

/// A delivery at a service, counted among those in flight until this is dropped.
pub(crate) type InFlight = metrics::Delivery;

/// A delivery of this queue has come to its turn: the span of all that is done with it, as a part of
/// what its sender was about.
pub(crate) fn arrived(
    transport: &dyn Transport,
    service: &Arc<str>,
    queue: impl Fn() -> Arc<str>,
    delivery: &Delivery,
) -> (Span, InFlight) {
    let span = span(transport, service, queue, delivery);
    context::adopt(&span, &delivery.properties.headers);
    (span, metrics::Delivery::begin(service))
}

/// A handler begins with the message of the current span, which is named by it where it is a call.
pub(crate) fn begins(method: &'static Method, route: &Route) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    span.record("postage.name", method.name());
    if method.category() == Category::Rpc {
        let name = format!("{}/{}", Place::of(route), method.name());
        span.record("rpc.system.name", "postage");
        span.record("rpc.method", &*name);
        span.record("otel.name", &*name);
        context::rename(&span, name);
    }
}

/// A handler has ended with the message of the current span.
pub(crate) fn handled(
    service: &Arc<str>,
    method: &'static Method,
    took: Duration,
    ended: &Outcome,
    raised: bool,
) {
    let label = outcome::of_handler(ended, raised);
    metrics::handled(service, method, label, took);
    // Else settling it says why.
    if raised && *ended == Outcome::Done {
        send::record_error(&Span::current(), label, &"the caller was told of an exception");
    }
}

/// The delivery of the current span was settled.
pub(crate) fn settled(service: &Arc<str>, settled: &Settled) {
    let (label, reason) = outcome::of_delivery(settled);
    metrics::settled(service, label);
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    span.record("postage.outcome", label);
    if let Some(reason) = reason {
        send::record_error(&span, label, &reason);
    }
}

/// What a disabled span would not show is not asked for.
fn span(
    transport: &dyn Transport,
    service: &str,
    queue: impl Fn() -> Arc<str>,
    delivery: &Delivery,
) -> Span {
    let properties = &delivery.properties;
    let (exchange, routing_key) = (delivery.route.exchange(), delivery.route.key());
    let attempt = || properties.header(headers::ATTEMPT).and_then(FieldValue::as_int);
    tracing::info_span!(
        target: SPANS,
        "process",
        otel.name = %format_args!("process {}", Place::queue(&queue())),
        otel.kind = if properties.reply_to.is_some() { "server" } else { "consumer" },
        otel.status_code = Empty,
        otel.status_description = Empty,
        "error.type" = Empty,
        messaging.system = transport.system(),
        "messaging.operation.name" = "process",
        "messaging.operation.type" = "process",
        messaging.destination.name = %Destination { exchange, key: routing_key, queue: &queue() },
        messaging.rabbitmq.destination.routing_key = key(routing_key),
        messaging.message.id = properties.message_id.as_deref(),
        messaging.message.conversation_id = properties.correlation_id.as_deref(),
        messaging.message.body.size = delivery.body.len(),
        rpc.system.name = Empty,
        rpc.method = Empty,
        postage.service = service,
        postage.name = Empty,
        postage.attempt = attempt(),
        postage.outcome = Empty,
    )
}
