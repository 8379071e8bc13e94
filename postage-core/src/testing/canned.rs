use std::fmt;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::message::RemoteException;

/// What a [`Mock`](super::Mock) answers. A `Result` becomes one by itself: its value, or its error
/// as the documented one.
#[derive(Clone, Debug)]
pub struct Canned(pub(super) Answer);

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Value(Box<RawValue>),
    Error(Documented),
    Exception(RemoteException),
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
        Self(Answer::Value(raw(&value)))
    }

    /// This error, which the contract documents.
    ///
    /// # Panics
    /// When it does not serialize.
    #[must_use]
    #[track_caller]
    pub fn error(error: impl Serialize + fmt::Display) -> Self {
        Self(Answer::Error(Documented { form: raw(&error), text: error.to_string() }))
    }

    /// An exception: its name, like `KeyError`, and its text.
    #[must_use]
    pub fn exception(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self(Answer::Exception(RemoteException::new(name, text)))
    }

    /// No answer: the attempt times out.
    #[must_use]
    pub const fn silence() -> Self {
        Self(Answer::Silence)
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
