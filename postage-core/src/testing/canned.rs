use std::fmt;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::message::RemoteException;

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

/// A documented error: its text, and its typed form.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Documented {
    form: Box<RawValue>,
    #[serde(skip)]
    text: String,
}

impl fmt::Display for Documented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
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
    pub fn error(error: impl Serialize + fmt::Display) -> Self {
        Self::of(Answer::Error(Documented { form: raw(&error), text: error.to_string() }))
    }

    /// An exception: its name, like `KeyError`, and its text.
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

#[track_caller]
fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|error| panic!("the answer does not serialize: {error}"))
}
