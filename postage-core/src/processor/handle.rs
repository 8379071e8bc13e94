//! One delivery: decode, dispatch, settle. Nothing that a peer sends gets out of here as a panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::Instant;

use super::consume::Service;
use super::replier::Replier;
use super::request::Request;
use super::table::Entry;
use super::{Context, MessageProcessor, Outcome};
use crate::message::{Category, CodecError, JsonCodec, Message, shorten, shorten_to};
use crate::transport::{Delivery, Settlement};

impl<P: MessageProcessor> Service<P> {
    /// Handles a delivery that has been here since then.
    pub(super) async fn handle(&self, delivery: Delivery, since: Instant) {
        if has_expired(&delivery, since) {
            let reason = "its time was up before a handler was free".to_owned();
            return self.settle(delivery, Outcome::Reject { reason }).await;
        }
        let opened = catch_unwind(AssertUnwindSafe(|| self.link.open(&delivery)));
        let opened = opened.unwrap_or_else(|_| Err(CodecError::new("the codec panicked")));
        let outcome = match opened {
            Ok((codec, body)) => {
                let replier = Replier::new(Arc::clone(&self.link), codec, &delivery.properties);
                self.read(&delivery, body, &replier).await
            }
            Err(error) => {
                let json = Arc::new(JsonCodec);
                let replier = Replier::new(Arc::clone(&self.link), json, &delivery.properties);
                malformed(&delivery, &replier, &error.to_string()).await
            }
        };
        self.settle(delivery, outcome).await;
    }

    async fn read(&self, delivery: &Delivery, body: Bytes, replier: &Replier) -> Outcome {
        let context = Context::new(
            delivery.properties.clone(),
            delivery.route.clone(),
            delivery.redelivered,
            body.clone(),
            Arc::clone(&self.control),
        );
        match Message::from_json(&body) {
            Ok(message) => self.dispatch(Request::new(&message, &context, replier)).await,
            Err(error) => malformed(delivery, replier, &error.to_string()).await,
        }
    }

    async fn dispatch(&self, request: Request<'_>) -> Outcome {
        let message = request.message();
        let handlers = self.table.handlers(message.category(), message.kind(), message.name());
        if handlers.is_empty() {
            return self.unhandled(request).await;
        }
        let mut outcome = Outcome::Done;
        for handler in handlers {
            outcome = outcome.and(self.run(*handler, request).await);
        }
        outcome.and(request.context().outcome())
    }

    /// Runs one handler; its panic is an exception to the caller, and rejects the message.
    async fn run(&self, handler: Entry, request: Request<'_>) -> Outcome {
        let dispatched = self.processor.dispatch(handler.index, request);
        match AssertUnwindSafe(dispatched).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => {
                let text = &shorten_to(panic_text(&*panic), super::outcome::MOST);
                tracing::error!(service = P::NAME, handler = handler.method, %text, "a handler panicked");
                request.panicked(text).await
            }
        }
    }

    async fn unhandled(&self, request: Request<'_>) -> Outcome {
        let message = request.message();
        match (message.category(), message.kind(), message.name()) {
            (Category::Message, "command", "quit") if self.quit => {
                self.control.quit();
                Outcome::Done
            }
            (Category::Message, "command", "restart") if self.restart => {
                self.control.restart();
                Outcome::Done
            }
            (Category::Message, kind, name) => {
                let (kind, name) = (&*shorten(kind), &*shorten(name));
                tracing::debug!(service = P::NAME, kind, name, "a message that nobody handles");
                Outcome::Done
            }
            (Category::Rpc, kind, name) => {
                let known = self.table.commands().join(", ");
                let (kind, name) = (shorten(kind), shorten(name));
                let text =
                    format!("`{}` does not answer {kind} `{name}`; it answers: {known}", P::NAME);
                request.raise("UnknownCommand", &text).await;
                Outcome::Done
            }
        }
    }

    async fn settle(&self, delivery: Delivery, outcome: Outcome) {
        let settlement = match outcome {
            Outcome::Done => Settlement::Ack,
            Outcome::Reject { reason } => {
                tracing::warn!(
                    service = P::NAME,
                    route = %delivery.route,
                    message_id = delivery.properties.message_id.as_deref(),
                    reason,
                    "a message was rejected"
                );
                Settlement::Reject
            }
        };
        if let Err(error) = delivery.settle(settlement).await {
            tracing::warn!(service = P::NAME, %error, "a message was handled and not settled");
        }
    }
}

/// Whether a message has waited here for longer than it may wait in its queue: nobody waits for it
/// any more. The broker's own clock for it stopped when it was delivered.
fn has_expired(delivery: &Delivery, since: Instant) -> bool {
    delivery.properties.expiration.is_some_and(|expiration| since.elapsed() >= expiration)
}

/// A body that is no message. One that asks for an answer gets an exception.
async fn malformed(delivery: &Delivery, replier: &Replier, reason: &str) -> Outcome {
    if delivery.properties.reply_to.is_some()
        && let Err(error) = replier.exception("MalformedMessage", reason).await
    {
        tracing::warn!(%error, "an exception could not be sent to the caller");
    }
    Outcome::reject(format_args!("MalformedMessage: {reason}"))
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}
