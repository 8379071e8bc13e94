use std::borrow::Cow;
use std::fmt;

use super::{Arguments, Exchange, FieldValue};
use crate::transport::SharedText;

/// Where a message is published: an exchange and a routing key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    pub(crate) exchange: SharedText,
    pub(crate) key: SharedText,
}

impl Route {
    /// To this exchange, by its name, under this key (at most 255 bytes each).
    #[must_use]
    pub fn new(exchange: impl Into<SharedText>, key: impl Into<SharedText>) -> Self {
        Self { exchange: exchange.into(), key: key.into() }
    }

    /// The same, to be cloned at no cost from now on.
    pub(crate) fn shared(self) -> Self {
        Self { exchange: self.exchange.shared(), key: self.key.shared() }
    }

    /// Straight to a queue, over the default exchange.
    #[must_use]
    pub fn to_queue(queue: impl Into<SharedText>) -> Self {
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

/// How many of a headers binding's headers a message must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatchHeaders {
    /// Every one of them. Those whose names begin with `x-` do not count.
    All,
    /// At least one. Those whose names begin with `x-` do not count.
    Any,
    /// Every one of them, those whose names begin with `x-` included.
    AllWithX,
    /// At least one, those whose names begin with `x-` included.
    AnyWithX,
}

impl MatchHeaders {
    /// The name on the wire: the value of the binding's argument `x-match`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
            Self::AllWithX => "all-with-x",
            Self::AnyWithX => "any-with-x",
        }
    }
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
        Self { exchange, queue: queue.into(), key: key.into(), arguments: Arguments::NONE }
    }

    /// For a headers exchange: the headers that a message must have. [`FieldValue::Void`] stands
    /// for any value.
    #[must_use]
    pub fn headers<N: Into<Cow<'static, str>>, V: Into<FieldValue>>(
        mut self,
        how_many: MatchHeaders,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.arguments.insert("x-match", how_many.as_str());
        self.arguments.extend(headers);
        self
    }

    /// One more argument of the binding, in the place of one of the same name.
    #[must_use]
    pub fn argument(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<FieldValue>,
    ) -> Self {
        self.arguments.insert(name, value);
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

    /// The arguments.
    #[must_use]
    pub const fn arguments(&self) -> &Arguments {
        &self.arguments
    }
}
