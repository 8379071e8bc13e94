use std::time::Duration;

/// What may go wrong, and how often: the settings of a [`FaultyTransport`](super::FaultyTransport).
///
/// A probability is between 0, never, and 1, always; one outside of that counts as the nearer end.
///
/// ```
/// use std::time::Duration;
/// use postage_core::transport::Faults;
///
/// // Nothing but losses of the connection, at one operation in a hundred, for up to 2 s.
/// let faults = Faults::none(42).disconnects(0.01, Duration::from_secs(2));
/// ```
#[derive(Clone, Debug)]
pub struct Faults {
    pub(super) seed: u64,
    pub(super) lost_publications: f64,
    pub(super) lost_confirms: f64,
    pub(super) doubled_publications: f64,
    pub(super) doubled_deliveries: f64,
    pub(super) delays: f64,
    pub(super) longest_delay: Duration,
    pub(super) reorderings: f64,
    pub(super) window: u32,
    pub(super) disconnects: f64,
    pub(super) longest_pause: Duration,
}

impl Faults {
    /// A bad day: of a hundred publications 2 are lost, 2 lose their confirm and 2 are doubled, of
    /// a hundred deliveries 2 are doubled; 10 of each are delayed by up to 200 ms, 10 deliveries
    /// let up to 4 others pass, and at 1 in a hundred operations the connection is lost for up
    /// to 500 ms.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self::none(seed)
            .lost_publications(0.02)
            .lost_confirms(0.02)
            .doubled_publications(0.02)
            .doubled_deliveries(0.02)
            .delays(0.1, Duration::from_millis(200))
            .reorderings(0.1, 4)
            .disconnects(0.01, Duration::from_millis(500))
    }

    /// No fault: what is wanted is set one by one.
    #[must_use]
    pub const fn none(seed: u64) -> Self {
        Self {
            seed,
            lost_publications: 0.0,
            lost_confirms: 0.0,
            doubled_publications: 0.0,
            doubled_deliveries: 0.0,
            delays: 0.0,
            longest_delay: Duration::ZERO,
            reorderings: 0.0,
            window: 0,
            disconnects: 0.0,
            longest_pause: Duration::ZERO,
        }
    }

    /// How often a publication does not reach the broker.
    #[must_use]
    pub const fn lost_publications(mut self, probability: f64) -> Self {
        self.lost_publications = probability;
        self
    }

    /// How often the broker takes a confirmed publication and its confirm is lost.
    #[must_use]
    pub const fn lost_confirms(mut self, probability: f64) -> Self {
        self.lost_confirms = probability;
        self
    }

    /// How often a publication reaches the broker twice.
    #[must_use]
    pub const fn doubled_publications(mut self, probability: f64) -> Self {
        self.doubled_publications = probability;
        self
    }

    /// How often a delivery comes twice.
    #[must_use]
    pub const fn doubled_deliveries(mut self, probability: f64) -> Self {
        self.doubled_deliveries = probability;
        self
    }

    /// How often a confirm or a delivery comes later, and by how much at most.
    #[must_use]
    pub const fn delays(mut self, probability: f64, longest: Duration) -> Self {
        self.delays = probability;
        self.longest_delay = longest;
        self
    }

    /// How often a delivery lets later ones of its consumer pass, and how many at most. It waits
    /// for them no longer than 100 ms. A consumer with a prefetch of 1 gets its deliveries in order.
    #[must_use]
    pub const fn reorderings(mut self, probability: f64, window: u32) -> Self {
        self.reorderings = probability;
        self.window = window;
        self
    }

    /// At how many operations the connection is lost, and for how long at most.
    #[must_use]
    pub const fn disconnects(mut self, probability: f64, longest_pause: Duration) -> Self {
        self.disconnects = probability;
        self.longest_pause = longest_pause;
        self
    }
}
