use std::fmt;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::message::{Details, RemoteException};

/// What a [`Mock`](super::Mock) answers. A `Result` becomes one by itself: its value, or its error
/// as the documented one.
#[derive(Clone, Debug)]
pub struct Canned {
    pub(super) answer: Answer,
    /// What is told before it.
    pub(super) progress: Vec<Step>,
}

/// How far the work has come.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) completed: u64,
    pub(super) total: u64,
    pub(super) details: Box<RawValue>,
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Value(Box<RawValue>),
    Error(Documented),
    Exception(RemoteException),
    Rejected(String),
    Silence,
}

/// A documented error: its text, its typed form, and its class.
#[derive(Clone, Debug)]
pub(super) struct Documented {
    pub(super) text: String,
    pub(super) form: Box<RawValue>,
    pub(super) details: Details,
}

impl Canned {
    /// This value.
    ///
    /// # Panics
    /// When it does not serialize.
    #[must_use]
    #[track_caller]
    pub fn value(value: impl Serialize) -> Self {
        Self::of(Answer::Value(raw(&value)))
    }

    /// This error, which the contract documents.
    ///
    /// # Panics
    /// When it does not serialize.
    #[must_use]
    #[track_caller]
    pub fn error<E: Serialize + fmt::Display>(error: E) -> Self {
        let details = Details::of_error::<E>(Vec::new());
        Self::of(Answer::Error(Documented { text: error.to_string(), form: raw(&error), details }))
    }

    /// An exception: its name, like `KeyError`, and its text. A [`RemoteException`] with more to say
    /// becomes an answer by `into`.
    #[must_use]
    pub fn exception(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::of(Answer::Exception(RemoteException::new(name, text)))
    }

    /// No answer: the attempt times out.
    #[must_use]
    pub const fn silence() -> Self {
        Self::of(Answer::Silence)
    }

    /// The call is declined, as by [`Context::reject_call`](crate::Context::reject_call).
    #[must_use]
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self::of(Answer::Rejected(reason.into()))
    }

    /// The same answer, after the caller was told how far the work has come, as by
    /// [`Context::progress`](crate::Context::progress). Said several times, each is told, in this order.
    ///
    /// # Panics
    /// When the details do not serialize.
    #[must_use]
    #[track_caller]
    pub fn after_progress(mut self, completed: u64, total: u64, details: impl Serialize) -> Self {
        self.progress.push(Step { completed, total, details: raw(&details) });
        self
    }

    const fn of(answer: Answer) -> Self {
        Self { answer, progress: Vec::new() }
    }
}

impl<T: Serialize, E: Serialize + fmt::Display> From<Result<T, E>> for Canned {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::value(value),
            Err(error) => Self::error(error),
        }
    }
}

impl From<RemoteException> for Canned {
    fn from(raised: RemoteException) -> Self {
        Self::of(Answer::Exception(raised))
    }
}

#[track_caller]
fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|error| panic!("the answer does not serialize: {error}"))
}
