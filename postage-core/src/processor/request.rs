use std::fmt::Display;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::held::Held;
use super::replier::Prepared;
use super::{
    BadParameters, Causes, Context, Filter, FilterError, IntoOutcome, Outcome, Parameters, Reply,
    parameters,
};
use crate::error::SendError;
use crate::layers::Failure;
use crate::message::{Category, INCOMPATIBLE, Message, RemoteException};

/// A message at its handler: what generated code reads the arguments from and answers to.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    message: &'a Message<'a>,
    content: &'a RawValue,
    held: &'a Arc<Held>,
}

/// A documented error's text. A trait of its own, to say why one is needed where it is missing.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the documented error `{Self}` has no text: it is not `Display`",
    label = "this error needs `Display` beside `Serialize`",
    note = "Python peers are shown it as text: implement `std::fmt::Display` for it (`thiserror` \
            derives it), or answer `String` where a text is enough"
)]
pub trait ErrorText: Display {}

#[diagnostic::do_not_recommend]
impl<E: Display> ErrorText for E {}

/// The content of a message after its filters.
#[doc(hidden)]
#[derive(Debug)]
pub struct Filtered(Box<RawValue>);

impl<'a> Request<'a> {
    pub(super) fn new(message: &'a Message<'a>, held: &'a Arc<Held>) -> Self {
        Self { message, content: message.content(), held }
    }

    pub(super) const fn held(self) -> &'a Arc<Held> {
        self.held
    }

    /// Reads the handler's arguments: from `content.parameters` of a command, from the content of
    /// any other type.
    pub fn parameters<T: Parameters<'a>>(
        &self,
        names: &'static [&'static str],
    ) -> Result<T, BadParameters> {
        match self.message.kind() {
            "command" => parameters::of_command(self.content.get(), names),
            _ => T::read(self.content.get(), names),
        }
    }

    /// The JSON that a struct handler is read from.
    pub(super) fn parameters_json(&self) -> Result<&'a str, BadParameters> {
        match self.message.kind() {
            "command" => parameters::within_command(self.content.get()),
            _ => Ok(self.content.get()),
        }
    }

    pub fn context(self) -> &'a Context {
        self.held.context()
    }

    pub const fn message(self) -> &'a Message<'a> {
        self.message
    }

    pub fn reply<T, E>(self, causes: Causes<E>) -> Reply<'a, T, E> {
        Reply::to(self.held, causes)
    }

    /// Answers a call's value.
    pub async fn answer<T: Serialize>(self, value: T) -> Outcome {
        self.reply_with(Self::value(value)).await
    }

    /// Answers a call's value or its documented error.
    pub async fn answer_result<T: Serialize, E: Serialize + ErrorText>(
        self,
        result: Result<T, E>,
    ) -> Outcome {
        self.reply_with(Self::result(result, |_| Vec::new())).await
    }

    /// The reply that a value makes. Generated code makes it before it awaits the sending, so
    /// that no future depends on the value's type, which need not be `Send` then.
    pub fn value<T: Serialize>(value: T) -> Prepared {
        Held::value(value)
    }

    /// As [`Request::value`], for a value or a documented error.
    pub fn result<T: Serialize, E: Serialize + ErrorText>(
        result: Result<T, E>,
        causes: Causes<E>,
    ) -> Prepared {
        match result {
            Ok(value) => Held::value(value),
            Err(error) => Held::documented(&error, causes),
        }
    }

    /// Answers what was prepared.
    pub async fn reply_with(self, reply: Prepared) -> Outcome {
        self.answered(self.held.reply(reply).await).await
    }

    /// What becomes of a message whose handler has ended.
    pub fn settle(self, returned: impl IntoOutcome) -> Outcome {
        returned.into_outcome()
    }

    /// What becomes of a request whose handler returns nothing: a caller is answered.
    pub async fn conclude(self, (): ()) -> Outcome {
        match self.message.category() {
            Category::Rpc => self.answer(()).await,
            Category::Message => Outcome::Done,
        }
    }

    /// What becomes of a call whose handler was to reply by itself.
    pub async fn after_reply(self) -> Outcome {
        if self.held.has_replied() {
            return Outcome::Done;
        }
        Box::pin(self.raise("NoReply", "the handler ended without a reply")).await
    }

    /// Parameters that the handler cannot take: a caller is told, and the message is rejected.
    pub async fn refuse(self, fault: BadParameters) -> Outcome {
        Box::pin(self.raise("InvalidParameters", &fault.to_string())).await
    }

    pub async fn unhandled(self) -> Outcome {
        Box::pin(self.raise("UnknownCommand", "the dispatch table and the handlers differ")).await
    }

    /// Runs the filters over a copy of the content.
    pub fn filter(self, filters: &[Filter]) -> Result<Filtered, FilterError> {
        let unreadable = |error: serde_json::Error| FilterError::new(error.to_string());
        let mut content = serde_json::from_str(self.content.get()).map_err(unreadable)?;
        for filter in filters {
            filter(&mut content, self.context())?;
        }
        serde_json::value::to_raw_value(&content).map(Filtered).map_err(unreadable)
    }

    /// What becomes of a message that a filter refused: a message is passed over, a caller told.
    pub async fn refuse_filtered(self, refused: FilterError) -> Outcome {
        match self.message.category() {
            Category::Message => {
                tracing::debug!(name = self.message.name(), %refused, "a filter refused a message");
                Outcome::Done
            }
            Category::Rpc => Box::pin(self.tell(named("FilterError", &refused.to_string()))).await,
        }
    }

    pub fn with_content<'b>(self, filtered: &'b Filtered) -> Request<'b>
    where
        'a: 'b,
    {
        Request { content: &filtered.0, ..self }
    }

    /// An answer that does not serialize is an exception to the caller.
    async fn answered(self, sent: Result<(), SendError>) -> Outcome {
        match sent {
            Err(SendError::Encode(error)) => {
                Box::pin(self.raise("InvalidResult", &error.to_string())).await
            }
            sent => self.sent(sent),
        }
    }

    /// What becomes of a request whose answer was sent, or was not. One whose answer is to last is
    /// owed it then, see [`Held::owed`].
    pub(super) fn sent(self, sent: Result<(), SendError>) -> Outcome {
        if let Err(error) = sent
            && !self.held.lasts()
        {
            tracing::warn!(%error, "a reply could not be sent");
        }
        Outcome::Done
    }

    /// Tells the caller of a call, and rejects the message.
    pub(super) async fn raise(self, name: &str, text: &str) -> Outcome {
        self.raise_this(named(name, text)).await
    }

    async fn raise_this(self, raised: Box<RemoteException>) -> Outcome {
        let outcome = Outcome::reject(&raised);
        if self.message.category() == Category::Rpc {
            self.tell(raised).await;
        }
        outcome
    }

    /// A handler that did not end: a caller is told, unless it has its answer already; a message
    /// has failed.
    pub(super) async fn broke_off(self, name: &str, text: &str) -> Outcome {
        self.broke_off_by(named(name, text)).await
    }

    /// As [`Request::broke_off`], by an exception with all that it says.
    pub(super) async fn broke_off_by(self, raised: Box<RemoteException>) -> Outcome {
        match self.message.category() {
            Category::Message => Outcome::Fail { reason: raised.to_string() },
            Category::Rpc if self.held.has_replied() => Outcome::reject(raised),
            Category::Rpc => self.raise_this(raised).await,
        }
    }

    /// What becomes of a call that its handler declined: its caller is told. A message that nobody
    /// waits for is rejected.
    pub(super) async fn declined(self, reason: &str) -> Outcome {
        if self.message.category() == Category::Message {
            return Outcome::reject(reason);
        }
        if !self.held.has_replied() {
            if let Some(report) = &self.context().report {
                report.reject(reason);
            }
            return self.sent(self.held.rejection(reason).await);
        }
        Outcome::Done
    }

    /// What becomes of a message of another contract than the service's: a caller is told, and may ask
    /// otherwise. A message that nobody waits for is rejected.
    pub(super) async fn incompatible(self, reason: &str) -> Outcome {
        match self.message.category() {
            Category::Rpc => self.sent(self.held.incompatible(reason).await),
            Category::Message => Outcome::reject(format_args!("{INCOMPATIBLE}: {reason}")),
        }
    }

    /// What the layers made of a handler's outcome. A call that they let go by is answered here.
    pub(super) async fn after_layers(self, outcome: Outcome) -> Outcome {
        if self.message.category() == Category::Rpc && !self.held.has_replied() {
            let told = named("NoReply", "the layers ended the call without a reply");
            return outcome.and(self.tell(told).await);
        }
        outcome
    }

    /// What becomes of a message that a layer stopped. A call that was shed is no dead letter: its
    /// caller knows, and nothing has begun.
    pub(super) async fn stopped_by(self, failure: Failure) -> Outcome {
        let outcome = self.broke_off_by(failure.raised).await;
        match self.message.category() {
            Category::Rpc if failure.shed => Outcome::Done,
            _ => outcome,
        }
    }

    async fn tell(self, raised: Box<RemoteException>) -> Outcome {
        self.sent(self.held.exception(raised).await)
    }
}

/// An exception of this name and text. In a box, since it goes through the futures of all handlers.
fn named(name: &str, text: &str) -> Box<RemoteException> {
    Box::new(RemoteException::new(name, text))
}
