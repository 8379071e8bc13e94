//! What a program can see of its messages: spans of [`tracing`], trace context in the headers, and
//! metrics.
//!
//! # Spans
//!
//! Always there, at no cost while no subscriber wants them. All have the target [`SPANS`] and the
//! level `INFO`. A span is no event: by itself it writes no line into a log; the events within it
//! are shown with it. The filter `info,postage::spans=off` of
//! [`tracing-subscriber`](https://docs.rs/tracing-subscriber) goes without them.
//!
//! | span | what it is around | `otel.kind` | `otel.name`, as of | ends |
//! |---|---|---|---|---|
//! | `call` | a [`Call`](crate::Call), all its attempts and layers; a [`Ticket`](crate::Ticket); a call to many | `client` | `orders/place`: exchange and name | with the answer; for many, with the last one taken |
//! | `send` | a [`Publish`](crate::Publish), all its copies and layers | `producer` | `send orders`: the exchange | with the confirm |
//! | `process` | a delivery at a service, its layers, all its handlers, and settling it | `server` for a call, `consumer` for a message | `orders/place`; `process order-desk`: the queue | when it is settled |
//!
//! A span begins when its future is first polled, within the span that is current then: what is
//! spawned takes the current span along by `.in_current_span()` of
//! [`tracing::Instrument`](https://docs.rs/tracing/latest/tracing/trait.Instrument.html).
//! Where the exchange is the default one, the key stands for it in the name, a name that the broker
//! made as `(temporary)`.
//!
//! The fields are those of OpenTelemetry's
//! [conventions for messaging](https://opentelemetry.io/docs/specs/semconv/messaging/) with
//! RabbitMQ; a call is named as in those for RPC, on both sides alike, since one exchange has many
//! methods. What those leave open begins with `postage.`.
//!
//! | field | value |
//! |---|---|
//! | `messaging.system` | `rabbitmq`, `memory`: see [`Transport::system`](crate::Transport::system) |
//! | `messaging.operation.name`, `messaging.operation.type` | `call`, `send`, `process`; of type `send`, `process` |
//! | `messaging.destination.name` | `exchange:key`, at a service `exchange:key:queue`, what is empty left out |
//! | `messaging.rabbitmq.destination.routing_key` | the key, where there is one |
//! | `messaging.message.id`, `messaging.message.conversation_id` | the message id; the correlation id of a call |
//! | `messaging.message.body.size` | bytes, at a service |
//! | `messaging.batch.message_count` | how many copies a send to several routes makes |
//! | `rpc.system.name`, `rpc.method` | of a call: `postage`, `orders/place` |
//! | `postage.name` | the message's name; at a service only one that it handles |
//! | `postage.service`, `postage.attempt` | at a service: what it is called, and which attempt this is of a call |
//! | `postage.attempts` | of a call that was sent more than once: how often |
//! | `postage.outcome` | how it ended: a label of the tables below |
//! | `error.type`, `otel.status_code`, `otel.status_description` | where it failed: the outcome, `ERROR`, the text of the error. A documented error is an answer and no failure |
//!
//! # Trace context
//!
//! With the feature `opentelemetry`, each message carries the context of its span in the headers
//! `traceparent` and `tracestate`, as [W3C Trace Context](https://www.w3.org/TR/trace-context/) has
//! them, and the span `process` has the span of the sender as its parent, of this framework's or any
//! other. So one trace spans caller, broker and service. For it, the program's subscriber has the
//! layer of [`tracing-opentelemetry`](https://docs.rs/tracing-opentelemetry) 0.34, over an exporter of
//! its choice; no propagator need be set. Without such a layer, or with nothing to tell, no header is
//! added.
//!
//! - All attempts of a call, all copies of a send, and all attempts at a message that failed, its dead
//!   letter too, have one context: each queue that a message comes to is a child of the one `send`.
//!   A parent rather than a link, since each delivery is handled by itself, and so that a trace holds.
//! - Where this module's spans are switched off, what is sent carries the context of the span around
//!   it, or OpenTelemetry's own current one; what comes has no span to be the child then.
//! - A `traceparent` that the program or a layer has set itself is left, and linked to. A layer sees
//!   the headers.
//! - One that is malformed is passed over, a malformed `tracestate` by itself.
//! - Replies carry none.
//!
//! # Metrics
//!
//! With the feature `metrics`, through the facade [`metrics`](https://docs.rs/metrics), for which there
//! are exporters to Prometheus, StatsD and others. It was chosen over OpenTelemetry's own metrics since
//! it is small, stable, and asks no more of a program than a recorder. Install that before the first
//! [`Broker`](crate::Broker) is made, which describes them.
//!
//! | metric | kind, unit | labels |
//! |---|---|---|
//! | `postage_sends_total` | counter, messages | `exchange`, `outcome` |
//! | `postage_send_duration_seconds` | histogram, seconds until the confirm | `exchange` |
//! | `postage_calls_total` | counter, calls | `exchange`, `method`, `outcome` |
//! | `postage_call_duration_seconds` | histogram, seconds, all attempts | `exchange`, `method` |
//! | `postage_call_retries_total` | counter, attempts after the first | `exchange`, `method` |
//! | `postage_calls_in_flight` | gauge, calls | |
//! | `postage_handled_total` | counter, messages by handler | `service`, `handler`, `outcome` |
//! | `postage_handler_duration_seconds` | histogram, seconds with the layers | `service`, `handler` |
//! | `postage_settled_total` | counter, deliveries: retries and dead letters among them | `service`, `outcome` |
//! | `postage_deliveries_in_flight` | gauge, deliveries from the handler's place to settling | `service` |
//! | `postage_reconnects_total` | counter, connections made again | |
//!
//! `method` and `handler` are names in Rust, `method` being `untyped` for what is called by its name;
//! `service` is the processor's type or the application. So the labels are those that the program's own
//! text has; an exchange that it makes by a name of run time is one more.
//!
//! | `outcome` of | values |
//! |---|---|
//! | a send, a call | `success`, `unroutable`, `timed_out`, `disconnected`, `encode`, `no_route`, `layer`, `transport`, `dropped` when its future was |
//! | a call, besides | `documented_error`, `exception`, `rejected`, `silent`, `malformed`, `too_many_calls`, `under_way` |
//! | a handler | `done`, `exception`, `fail`, `retry`, `reject`, `drop` |
//! | a delivery | `acked`, `retried`, `dead_lettered`, `rejected`, `dropped`, `kept`, `requeued` |

mod call;
#[cfg(feature = "opentelemetry")]
mod context;
#[cfg(not(feature = "opentelemetry"))]
mod context_off;
mod destination;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
mod metrics_off;
mod outcome;
mod process;
mod send;

pub(crate) use call::CallWatch;
#[cfg(not(feature = "opentelemetry"))]
use context_off as context;
#[cfg(feature = "amqp")]
pub(crate) use metrics::reconnected;
pub(crate) use metrics::{describe, retried};
#[cfg(not(feature = "metrics"))]
use metrics_off as metrics;
pub(crate) use process::{InFlight, arrived, begins, handled, settled};
pub(crate) use send::SendWatch;

/// The target of all spans.
pub const SPANS: &str = "postage::spans";
