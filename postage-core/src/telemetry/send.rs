use std::fmt::Display;

use tracing::Span;
use tracing::field::{Empty, display};

use super::destination::{Destination, Place, key};
use super::{SPANS, context, metrics, outcome};
use crate::error::SendError;
use crate::producer::Outgoing;

/// A message being sent, watched until the broker has it.
#[derive(Debug)]
pub(crate) struct SendWatch {
    span: Span,
    counted: metrics::Send,
    ended: bool,
}

impl SendWatch {
    /// Watches a send from now on; the message carries the span's context.
    pub(crate) fn begin(outgoing: &mut Outgoing) -> Self {
        let span = span(outgoing);
        context::inject(&span, &mut outgoing.properties.headers);
        outgoing.span = span.clone();
        Self { span, counted: metrics::Send::begin(outgoing), ended: false }
    }

    pub(crate) const fn span(&self) -> &Span {
        &self.span
    }

    pub(crate) fn ended(mut self, sent: &Result<(), SendError>) {
        self.ended = true;
        let outcome = outcome::of_send(sent);
        if let Err(error) = sent {
            record_error(&self.span, outcome, error);
        }
        self.close(outcome);
    }

    fn close(&self, outcome: &'static str) {
        self.span.record("postage.outcome", outcome);
        self.counted.ended(outcome);
    }
}

impl Drop for SendWatch {
    fn drop(&mut self) {
        if !self.ended {
            self.close(outcome::DROPPED);
        }
    }
}

pub(super) fn record_error(span: &Span, kind: &str, error: &dyn Display) {
    span.record("error.type", kind);
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", display(error));
}

fn span(outgoing: &Outgoing) -> Span {
    let (exchange, routing_key) = outgoing.first_target().unwrap_or_default();
    tracing::info_span!(
        target: SPANS,
        "send",
        otel.name = %format_args!("send {}", Place::sent_to(exchange, routing_key)),
        otel.kind = "producer",
        otel.status_code = Empty,
        otel.status_description = Empty,
        "error.type" = Empty,
        messaging.system = outgoing.link.transport.system(),
        "messaging.operation.name" = "send",
        "messaging.operation.type" = "send",
        messaging.destination.name = %Destination { exchange, key: routing_key, queue: "" },
        messaging.rabbitmq.destination.routing_key = key(routing_key),
        messaging.message.id = Empty,
        messaging.batch.message_count = Empty,
        postage.name = key(outgoing.name()),
        postage.outcome = Empty,
    )
}
