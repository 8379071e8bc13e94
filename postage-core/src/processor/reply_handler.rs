//! What a `#[reply_handler]` is given of the call that it hears of.

use serde::de::DeserializeOwned;

use super::Request;
use super::lasting::answers;
use crate::contract::Contract;
use crate::error::CallOutcome;
use crate::headers;
use crate::message::{Message, STATUS, Status};
use crate::producer::{Call, Event, read_result};
use crate::topology::FieldValue;

/// The type of the messages that reply handlers take, in a dispatch table.
pub(super) const RESULT: &str = "result";

/// What a `#[reply_handler]` takes: a `Result<T, X>`, which is the end of the call, or an
/// [`Event<T, X>`](crate::Event), which is its statuses too. `X` is
/// [`CallFault`](crate::CallFault), or [`CallError<E>`](crate::CallError) where the contract documents
/// an error `E`.
#[diagnostic::on_unimplemented(
    message = "a reply handler cannot take `{Self}`",
    label = "take the end of the call, `Result<T, CallFault>` or `Result<T, CallError<E>>`, or all of \
             it, `Event<T, CallFault>` or `Event<T, CallError<E>>`",
    note = "they are those of the call: what the client's method gives"
)]
pub trait FromReply: Sized {
    /// The value of the call.
    type Value;
    /// What it can end with instead.
    type Fault;

    /// What a message says of the call; nothing where this does not take it. `data` is the caller's
    /// own, as it came back.
    #[doc(hidden)]
    fn read(message: &Message<'_>, data: Option<&str>) -> Option<Self>;
}

impl<T: DeserializeOwned, X: CallOutcome> FromReply for Result<T, X> {
    type Value = T;
    type Fault = X;

    fn read(message: &Message<'_>, _: Option<&str>) -> Option<Self> {
        (message.kind() != STATUS).then(|| read_result(message))
    }
}

impl<T: DeserializeOwned, X: CallOutcome> FromReply for Event<T, X> {
    type Value = T;
    type Fault = X;

    fn read(message: &Message<'_>, data: Option<&str>) -> Option<Self> {
        if message.kind() != STATUS {
            return Some(Self::Ended(read_result(message)));
        }
        match Status::of(message, data) {
            Ok(Status::Accepted) => Some(Self::Accepted),
            Ok(Status::Started) => Some(Self::Started),
            Ok(Status::Progress(progress)) => Some(Self::Progress(progress)),
            Ok(Status::Other) => None,
            Err(reason) => {
                tracing::debug!(%reason, "a status that cannot be read is passed over");
                None
            }
        }
    }
}

impl<'a> Request<'a> {
    /// What a reply handler is given; nothing where it does not take this.
    pub fn reply_of<R: FromReply>(self) -> Option<R> {
        let data = self.context().header(headers::DATA).and_then(FieldValue::as_str);
        R::read(self.message(), data)
    }

    /// The type and name that the message is dispatched by: an answer, and a status, by what it is
    /// for.
    pub(super) fn subject(self) -> (&'a str, &'a str) {
        let message = self.message();
        match answers(&self.context().properties) {
            Some(name) if matches!(message.kind(), RESULT | STATUS) => (RESULT, name),
            _ => (message.kind(), message.name()),
        }
    }
}

/// A generated client.
#[doc(hidden)]
pub trait Client {
    /// Its contract.
    const CONTRACT: Contract;
}

/// The name on the wire of a client's method. One that the client does not have is rustc's to report.
#[doc(hidden)]
#[must_use]
pub const fn answered_name(contract: &Contract, method: &'static str) -> &'static str {
    match contract.place(method) {
        Some(place) => contract.methods()[place].name(),
        None => method,
    }
}

/// A client's method that makes a call for these types: what a reply handler is checked against.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the reply handler does not take what this call gives",
    label = "this call gives another type than `{T}` or another fault than `{X}`"
)]
pub trait Calls<Parameters, T, X> {}

macro_rules! calls {
    ($($parameter:ident)*) => {
        impl<Own, Client, T, X, $($parameter),*> Calls<(Client, $($parameter,)*), T, X> for Own
        where
            Own: Fn(&Client, $($parameter),*) -> Call<T, X>,
        {
        }
    };
}
crate::arity::for_each_arity!(calls);

/// Compiles where a reply handler takes what the client's method gives.
#[doc(hidden)]
pub fn check_reply<R, P, M>(_: M)
where
    R: FromReply,
    M: Calls<P, R::Value, R::Fault>,
{
}
