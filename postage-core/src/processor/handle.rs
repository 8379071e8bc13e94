//! One delivery: decode, dispatch, settle. Nothing that a peer sends gets out of here as a panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use super::context::deadline;
use super::dedup::{Claim, Claimed, DedupStore};
use super::held::Held;
use super::history::History;
use super::lasting::{Lasting, answers};
use super::replier::Replier;
use super::report::Report;
use super::reports::Entered;
use super::request::Request;
use super::service::Service;
use super::settle::{Failure, Verdict};
use super::sources::ServedQueue;
use super::table::{Entry, nearest};
use super::taken::{Taken, copy_id};
use super::turn::Turn;
use super::{Context, Outcome};
use crate::headers;
use crate::layers;
use crate::message::{Category, Codec, CodecError, JsonCodec, Message, shorten, shorten_to};
use crate::telemetry;
use crate::topology::FieldValue;
use crate::transport::{Delivery, Properties};

impl Service {
    /// Handles a message of this queue.
    pub(super) async fn handle(
        self: &Arc<Self>,
        queue: &ServedQueue,
        taken: Taken,
        turn: &mut Turn,
    ) {
        let Taken { delivery, since, report } = taken;
        if let Some(failure) = Failure::kept(&delivery, queue) {
            return self.bury_again(queue, delivery, failure, turn).await;
        }
        if let Some(late) = late(&delivery.properties, since) {
            return self.settle(queue, delivery, late.into(), turn).await;
        }
        if let Some(address) = &delivery.properties.reply_to
            && !self.reply_to.allows(address)
        {
            let text = format!("the reply address `{address}` is no reply queue");
            return self.settle(queue, delivery, Outcome::reject(text).into(), turn).await;
        }
        let opened = catch_unwind(AssertUnwindSafe(|| self.link.open(&delivery)));
        let opened = opened.unwrap_or_else(|_| Err(CodecError::new("the codec panicked")));
        let verdict = match opened {
            Ok((codec, body)) => {
                let replier = self.replier(codec, &delivery, report.clone());
                self.read(queue, &delivery, body, (replier, report), since, turn).await
            }
            Err(error) => {
                let json = Arc::new(JsonCodec);
                let replier = self.replier(json, &delivery, report);
                malformed(&delivery, &replier, &error.to_string()).await.into()
            }
        };
        self.settle(queue, delivery, verdict, turn).await;
    }

    /// The way back to whoever sent the delivery.
    fn replier(
        &self,
        codec: Arc<dyn Codec>,
        delivery: &Delivery,
        report: Option<Arc<Report>>,
    ) -> Replier {
        let from = self.answers_from.clone();
        let lasting = Lasting::of(&delivery.properties, &self.id);
        Replier::new(Arc::clone(&self.link), codec, &delivery.properties, lasting, from, report)
            .with_traces(self.traces)
    }

    async fn read(
        self: &Arc<Self>,
        queue: &ServedQueue,
        delivery: &Delivery,
        body: Bytes,
        (replier, report): (Replier, Option<Arc<Report>>),
        since: Instant,
        turn: &mut Turn,
    ) -> Verdict {
        let context = Context::new(
            delivery.properties.clone(),
            History::of(delivery, &queue.name()),
            delivery.redelivered,
            body.clone(),
            Arc::clone(&self.control),
            report,
        );
        let message = match Message::from_json(&body) {
            Ok(message) => message,
            Err(error) => return malformed(delivery, &replier, &error.to_string()).await.into(),
        };
        // Only layers need what outlives this function.
        let (held, lent);
        let request = if self.layers.is_some() {
            held = Arc::new(Held::new(Arc::clone(self), context, replier));
            Request::held(&message, &held)
        } else {
            lent = (context, replier);
            Request::new(&message, &lent.0, &lent.1)
        };
        let mut verdict = self.once(&queue.id, request, since, turn).await;
        if verdict.outcome == Outcome::Done
            && let Some(owed) = request.replier().owed()
        {
            verdict.outcome = owed;
        }
        verdict
    }

    /// Dispatches a message unless one of its id was handled before: a caller is answered as then.
    async fn once(
        &self,
        queue: &str,
        request: Request<'_>,
        since: Instant,
        turn: &mut Turn,
    ) -> Verdict {
        let replier = request.replier();
        let (Some(store), Some(id)) = (&self.dedup, request.context().message_id()) else {
            return self.dispatch(request).await;
        };
        let id = copy_id(queue, id);
        let report = request.context().report.as_ref();
        let copy = report.map(|report| self.reports.enter(&id, report));
        match self.claim(&**store, &id, copy.as_ref(), turn).await {
            Claim::New => {
                if let Some(copy) = &copy {
                    copy.works();
                }
                let claimed = Claimed::new(Arc::clone(store), id);
                turn.take().await;
                // It may have waited for the end of another under its id.
                if let Some(late) = late(&request.context().properties, since) {
                    return late.into();
                }
                let verdict = self.dispatch(request).await;
                verdict.claimed(claimed.answered(replier.answer()))
            }
            Claim::Handled(answer) => match answer {
                Some(answer) => request.sent(replier.answer_again(answer).await).into(),
                None => Outcome::Done.into(),
            },
        }
    }

    /// Claims an id. While another handler has it, others need not wait for that one too: the
    /// prefetch bounds how many do. Nor need the caller of a long call, once that one has answered.
    async fn claim(
        &self,
        store: &dyn DedupStore,
        id: &str,
        copy: Option<&Entered<'_>>,
        turn: &mut Turn,
    ) -> Claim {
        let mut claiming = store.claim(id);
        if let Some(claim) = (&mut claiming).now_or_never() {
            return claim;
        }
        turn.give_up();
        let Some(copy) = copy else { return claiming.await };
        tokio::select! {
            biased;
            claim = claiming => claim,
            answer = copy.answered_early() => Claim::Handled(Some(answer)),
        }
    }

    async fn dispatch(&self, request: Request<'_>) -> Verdict {
        let properties = &request.context().properties;
        let (kind, name) = request.subject();
        let handlers = self.table.handlers(request.message().category(), kind, name, properties);
        if handlers.is_empty() {
            return self.unhandled(request).await.into();
        }
        let mut verdict = Verdict::from(Outcome::Done);
        let sent = properties.header(headers::SIGNATURE).and_then(FieldValue::as_str);
        for handler in handlers {
            if let Some(misfit) = sent.and_then(|sent| handler.method.misfit(sent)) {
                tracing::warn!(
                    service = &*self.name,
                    handler = handler.name(),
                    misfit,
                    "a message of another contract"
                );
                self.table.count(*handler, Duration::ZERO, true);
                let outcome = request.incompatible(&misfit).await;
                if verdict.outcome == Outcome::Done && outcome != Outcome::Done {
                    verdict = Verdict::by(handler.name(), outcome);
                }
                continue;
            }
            telemetry::begins(handler.method, request.context().route());
            let begun = Instant::now();
            let Some(outcome) = self.run(*handler, request).await else {
                let handler = handler.name();
                tracing::debug!(service = &*self.name, handler, "cancelled before it began");
                // A call has one handler.
                return Verdict::not_begun();
            };
            // What the handler said outright counts more than how it ended.
            let outcome = request.context().outcome().and(outcome);
            let (took, raised) = (begun.elapsed(), request.has_raised());
            self.table.count(*handler, took, outcome != Outcome::Done || raised);
            telemetry::handled(&self.name, handler.method, took, &outcome, raised);
            if verdict.outcome == Outcome::Done && outcome != Outcome::Done {
                verdict = Verdict::by(handler.name(), outcome);
            }
        }
        verdict
    }

    /// Runs one handler, until its caller has left where it may be cancelled; it does not begin where
    /// the caller had left before.
    async fn run(&self, handler: Entry, request: Request<'_>) -> Option<Outcome> {
        let context = request.context();
        let id = context.message_id().filter(|_| handler.method.is_cancellable());
        let Some(id) = id else { return Some(self.layered(handler, request).await) };
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

    /// Runs one handler within the layers, where there are some and it is not the application's own.
    async fn layered(&self, handler: Entry, request: Request<'_>) -> Outcome {
        let layers = self.layers.as_ref().filter(|_| self.own != Some(handler.processor));
        let (Some(layers), Some(held)) = (layers, request.kept()) else {
            return self.bounded(handler, request).await;
        };
        let passed = layers::handle(layers, Arc::clone(held), handler);
        match self.guarded(handler, request, "the handler with its layers", passed).await {
            Ok(Ok(outcome)) => request.after_layers(outcome).await,
            Ok(Err(failure)) => request.stopped_by(failure).await,
            Err(outcome) => outcome,
        }
    }

    /// Runs one handler by itself.
    pub(super) async fn bounded(&self, handler: Entry, request: Request<'_>) -> Outcome {
        let context = request.context();
        context.begin();
        let dispatched = self.processors[handler.processor].dispatch(handler.index, request);
        let dispatched = context.unless_ended(dispatched);
        match self.guarded(handler, request, "the handler", dispatched).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(ending)) => request.ended_by(ending).await,
            Err(outcome) => outcome,
        }
    }

    /// Does a handler's work in its time; its panic is an exception to the caller, and fails a
    /// message.
    async fn guarded<T>(
        &self,
        handler: Entry,
        request: Request<'_>,
        who: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, Outcome> {
        match timeout(self.handler_time, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(panic)) => {
                let text = &shorten_to(panic_text(&*panic), super::outcome::MOST);
                tracing::error!(service = &*self.name, handler = handler.name(), %text, "{who} panicked");
                Err(request.broke_off("Panic", text).await)
            }
            Err(_) => {
                let text = format!("{who} took longer than {:?}", self.handler_time);
                Err(request.broke_off("HandlerTimeout", &text).await)
            }
        }
    }

    async fn unhandled(&self, request: Request<'_>) -> Outcome {
        let message = request.message();
        let (category, kind, name) = (message.category(), message.kind(), message.name());
        if self.table.knows(category, kind, name) {
            return request.incompatible(&self.not_of_version(request)).await;
        }
        match (category, kind, name) {
            (Category::Message, "command", "quit") if self.quit => {
                self.control.quit();
                Outcome::Done
            }
            (Category::Message, "command", "restart") if self.restart => {
                self.control.restart();
                Outcome::Done
            }
            (Category::Message, "result", _)
                if answers(&request.context().properties).is_some() =>
            {
                let (_, name) = request.subject();
                Outcome::reject(format_args!(
                    "`{}` has no reply handler for `{}`, of which this is the answer",
                    self.name,
                    shorten(name)
                ))
            }
            (Category::Message, kind, name) => {
                let (kind, name) = (&*shorten(kind), &*shorten(name));
                // A status is told to whom it may concern; a command is meant to be carried out.
                if kind == "command" {
                    tracing::warn!(service = &*self.name, name, "a command that nobody handles");
                } else {
                    tracing::debug!(
                        service = &*self.name,
                        kind,
                        name,
                        "a message that nobody handles"
                    );
                }
                Outcome::Done
            }
            (Category::Rpc, kind, name) => {
                let text = self.not_answered(kind, name);
                request.raise("UnknownCommand", &text).await;
                Outcome::Done
            }
        }
    }
}

impl Service {
    /// What is wrong with a message of a version that is not served.
    fn not_of_version(&self, request: Request<'_>) -> String {
        let message = request.message();
        let (category, kind, name) = (message.category(), message.kind(), message.name());
        let served = self.table.versions(category, kind, name);
        let versions = if served.len() > 1 { "versions" } else { "version" };
        let served = served.join(" and ");
        let verb = if category == Category::Rpc { "answers" } else { "takes" };
        let asked = headers::version(&request.context().properties).unwrap_or_default();
        format!(
            "this service {verb} {kind} `{name}` in {versions} {served}; version {} was asked for",
            shorten(&asked)
        )
    }

    /// What is wrong with a call that nobody answers.
    fn not_answered(&self, kind: &str, name: &str) -> String {
        let told = self.table.knows(Category::Message, kind, name);
        let (kind, name) = (shorten(kind), shorten(name));
        if told {
            return format!("`{}` takes {kind} `{name}` as a message, not as a call", self.name);
        }
        let commands = self.table.commands();
        let wrong = format!("`{}` does not answer {kind} `{name}`", self.name);
        if commands.is_empty() {
            return format!("{wrong}; it answers no calls");
        }
        let known = commands.join(", ");
        match nearest(&name, &commands) {
            Some(meant) => format!("{wrong}: did you mean `{meant}`? It answers: {known}"),
            None => format!("{wrong}; it answers: {known}"),
        }
    }
}

/// What becomes of a message that has waited for longer than it may, if it has: nobody waits for it
/// any more. The broker's own clock for it stopped when it was delivered. A signal knows when it must
/// be here, wherever it has waited.
fn late(properties: &Properties, since: Instant) -> Option<Outcome> {
    let expired = properties.expiration.is_some_and(|expiration| since.elapsed() >= expiration);
    let signal = properties.header(headers::SIGNAL) == Some(&FieldValue::Bool(true));
    if signal && (expired || deadline(properties).is_some_and(|end| end <= SystemTime::now())) {
        return Some(Outcome::Drop { reason: "the signal would have been late".to_owned() });
    }
    expired.then(|| Outcome::reject("its time was up before a handler was free"))
}

/// A body that is no message. One that asks for an answer gets an exception.
async fn malformed(delivery: &Delivery, replier: &Replier, reason: &str) -> Outcome {
    if delivery.properties.reply_to.is_some()
        && let Err(error) = replier.exception(Box::new(("MalformedMessage", reason).into())).await
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
