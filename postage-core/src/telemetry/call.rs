use tracing::Span;
use tracing::field::Empty;

use super::destination::{Destination, Place, key};
use super::{SPANS, context, metrics, outcome, send};
use crate::error::{CallFault, CallOutcome};
use crate::producer::Outgoing;

/// A call, watched until it has ended.
#[derive(Debug)]
pub(crate) struct CallWatch {
    span: Span,
    counted: metrics::Call,
    /// How it has ended when this is dropped.
    dropped: Option<&'static str>,
}

impl CallWatch {
    /// Watches a call from now on; its request carries the span's context.
    pub(crate) fn begin(outgoing: &mut Outgoing) -> Self {
        let span = span(outgoing);
        context::inject(&span, &mut outgoing.properties.headers);
        outgoing.span = span.clone();
        Self { span, counted: metrics::Call::begin(outgoing), dropped: Some(outcome::DROPPED) }
    }

    pub(crate) const fn span(&self) -> &Span {
        &self.span
    }

    /// The first of many answers has come: whenever it ends now, it has succeeded.
    pub(crate) const fn answered(&mut self) {
        self.dropped = Some(outcome::SUCCESS);
    }

    pub(crate) fn ended<T, X: CallOutcome>(self, answer: &Result<T, X>) {
        let (outcome, fault) = outcome::of_call(answer);
        self.end(outcome, fault);
    }

    pub(crate) fn failed(self, fault: &CallFault) {
        self.end(outcome::of_fault(fault), Some(fault));
    }

    /// The time for the answers of many is up.
    pub(crate) fn over(self) {
        self.end(outcome::SUCCESS, None);
    }

    fn end(mut self, outcome: &'static str, fault: Option<&CallFault>) {
        self.dropped = None;
        if let Some(fault) = fault {
            send::record_error(&self.span, outcome, fault);
        }
        self.close(outcome);
    }

    fn close(&self, outcome: &'static str) {
        self.span.record("postage.outcome", outcome);
        self.counted.ended(outcome);
    }
}

impl Drop for CallWatch {
    fn drop(&mut self) {
        if let Some(outcome) = self.dropped {
            self.close(outcome);
        }
    }
}

fn span(outgoing: &Outgoing) -> Span {
    let (exchange, routing_key) = outgoing.first_target().unwrap_or_default();
    let name = outgoing.name();
    let method = || format!("{}/{name}", Place::sent_to(exchange, routing_key));
    tracing::info_span!(
        target: SPANS,
        "call",
        otel.name = method(),
        otel.kind = "client",
        otel.status_code = Empty,
        otel.status_description = Empty,
        "error.type" = Empty,
        messaging.system = outgoing.link.transport.system(),
        "messaging.operation.name" = "call",
        "messaging.operation.type" = "send",
        messaging.destination.name = %Destination { exchange, key: routing_key, queue: "" },
        messaging.rabbitmq.destination.routing_key = key(routing_key),
        messaging.message.id = Empty,
        messaging.message.conversation_id = Empty,
        rpc.system.name = "postage",
        rpc.method = method(),
        postage.name = name,
        postage.attempts = Empty,
        postage.outcome = Empty,
    )
}
