use std::borrow::Cow;
use std::fmt;

use super::{Arguments, FieldValue};

/// How an exchange chooses the queues that get a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExchangeKind {
    /// To the queues whose binding key equals the routing key.
    Direct,
    /// To the queues whose binding pattern matches the routing key: words separated by dots, `*`
    /// for one word, `#` for any number of words.
    Topic,
    /// To every bound queue.
    Fanout,
    /// To the queues whose binding arguments match the message's headers.
    Headers,
    /// A kind that a broker plugin brings, under its own name, like `x-consistent-hash`.
    Plugin(Cow<'static, str>),
}

impl ExchangeKind {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Direct => "direct",
            Self::Topic => "topic",
            Self::Fanout => "fanout",
            Self::Headers => "headers",
            Self::Plugin(name) => name,
        }
    }
}

impl fmt::Display for ExchangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The description of an exchange.
///
/// Usually written with `#[exchange]` on a struct, which makes it
/// [`DeclareExchange::ROUTE`]. The defaults are Postage's: durable, not deleted by itself, not
/// passive.
///
/// ```
/// use postage_core::{Exchange, ExchangeKind};
///
/// let orders = Exchange::new("orders", ExchangeKind::Topic).durable(false);
/// assert_eq!(orders.name(), "orders");
/// assert!(!orders.is_durable());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: ExchangeKind,
    pub(crate) passive: bool,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    pub(crate) internal: bool,
    pub(crate) alternate: Option<Cow<'static, str>>,
    pub(crate) arguments: Arguments,
}

impl Exchange {
    /// The exchange that every broker has under the empty name: it routes to the queue whose name
    /// is the routing key. It is never declared.
    pub const DEFAULT: Self = Self::declared("", ExchangeKind::Direct);

    /// An exchange of this name (at most 255 bytes) and kind.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, kind: ExchangeKind) -> Self {
        Self { name: name.into(), ..Self::declared("", kind) }
    }

    /// As [`Exchange::new`], for a constant.
    #[must_use]
    pub const fn declared(name: &'static str, kind: ExchangeKind) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind,
            passive: false,
            durable: true,
            auto_delete: false,
            internal: false,
            alternate: None,
            arguments: Arguments::NONE,
        }
    }

    /// Only check that the exchange exists; do not create it.
    #[must_use]
    pub const fn passive(mut self, passive: bool) -> Self {
        self.passive = passive;
        self
    }

    /// Whether the exchange survives a restart of the broker.
    #[must_use]
    pub const fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Whether the broker deletes the exchange after its last binding has gone.
    #[must_use]
    pub const fn auto_delete(mut self, auto_delete: bool) -> Self {
        self.auto_delete = auto_delete;
        self
    }

    /// Whether only other exchanges may publish to it.
    #[must_use]
    pub const fn internal(mut self, internal: bool) -> Self {
        self.internal = internal;
        self
    }

    /// The exchange that gets what this one cannot route.
    #[must_use]
    pub fn alternate(mut self, exchange: impl Into<Cow<'static, str>>) -> Self {
        self.alternate = Some(exchange.into());
        self
    }

    /// One more argument of the declaration, in the place of one of the same name.
    #[must_use]
    pub fn argument(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<FieldValue>,
    ) -> Self {
        self.arguments.insert(name, value);
        self
    }

    /// The name; empty for the default exchange.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it routes.
    #[must_use]
    pub const fn kind(&self) -> &ExchangeKind {
        &self.kind
    }

    /// Whether declaring it only checks that it exists.
    #[must_use]
    pub const fn is_passive(&self) -> bool {
        self.passive
    }

    /// Whether it survives a restart of the broker.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        self.durable
    }

    /// Whether it goes with its last binding.
    #[must_use]
    pub const fn is_auto_delete(&self) -> bool {
        self.auto_delete
    }

    /// Whether only other exchanges may publish to it.
    #[must_use]
    pub const fn is_internal(&self) -> bool {
        self.internal
    }

    /// The exchange that gets what this one cannot route.
    #[must_use]
    pub fn alternate_exchange(&self) -> Option<&str> {
        self.alternate.as_deref()
    }

    /// The arguments as the broker gets them, the alternate exchange among them.
    #[must_use]
    pub fn arguments(&self) -> Arguments {
        let mut arguments = self.arguments.clone();
        if let Some(name) = &self.alternate {
            arguments.insert("alternate-exchange", name.clone());
        }
        arguments
    }

    /// Whether this is the broker's own default exchange.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.name.is_empty()
    }
}

/// The truth values of an exchange, as generated code gives them.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct ExchangeFlags {
    pub passive: bool,
    pub durable: bool,
    pub auto_delete: bool,
    pub internal: bool,
}

/// An exchange as generated code makes it, in a constant.
#[doc(hidden)]
#[must_use]
pub const fn exchange(
    name: &'static str,
    kind: ExchangeKind,
    flags: ExchangeFlags,
    alternate: Option<&'static str>,
    arguments: &'static [(Cow<'static, str>, FieldValue)],
) -> Exchange {
    Exchange {
        name: Cow::Borrowed(name),
        kind,
        passive: flags.passive,
        durable: flags.durable,
        auto_delete: flags.auto_delete,
        internal: flags.internal,
        alternate: match alternate {
            Some(name) => Some(Cow::Borrowed(name)),
            None => None,
        },
        arguments: Arguments::constant(arguments),
    }
}

/// A type that stands for an exchange. `#[exchange]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an exchange",
    label = "annotate its struct with `#[exchange(name = \"…\", kind = \"…\")]`"
)]
pub trait DeclareExchange {
    /// The exchange, as it is declared and routed to.
    const ROUTE: Exchange;
}
