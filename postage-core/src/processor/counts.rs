use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a handler has done so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    handled: AtomicU64,
    failed: AtomicU64,
    nanos: AtomicU64,
}

impl Counts {
    /// One more message, handled in this time.
    pub(super) fn add(&self, took: Duration, failed: bool) {
        self.handled.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How many messages it has handled.
    pub(crate) fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    /// How many of them failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// How long it has run, all messages together.
    pub(crate) fn busy(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}
