use std::borrow::Cow;
use std::fmt;

use super::{Arguments, Exchange, FieldValue};

/// Where a message is published: an exchange and a routing key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    pub(crate) exchange: Cow<'static, str>,
    pub(crate) key: Cow<'static, str>,
}

impl Route {
    /// To this exchange, by its name, under this key (at most 255 bytes each).
    #[must_use]
    pub fn new(exchange: impl Into<Cow<'static, str>>, key: impl Into<Cow<'static, str>>) -> Self {
        Self { exchange: exchange.into(), key: key.into() }
    }

    /// Straight to a queue, over the default exchange.
    #[must_use]
    pub fn to_queue(queue: impl Into<Cow<'static, str>>) -> Self {
        Self::new("", queue)
    }

    /// The exchange's name; empty for the default exchange.
    #[must_use]
    pub fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The routing key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.exchange {
            "" => write!(f, "queue `{}` (default exchange)", self.key),
            exchange => write!(f, "exchange `{exchange}` with key `{}`", self.key),
        }
    }
}

/// How many of a headers binding's arguments a message must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchHeaders {
    /// Every one of them.
    All,
    /// At least one.
    Any,
}

/// A queue's subscription to an exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    pub(crate) exchange: Exchange,
    pub(crate) queue: Cow<'static, str>,
    pub(crate) key: Cow<'static, str>,
    pub(crate) arguments: Arguments,
}

impl Binding {
    /// `queue` gets what `exchange` routes by `key`: the exact key for a direct exchange, a
    /// pattern for a topic, ignored by fanout and headers.
    #[must_use]
    pub fn new(
        exchange: Exchange,
        queue: impl Into<Cow<'static, str>>,
        key: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { exchange, queue: queue.into(), key: key.into(), arguments: Cow::Borrowed(&[]) }
    }

    /// For a headers exchange: the headers that a message must have.
    #[must_use]
    pub fn headers(
        mut self,
        how_many: MatchHeaders,
        headers: impl IntoIterator<Item = (&'static str, FieldValue)>,
    ) -> Self {
        let matching = match how_many {
            MatchHeaders::All => "all",
            MatchHeaders::Any => "any",
        };
        self = self.argument("x-match", matching);
        headers.into_iter().fold(self, |binding, (name, value)| binding.argument(name, value))
    }

    /// One more argument of the binding.
    #[must_use]
    pub fn argument(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<FieldValue>,
    ) -> Self {
        self.arguments.to_mut().push((name.into(), value.into()));
        self
    }

    /// The exchange bound to.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The queue's name.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// The binding key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The arguments, in the order written.
    #[must_use]
    pub fn arguments(&self) -> &[(Cow<'static, str>, FieldValue)] {
        &self.arguments
    }
}
