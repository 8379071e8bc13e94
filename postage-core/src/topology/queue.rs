use std::borrow::Cow;
use std::time::Duration;

use super::{Arguments, FieldValue};

/// How the broker keeps a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueKind {
    /// On one node: RabbitMQ's classic queue.
    #[default]
    Classic,
    /// Replicated by consensus: RabbitMQ's quorum queue. Always durable, never exclusive.
    Quorum,
}

/// What a full queue does with the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Drops (or dead-letters) the oldest one.
    DropHead,
    /// Refuses the new one: its publisher gets a negative confirm.
    RejectPublish,
    /// As `RejectPublish`, and dead-letters the new one. Classic queues only.
    RejectPublishDeadLetter,
}

/// The description of a queue: durable unless said otherwise.
///
/// ```
/// use std::time::Duration;
/// use postage_core::{Queue, QueueKind};
///
/// let desk = Queue::new("order-desk")
///     .kind(QueueKind::Quorum)
///     .message_ttl(Duration::from_secs(3600))
///     .dead_letter("dead-orders");
/// assert_eq!(desk.name(), "order-desk");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    pub(crate) name: Cow<'static, str>,
    pub(crate) passive: bool,
    pub(crate) durable: bool,
    pub(crate) exclusive: bool,
    pub(crate) auto_delete: bool,
    pub(crate) kind: Option<QueueKind>,
    pub(crate) message_ttl: Option<Duration>,
    pub(crate) expires: Option<Duration>,
    pub(crate) max_length: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) overflow: Option<Overflow>,
    pub(crate) dead_letter_exchange: Option<Cow<'static, str>>,
    pub(crate) dead_letter_key: Option<Cow<'static, str>>,
    pub(crate) arguments: Arguments,
}

impl Queue {
    /// A durable queue of this name (at most 255 bytes).
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            kind: None,
            message_ttl: None,
            expires: None,
            max_length: None,
            max_bytes: None,
            overflow: None,
            dead_letter_exchange: None,
            dead_letter_key: None,
            arguments: Arguments::NONE,
        }
    }

    /// A queue that the broker names, that belongs to this connection and goes with it.
    #[must_use]
    pub fn server_named() -> Self {
        Self::new("").durable(false).exclusive(true).auto_delete(true)
    }

    /// Only check that the queue exists; do not create it.
    #[must_use]
    pub fn passive(mut self, passive: bool) -> Self {
        self.passive = passive;
        self
    }

    /// Whether the queue survives a restart of the broker.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Whether only this connection may use the queue, which goes with it.
    #[must_use]
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Whether the broker deletes the queue after its last consumer has gone.
    #[must_use]
    pub fn auto_delete(mut self, auto_delete: bool) -> Self {
        self.auto_delete = auto_delete;
        self
    }

    /// Classic or quorum. Unset, the broker's own default holds.
    #[must_use]
    pub fn kind(mut self, kind: QueueKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// How long a message may wait in the queue. Whole milliseconds on the wire, rounded up.
    #[must_use]
    pub fn message_ttl(mut self, ttl: Duration) -> Self {
        self.message_ttl = Some(ttl);
        self
    }

    /// How long the queue may stay unused before the broker deletes it. Whole milliseconds on the
    /// wire, rounded up.
    #[must_use]
    pub fn expires(mut self, after: Duration) -> Self {
        self.expires = Some(after);
        self
    }

    /// How many ready messages the queue may hold.
    #[must_use]
    pub fn max_length(mut self, messages: u64) -> Self {
        self.max_length = Some(messages);
        self
    }

    /// How many bytes of ready bodies the queue may hold.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// What a full queue does with the next message.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = Some(overflow);
        self
    }

    /// The exchange that gets what was rejected, expired, or pushed out.
    #[must_use]
    pub fn dead_letter(mut self, exchange: impl Into<Cow<'static, str>>) -> Self {
        self.dead_letter_exchange = Some(exchange.into());
        self
    }

    /// The key under which dead letters travel; their own one when unset.
    #[must_use]
    pub fn dead_letter_key(mut self, key: impl Into<Cow<'static, str>>) -> Self {
        self.dead_letter_key = Some(key.into());
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

    /// The name; empty when the broker is to choose one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The exchange that gets its dead letters, and the key that they get there.
    pub(crate) fn dead_letter_route(&self) -> Option<(String, Option<String>)> {
        // The free arguments may say it too.
        let arguments = self.arguments();
        let text = |name: &str| arguments.get(name).and_then(FieldValue::as_str).map(str::to_owned);
        Some((text("x-dead-letter-exchange")?, text("x-dead-letter-routing-key")))
    }

    /// The arguments as the broker gets them: the named properties under their `x-…` names, then
    /// the free ones.
    #[must_use]
    pub fn arguments(&self) -> Arguments {
        let text = |text: &Cow<'static, str>| FieldValue::Text(text.clone());
        // Rounded up: zero would mean at once.
        let millis = |time: Duration| {
            u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).into()
        };
        let named = [
            ("x-queue-type", self.kind.map(|kind| FieldValue::from(kind.as_str()))),
            ("x-message-ttl", self.message_ttl.map(millis)),
            ("x-expires", self.expires.map(millis)),
            ("x-max-length", self.max_length.map(FieldValue::from)),
            ("x-max-length-bytes", self.max_bytes.map(FieldValue::from)),
            ("x-overflow", self.overflow.map(|overflow| FieldValue::from(overflow.as_str()))),
            ("x-dead-letter-exchange", self.dead_letter_exchange.as_ref().map(text)),
            ("x-dead-letter-routing-key", self.dead_letter_key.as_ref().map(text)),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let mut arguments: Arguments = named.collect();
        arguments.extend(self.arguments.as_slice().iter().cloned());
        arguments
    }
}

impl QueueKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        }
    }
}

impl Overflow {
    const fn as_str(self) -> &'static str {
        match self {
            Self::DropHead => "drop-head",
            Self::RejectPublish => "reject-publish",
            Self::RejectPublishDeadLetter => "reject-publish-dlx",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_below_a_millisecond_are_rounded_up_and_never_mean_at_once() {
        let queue = Queue::new("q").message_ttl(Duration::from_nanos(1));
        let queue = queue.expires(Duration::from_micros(1_001));
        let arguments = queue.arguments();
        assert_eq!(arguments.get("x-message-ttl"), Some(&FieldValue::Int(1)));
        assert_eq!(arguments.get("x-expires"), Some(&FieldValue::Int(2)));
    }
}
