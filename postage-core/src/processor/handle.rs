//! One delivery: decode, dispatch, settle. Nothing that a peer sends gets out of here as a panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::Instant;

use super::Outcome;
use super::context::deadline;
use super::dedup::{Claim, Claimed};
use super::held::Held;
use super::lasting::answers;
use super::reports::Entered;
use super::request::Request;
use super::service::Service;
use super::settle::{Failure, Verdict};
use super::sources::ServedQueue;
use super::table::{Entry, nearest};
use super::taken::{Taken, copy_id};
use super::turn::Turn;
use super::within::within;
use crate::headers;
use crate::layers;
use crate::message::{Category, Codec, CodecError, JsonCodec, shorten, shorten_to};
use crate::telemetry;
use crate::topology::FieldValue;
use crate::transport::{BoxFuture, Properties};

/// What is to be done with a message that has come to its turn.
enum Begun {
    /// It is to be read, and handled.
    Read,
    /// The dead letters have not taken it before.
    Bury(Box<Failure>),
    /// Nothing more.
    Over(Outcome),
    /// Its body is none, for this reason.
    Malformed(String),
}

/// What seldom happens is in a box of its own here, and in all that this calls: the future of each
/// message has room for the rest, and is moved about.
impl Service {
    /// Handles a message of this queue.
    pub(super) async fn handle(
        self: &Arc<Self>,
        queue: &ServedQueue,
        mut taken: Box<Taken>,
        turn: &mut Turn,
    ) {
        let (held, begun) = self.begin(queue, &mut taken);
        let verdict = match begun {
            Begun::Read => self.read(queue, &held, taken.since, turn).await,
            Begun::Over(outcome) => outcome.into(),
            Begun::Malformed(reason) => Box::pin(malformed(&held, &reason)).await.into(),
            Begun::Bury(failure) => {
                return Box::pin(self.bury_again(queue, taken, &held, *failure, turn)).await;
            }
        };
        self.settle(queue, taken, &held, verdict, turn).await;
    }

    /// Looks at a message, and opens it where it is to be read.
    fn begin(self: &Arc<Self>, queue: &ServedQueue, taken: &mut Taken) -> (Arc<Held>, Begun) {
        let (begun, codec, json) = match self.opened(queue, taken) {
            Ok((codec, json)) => (Begun::Read, codec, json),
            Err(begun) => (begun, Arc::new(JsonCodec) as _, Bytes::new()),
        };
        (Arc::new(Held::new(self, queue, taken, codec, json)), begun)
    }

    fn opened(&self, queue: &ServedQueue, taken: &Taken) -> Result<(Arc<dyn Codec>, Bytes), Begun> {
        let delivery = &taken.delivery;
        if let Some(failure) = Failure::kept(delivery, queue) {
            return Err(Begun::Bury(Box::new(failure)));
        }
        if let Some(late) = late(&delivery.properties, taken.since) {
            return Err(Begun::Over(late));
        }
        if let Some(address) = &delivery.properties.reply_to
            && !self.reply_to.allows(address)
        {
            let text = format!("the reply address `{address}` is no reply queue");
            return Err(Begun::Over(Outcome::reject(text)));
        }
        let opened = catch_unwind(AssertUnwindSafe(|| self.link.open(delivery)));
        let opened = opened.unwrap_or_else(|_| Err(CodecError::new("the codec panicked")));
        opened.map_err(|error| Begun::Malformed(error.to_string()))
    }

    async fn read(
        &self,
        queue: &ServedQueue,
        held: &Arc<Held>,
        since: Instant,
        turn: &mut Turn,
    ) -> Verdict {
        let message = match held.context.message() {
            Ok(message) => message,
            Err(error) => {
                return Box::pin(malformed(held, &error.to_string())).await.into();
            }
        };
        let mut verdict = self.once(queue, Request::new(&message, held), since, turn).await;
        if verdict.outcome == Outcome::Done
            && let Some(owed) = held.owed()
        {
            verdict.outcome = owed;
        }
        verdict
    }

    /// Dispatches a message unless one of its id was handled before: a caller is answered as then.
    async fn once(
        &self,
        queue: &ServedQueue,
        request: Request<'_>,
        since: Instant,
        turn: &mut Turn,
    ) -> Verdict {
        let context = request.context();
        let (Some(store), Some(id)) = (&self.dedup, context.message_id()) else {
            return self.dispatch(request).await;
        };
        let id = copy_id(&queue.id, id).into_boxed_str();
        let report = context.report.as_ref();
        let copy = report.map(|report| self.reports.enter(&id, report));
        let claim = {
            let mut claiming = store.claim(&id);
            match (&mut claiming).now_or_never() {
                Some(claim) => claim,
                None => Box::pin(claim_later(claiming, copy.as_ref(), turn)).await,
            }
        };
        match claim {
            Claim::New => {
                if let Some(copy) = &copy {
                    copy.works();
                }
                let claimed = Claimed::new(Arc::clone(store), id);
                if turn.is_given_up() {
                    Box::pin(turn.take()).await;
                    // It has waited for the end of another under its id.
                    if let Some(late) = late(&context.properties, since) {
                        return late.into();
                    }
                }
                self.dispatch(request).await.claimed(claimed)
            }
            Claim::Handled(answer) => match answer {
                Some(answer) => {
                    let sent = Box::pin(request.held().answer_again(answer)).await;
                    request.sent(sent).into()
                }
                None => Outcome::Done.into(),
            },
        }
    }

    async fn dispatch(&self, request: Request<'_>) -> Verdict {
        let properties = &request.context().properties;
        let (kind, name) = request.subject();
        let handlers = self.table.handlers(request.message().category(), kind, name, properties);
        if handlers.is_empty() {
            return Box::pin(self.unhandled(request)).await.into();
        }
        let mut verdict = Verdict::from(Outcome::Done);
        let sent = properties.header(headers::SIGNATURE).and_then(FieldValue::as_str);
        for handler in handlers {
            let outcome = match sent.and_then(|sent| handler.method.misfit(sent)) {
                Some(misfit) => Box::pin(self.of_another_contract(handler, request, misfit)).await,
                None => match self.counted(handler, request).await {
                    Some(outcome) => outcome,
                    // A call has one handler.
                    None => return Verdict::not_begun(),
                },
            };
            if verdict.outcome == Outcome::Done && outcome != Outcome::Done {
                verdict = Verdict::by(handler.name(), outcome);
            }
        }
        verdict
    }

    async fn of_another_contract(
        &self,
        handler: &Entry,
        request: Request<'_>,
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

    /// Runs one handler, and counts it; nothing where its caller had left before.
    async fn counted(&self, handler: &Entry, request: Request<'_>) -> Option<Outcome> {
        telemetry::begins(handler.method, request.context().route());
        let begun = Instant::now();
        let Some(outcome) = self.run(handler, request).await else {
            let handler = handler.name();
            tracing::debug!(service = &*self.name, handler, "cancelled before it began");
            return None;
        };
        // What the handler said outright counts more than how it ended.
        let outcome = request.context().outcome().and(outcome);
        let (took, raised) = (begun.elapsed(), request.held().has_raised());
        self.table.count(handler, took, outcome != Outcome::Done || raised);
        telemetry::handled(&self.name, handler.method, took, &outcome, raised);
        Some(outcome)
    }

    /// Runs one handler, until its caller has left where it may be cancelled; it does not begin where
    /// the caller had left before.
    async fn run(&self, handler: &Entry, request: Request<'_>) -> Option<Outcome> {
        let id = request.context().message_id().filter(|_| handler.method.is_cancellable());
        match id {
            Some(id) => Box::pin(self.cancellable(handler, request, id)).await,
            None => Some(self.layered(handler, request).await),
        }
    }

    async fn cancellable(
        &self,
        handler: &Entry,
        request: Request<'_>,
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

    /// Runs one handler within the layers, where there are some and it is not the application's own.
    async fn layered(&self, handler: &Entry, request: Request<'_>) -> Outcome {
        match self.layers.as_ref().filter(|_| self.own != Some(handler.processor)) {
            Some(layers) => Box::pin(self.within_layers(layers, handler, request)).await,
            None => self.bounded(handler, request).await,
        }
    }

    async fn within_layers(
        &self,
        layers: &layers::HandlerService,
        handler: &Entry,
        request: Request<'_>,
    ) -> Outcome {
        let passed = layers::handle(layers, Arc::clone(request.held()), *handler);
        match self.guarded(handler, request, "the handler with its layers", passed).await {
            Ok(Ok(outcome)) => request.after_layers(outcome).await,
            Ok(Err(failure)) => request.stopped_by(failure).await,
            Err(outcome) => outcome,
        }
    }

    /// Runs one handler by itself.
    pub(super) async fn bounded(&self, handler: &Entry, request: Request<'_>) -> Outcome {
        let context = request.context();
        context.begin();
        let dispatched = self.processors[handler.processor].dispatch(handler.index, request);
        let dispatched = context.unless_ended(dispatched);
        match self.guarded(handler, request, "the handler", dispatched).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(ending)) => Box::pin(request.ended_by(ending)).await,
            Err(outcome) => outcome,
        }
    }

    /// Does a handler's work in its time; its panic is an exception to the caller, and fails a
    /// message.
    async fn guarded<T>(
        &self,
        handler: &Entry,
        request: Request<'_>,
        who: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, Outcome> {
        let work = pin!(AssertUnwindSafe(work).catch_unwind());
        match within(self.handler_time, work).await {
            Some(Ok(done)) => Ok(done),
            Some(Err(panic)) => {
                let text = shorten_to(panic_text(&*panic), super::outcome::MOST).into_owned();
                tracing::error!(service = &*self.name, handler = handler.name(), %text, "{who} panicked");
                Err(Box::pin(request.broke_off("Panic", &text)).await)
            }
            None => {
                let text = format!("{who} took longer than {:?}", self.handler_time);
                Err(Box::pin(request.broke_off("HandlerTimeout", &text)).await)
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

/// Claims an id that another handler has, or a store elsewhere. Others need not wait for that one
/// too: the prefetch bounds how many do. Nor need the caller of a long call, once that one has
/// answered.
async fn claim_later(
    claiming: BoxFuture<'_, Claim>,
    copy: Option<&Entered<'_>>,
    turn: &mut Turn,
) -> Claim {
    turn.give_up();
    let Some(copy) = copy else { return claiming.await };
    tokio::select! {
        biased;
        claim = claiming => claim,
        answer = copy.answered_early() => Claim::Handled(Some(answer)),
    }
}

/// A body that is no message. One that asks for an answer gets an exception.
async fn malformed(held: &Held, reason: &str) -> Outcome {
    if held.context.properties.reply_to.is_some()
        && let Err(error) = held.exception(Box::new(("MalformedMessage", reason).into())).await
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
