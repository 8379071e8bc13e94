//! What a caller and a sender can be told: one type for each.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::message::{EncodeError, Message, RemoteError, RemoteException};
use crate::topology::Route;
use crate::transport::TransportError;

/// Why a message was not sent.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The message could not be made.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The producer has no exchange and key, and the call gave none.
    #[error("there is no exchange and key to send to: give the producer some by `eks`")]
    NoRoute,
    /// No queue took it.
    #[error("no queue took the message sent to {route}")]
    Unroutable {
        /// Where it was sent.
        route: Route,
    },
    /// The broker did not confirm in time. Whether it has the message is not known.
    #[error("no confirm for the message sent to {route} within {waited:?}")]
    TimedOut {
        /// Where it was sent.
        route: Route,
        /// How long it waited.
        waited: Duration,
    },
    /// A call that had been polled was to be sent in another way. The request may have been sent;
    /// its answer is given up.
    #[error("the call was under way: say where its answer goes before it is awaited")]
    UnderWay,
    /// A layer of the producer ended it.
    #[error("a layer ended the send: {source}")]
    Layer {
        /// The layer's own error.
        source: Arc<Box<dyn Error + Send + Sync>>,
    },
    /// The connection is gone.
    #[error("the connection went away before the broker confirmed: {reason}")]
    Disconnected {
        /// What is known of the reason.
        reason: String,
    },
    /// Anything else that the broker or the connection said.
    #[error(transparent)]
    Transport(TransportError),
}

impl From<TransportError> for SendError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Unroutable { route } => Self::Unroutable { route },
            TransportError::Disconnected { reason } => Self::Disconnected { reason },
            other => Self::Transport(other),
        }
    }
}

/// Why a call has no value.
///
/// A method of a contract that returns `Result<T, E>` has [`CallError<E>`] instead, which keeps
/// the documented error `E` apart.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallFault {
    /// Nobody answered in time, in any of the attempts.
    #[error("no answer from {route} within {waited:?}, in {attempts} attempt(s){}", hint(*.uncorrelated))]
    TimedOut {
        /// Where the request was sent.
        route: Route,
        /// How often it was sent.
        attempts: u32,
        /// How long the call waited in all.
        waited: Duration,
        /// How many replies came without a correlation id meanwhile. Python Postage answers so: a
        /// contract with such a peer says `peer = "python"`.
        uncorrelated: u64,
    },
    /// No queue took the request.
    #[error("nobody serves {route}: no queue took the request")]
    Unroutable {
        /// Where it was sent.
        route: Route,
    },
    /// An answer came that is none.
    #[error("malformed reply: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// A layer of the producer ended it.
    #[error("a layer ended the call: {source}")]
    Layer {
        /// The layer's own error.
        source: Arc<Box<dyn Error + Send + Sync>>,
    },
    /// The connection is gone.
    #[error("the connection went away before the answer came: {reason}")]
    Disconnected {
        /// What is known of the reason.
        reason: String,
    },
    /// The service gave no sign of life for longer than three of the asked
    /// [`Call::heartbeat`](crate::Call::heartbeat), though it had the request.
    #[error("the service at {route} has been silent for {silent:?}, three heartbeats and more")]
    Silent {
        /// Where the request was sent.
        route: Route,
        /// How long nothing came.
        silent: Duration,
    },
    /// The handler declined the call, by
    /// [`Context::reject_call`](crate::Context::reject_call).
    #[error("the service rejected the call: {reason}")]
    Rejected {
        /// Why.
        reason: String,
    },
    /// The service serves other versions of the contract than the call asks for, or has another
    /// signature for the method. No handler was run, and nothing was decoded: see
    /// [`Contract`](crate::Contract#versions).
    #[error("the service has another contract: {reason}")]
    Incompatible {
        /// Which versions there are, or what does not fit.
        reason: String,
    },
    /// The handler raised, or the service could not take the request.
    #[error("the service raised {0}")]
    Exception(Box<RemoteException>),
    /// The service answered a documented error that the caller has no type for.
    #[error("the service answered with an error: {0}")]
    Error(Box<RemoteError>),
    /// The request could not be made.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The producer has no exchange and key, and the call gave none.
    #[error("there is no exchange and key to call: give the producer some by `eks`")]
    NoRoute,
    /// As many calls are pending as may be, and nothing was sent. How many may be is set by
    /// [`Broker::with_max_calls`](crate::Broker::with_max_calls). Calls to Python peers need a reply
    /// address each, of which there are 256; one that found none free in its time ends so too.
    #[error(
        "{limit} calls are pending, as many as may be, so nothing was sent: let some end first \
         (`Broker::with_max_calls` sets the limit, which for Python peers is 256 at most)"
    )]
    TooManyCalls {
        /// How many may be.
        limit: usize,
    },
    /// A call that had been polled was to be detached, or asked for its events or its answers. The
    /// request may have been sent; its answer is given up.
    #[error(
        "the call was under way: ask for its ticket, its events or its answers before it is awaited"
    )]
    UnderWay,
    /// There is nothing to claim by a stored ticket: its time is up, it was discarded, or it is of
    /// another broker.
    #[error(
        "the ticket of call `{id}` is worth nothing here: nobody looked at it for as long as it was \
         to be kept, it was discarded, or this is another broker than the call was sent to"
    )]
    NoTicket {
        /// The call's id.
        id: String,
    },
    /// Anything else that the broker or the connection said.
    #[error(transparent)]
    Transport(TransportError),
}

fn hint(uncorrelated: u64) -> String {
    match uncorrelated {
        0 => String::new(),
        replies => format!(
            "; meanwhile {replies} reply(ies) without a correlation id came to this connection: \
             if the service is Python Postage, call it with `peer = \"python\"`"
        ),
    }
}

impl From<TransportError> for CallFault {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Unroutable { route } => Self::Unroutable { route },
            TransportError::Disconnected { reason } => Self::Disconnected { reason },
            other => Self::Transport(other),
        }
    }
}

/// Why a call of a method that returns `Result<T, E>` has no value.
///
/// ```
/// use postage_core::{CallError, CallFault};
///
/// fn explain(error: CallError<String>) -> String {
///     match error {
///         CallError::Documented(refusal) => format!("refused: {refusal}"),
///         CallError::Fault(CallFault::Unroutable { .. }) => "nobody serves this".to_owned(),
///         CallError::Fault(fault) => fault.to_string(),
///     }
/// }
///
/// assert_eq!(explain(CallError::Documented("sold out".to_owned())), "refused: sold out");
/// ```
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError<E> {
    /// The error that the contract documents. An `E` that can be read from a text, like `String`,
    /// is also read from the text of a Python Postage service.
    #[error("{0}")]
    Documented(E),
    /// Anything else.
    #[error(transparent)]
    Fault(#[from] CallFault),
}

/// The error type of a call: [`CallFault`], or [`CallError<E>`] where an error is documented.
#[diagnostic::on_unimplemented(
    message = "a call does not fail with `{Self}`",
    label = "write `CallError<{Self}>` where the contract documents the error `{Self}`, else `CallFault`",
    note = "an `E` that the contract documents is `Deserialize`, `Send` and `'static`"
)]
pub trait CallOutcome: From<CallFault> + Send + sealed::Sealed + 'static {
    /// The outcome for an error result: its text, and the reply, which has its typed form where the
    /// service is ours.
    #[doc(hidden)]
    fn documented(message: String, reply: &Message<'_>) -> Self;

    /// What went wrong, where it is no documented error.
    #[doc(hidden)]
    fn fault(&self) -> Option<&CallFault>;
}

impl CallOutcome for CallFault {
    fn documented(message: String, reply: &Message<'_>) -> Self {
        Self::Error(Box::new(RemoteError::told(message, reply)))
    }

    fn fault(&self) -> Option<&CallFault> {
        Some(self)
    }
}

impl<E: DeserializeOwned + Send + 'static> CallOutcome for CallError<E> {
    fn documented(message: String, reply: &Message<'_>) -> Self {
        let payload = reply.error_payload();
        let typed = payload.and_then(|payload| serde_json::from_str(payload.get()).ok());
        let read = || {
            E::deserialize(serde::de::value::StringDeserializer::<serde::de::value::Error>::new(
                message.clone(),
            ))
        };
        match typed.map_or_else(|| read().ok(), Some) {
            Some(error) => Self::Documented(error),
            None => Self::Fault(CallFault::documented(message, reply)),
        }
    }

    fn fault(&self) -> Option<&CallFault> {
        match self {
            Self::Documented(_) => None,
            Self::Fault(fault) => Some(fault),
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::CallFault {}
    impl<E> Sealed for super::CallError<E> {}
}

/// Why a service could not start.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The service has no queue to consume.
    #[error(
        "`{service}` has no queue: give `#[message_processor]` a `queue` or a `bind(..)`, or bind it with `.bind(..)` when it is served"
    )]
    NoQueue {
        /// The service's type.
        service: String,
    },
    /// One queue is described in two ways.
    #[error(
        "`{service}` describes the queue `{queue}` twice, with other flags or arguments: give both the same, or bind it once more by `Serving::bind`"
    )]
    QueueTwice {
        /// The service's type.
        service: String,
        /// The queue's name.
        queue: String,
    },
    /// Two processors of one service set a setting differently.
    #[error(
        "the processors of `{service}` have another `{setting}` each: give both the same by their attributes, or serve them apart"
    )]
    SettingTwice {
        /// The service.
        service: String,
        /// The setting, as the attribute names it.
        setting: &'static str,
    },
    /// A name, host or group that cannot be part of an address.
    #[error("an application cannot have the {what} `{name}`: {why}")]
    ApplicationName {
        /// `name`, `host` or `group`.
        what: &'static str,
        /// What was given.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Two RPC handlers answer the same command of the same version.
    #[error(
        "`{service}` has two RPC handlers for {kind} `{name}`{}: only one could answer",
        of_version(*.version)
    )]
    TwoAnswers {
        /// The service's type.
        service: String,
        /// The message type.
        kind: &'static str,
        /// The command's name.
        name: &'static str,
        /// The version of their contracts, where they have one.
        version: Option<&'static str>,
    },
    /// Two reply handlers take the answers to one command: which of them an answer is for cannot be
    /// told, also where the command is of two versions or of two contracts.
    #[error(
        "`{service}` has two reply handlers for the answers to `{name}`: have the answers of each go to a queue of its own, served by a processor of its own"
    )]
    TwoReplyHandlers {
        /// The service's type.
        service: String,
        /// The command's name.
        name: &'static str,
    },
    /// The broker or the connection said no.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

fn of_version(version: Option<&str>) -> String {
    version.map(|version| format!(" of version {version}")).unwrap_or_default()
}
