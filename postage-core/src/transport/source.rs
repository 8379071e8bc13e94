use std::borrow::Cow;

/// What to consume.
///
/// ```
/// use postage_core::transport::Source;
///
/// let desk = Source::new("order-desk").prefetch(10);
/// assert!(!desk.auto_ack);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Source {
    /// The queue's name.
    pub queue: Cow<'static, str>,
    /// How many unsettled deliveries may be out at once; 0 for no bound.
    pub prefetch: u16,
    /// Whether this is to be the queue's only consumer.
    pub exclusive: bool,
    /// Whether a delivery counts as settled when it is sent: its `settle` does nothing then.
    pub auto_ack: bool,
}

impl Source {
    /// This queue: with no bound, beside other consumers, each delivery to be settled.
    #[must_use]
    pub fn new(queue: impl Into<Cow<'static, str>>) -> Self {
        Self { queue: queue.into(), prefetch: 0, exclusive: false, auto_ack: false }
    }

    /// How many unsettled deliveries may be out at once; 0 for no bound.
    #[must_use]
    pub fn prefetch(mut self, deliveries: u16) -> Self {
        self.prefetch = deliveries;
        self
    }

    /// Whether this is to be the queue's only consumer.
    #[must_use]
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Whether a delivery counts as settled when it is sent.
    #[must_use]
    pub fn auto_ack(mut self, auto_ack: bool) -> Self {
        self.auto_ack = auto_ack;
        self
    }
}
