//! A message at its handlers: each runs in its time, within its layers, and harms no other.

use std::any::Any;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Outcome;
use super::guarded::{Ended, Guarded};
use super::request::Request;
use super::service::Service;
use super::settle::Verdict;
use super::table::Entry;
use crate::headers;
use crate::layers;
use crate::message::shorten_to;
use crate::telemetry;
use crate::topology::FieldValue;

impl Service {
    /// Has each of its handlers handle a message.
    pub(super) async fn dispatch<'s>(&'s self, request: &Request<'_>) -> Verdict<'s> {
        let properties = &request.context().properties;
        let (kind, name) = request.subject();
        let handlers = self.table.handlers(request.message().category(), kind, name, properties);
        if handlers.is_empty() {
            return Box::pin(self.unhandled(*request)).await.into();
        }
        let mut failed = None;
        let sent = properties.header(headers::SIGNATURE).and_then(FieldValue::as_str);
        for handler in handlers {
            let outcome = if let Some(misfit) = sent.and_then(|sent| handler.method.misfit(sent)) {
                Box::pin(self.of_another_contract(handler, request, misfit)).await
            } else {
                telemetry::begins(handler.method, request.context().route());
                let begun = Instant::now();
                let ended = if self.runs_alone(handler) {
                    Some(self.bounded(handler, request).await)
                } else {
                    Box::pin(self.run(handler, request)).await
                };
                // A call has one handler.
                let Some(outcome) = ended else { return Verdict::not_begun() };
                self.counted(handler, request, begun, outcome)
            };
            if failed.is_none() && outcome != Outcome::Done {
                failed = Some((handler.name(), outcome));
            }
        }
        failed.map_or_else(
            || Outcome::Done.into(),
            |(handler, outcome)| Verdict::by(handler, outcome),
        )
    }

    async fn of_another_contract(
        &self,
        handler: &Entry,
        request: &Request<'_>,
        misfit: String,
    ) -> Outcome {
        tracing::warn!(
            service = &*self.name,
            handler = handler.name(),
            misfit,
            "a message of another contract"
        );
        self.table.count(handler, Duration::ZERO, true);
        request.incompatible(&misfit).await
    }

    /// What a handler made of a message, which is counted.
    fn counted(
        &self,
        handler: &Entry,
        request: &Request<'_>,
        begun: Instant,
        outcome: Outcome,
    ) -> Outcome {
        // What the handler said outright counts more than how it ended.
        let outcome = request.context().outcome().and(outcome);
        let (took, raised) = (begun.elapsed(), request.held().has_raised());
        self.table.count(handler, took, outcome != Outcome::Done || raised);
        telemetry::handled(&self.name, handler.method, took, &outcome, raised);
        outcome
    }

    /// Whether no layers are around a handler, and its caller's leaving is nothing to it.
    fn runs_alone(&self, handler: &Entry) -> bool {
        !handler.method.is_cancellable() && self.layers_of(handler).is_none()
    }

    /// The layers around a handler, where there are some and it is not the application's own.
    fn layers_of(&self, handler: &Entry) -> Option<&layers::HandlerService> {
        self.layers.as_ref().filter(|_| self.own != Some(handler.processor))
    }

    /// Runs one handler, until its caller has left where it may be cancelled; it does not begin where
    /// the caller had left before.
    async fn run(&self, handler: &Entry, request: &Request<'_>) -> Option<Outcome> {
        let id = request.context().message_id().filter(|_| handler.method.is_cancellable());
        let Some(id) = id else { return Some(self.layered(handler, request).await) };
        let outcome = self.cancellable(handler, request, id).await;
        if outcome.is_none() {
            let handler = handler.name();
            tracing::debug!(service = &*self.name, handler, "cancelled before it began");
        }
        outcome
    }

    async fn cancellable(
        &self,
        handler: &Entry,
        request: &Request<'_>,
        id: &str,
    ) -> Option<Outcome> {
        let context = request.context();
        let running = self.cancels.begin(id, context)?;
        if !self.cancels.is_wanted(&self.link, &running, context.properties.expiration).await {
            return None;
        }
        let mut handled = pin!(self.layered(handler, request));
        tokio::select! {
            biased;
            outcome = &mut handled => return Some(outcome),
            () = running.left() => {}
        }
        tracing::debug!(service = &*self.name, handler = handler.name(), "cancelled");
        if context.minds_cancellation() {
            context.cancel();
            return Some(handled.await);
        }
        Some(Outcome::Done)
    }

    /// Runs one handler within its layers.
    async fn layered(&self, handler: &Entry, request: &Request<'_>) -> Outcome {
        let Some(layers) = self.layers_of(handler) else {
            return self.bounded(handler, request).await;
        };
        let passed = Box::pin(layers::handle(layers, Arc::clone(request.held()), *handler));
        match Guarded::new(passed, self.handler_time).await {
            Ended::Done(Ok(outcome)) => request.after_layers(outcome).await,
            Ended::Done(Err(failure)) => request.stopped_by(failure).await,
            other => self.broke_off(handler, *request, "the handler with its layers", other).await,
        }
    }

    /// Runs one handler by itself, in its time.
    pub(super) async fn bounded(&self, handler: &Entry, request: &Request<'_>) -> Outcome {
        request.context().begin();
        let work = self.processors[handler.processor].dispatch(handler.index, *request);
        let work = Guarded::new(work, self.handler_time).ended_in(request.context());
        match work.await {
            Ended::Done(outcome) => outcome,
            other => Box::pin(self.broke_off(handler, *request, "the handler", other)).await,
        }
    }

    /// What becomes of a message whose handler was not done. Its panic is an exception to the caller,
    /// and fails a message.
    async fn broke_off<T>(
        &self,
        handler: &Entry,
        request: Request<'_>,
        who: &str,
        ended: Ended<T>,
    ) -> Outcome {
        match ended {
            Ended::Done(_) => Outcome::Done,
            Ended::Said(ending) => request.ended_by(ending).await,
            Ended::Panicked(panic) => {
                let text = shorten_to(panic_text(&*panic), super::outcome::MOST).into_owned();
                tracing::error!(service = &*self.name, handler = handler.name(), %text, "{who} panicked");
                request.broke_off("Panic", &text).await
            }
            Ended::TimeUp => {
                let text = format!("{who} took longer than {:?}", self.handler_time);
                request.broke_off("HandlerTimeout", &text).await
            }
        }
    }
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}
