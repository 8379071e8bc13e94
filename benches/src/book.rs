//! What became of numbered messages: when each was sent, and when it was handled.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::Error;
use crate::text;

/// The messages of one round, by their numbers.
#[derive(Debug)]
pub struct Book {
    begun: Instant,
    entries: Vec<Entry>,
    /// How often each message is to be handled.
    copies: u32,
    /// How many handlings are still to come.
    open: AtomicU64,
    strange: AtomicU64,
    complete: Notify,
}

#[derive(Debug, Default)]
struct Entry {
    /// Nanoseconds since the book was begun.
    sent: AtomicU64,
    handled: AtomicU64,
    times: AtomicU32,
}

impl Book {
    /// A book for this many messages, each of which is to be handled by so many.
    #[must_use]
    pub fn new(messages: u64, copies: u32) -> Self {
        Self {
            begun: Instant::now(),
            entries: (0..messages).map(|_| Entry::default()).collect(),
            copies,
            open: AtomicU64::new(messages * u64::from(copies)),
            strange: AtomicU64::new(0),
            complete: Notify::new(),
        }
    }

    /// A book for a service that is told nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(0, 1)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(number).ok()?)
    }

    /// The message of this number is being sent.
    pub fn sends(&self, number: u64) {
        if let Some(entry) = self.entry(number) {
            entry.sent.store(self.now(), Ordering::Relaxed);
        }
    }

    /// A message was handled.
    pub fn handled(&self, text: &str) {
        let Some(entry) = text::number(text).and_then(|number| self.entry(number)) else {
            self.strange.fetch_add(1, Ordering::Relaxed);
            return;
        };
        entry.handled.store(self.now(), Ordering::Relaxed);
        entry.times.fetch_add(1, Ordering::Relaxed);
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.complete.notify_one();
        }
    }

    /// Waits until all are handled.
    ///
    /// # Errors
    /// When that takes longer than a minute.
    pub async fn complete(&self) -> Result<(), Error> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let complete = tokio::time::timeout(Duration::from_secs(60), self.complete.notified());
        complete.await.map_err(|_| {
            let open = self.open.load(Ordering::Relaxed);
            format!("{open} messages were not handled within a minute").into()
        })
    }

    /// Whether each was handled as often as it should be.
    ///
    /// # Errors
    /// When one was not.
    pub fn check(&self) -> Result<(), Error> {
        let strange = self.strange.load(Ordering::Relaxed);
        let times = |entry: &&Entry| entry.times.load(Ordering::Relaxed) != self.copies;
        let wrong = self.entries.iter().filter(times).count();
        if strange == 0 && wrong == 0 {
            return Ok(());
        }
        Err(format!("{wrong} messages were lost or handled twice, {strange} were strange").into())
    }

    /// The times from when each was sent until it was last handled.
    #[must_use]
    pub fn latencies(&self) -> Vec<Duration> {
        let latency = |entry: &Entry| {
            let (sent, handled) = (&entry.sent, &entry.handled);
            let nanos =
                handled.load(Ordering::Relaxed).saturating_sub(sent.load(Ordering::Relaxed));
            Duration::from_nanos(nanos)
        };
        self.entries.iter().map(latency).collect()
    }

    /// The times between one message's being handled and the next one's.
    #[must_use]
    pub fn gaps(&self) -> Vec<Duration> {
        let handled = |entry: &Entry| entry.handled.load(Ordering::Relaxed);
        let mut times: Vec<u64> = self.entries.iter().map(handled).collect();
        times.sort_unstable();
        times.windows(2).map(|two| Duration::from_nanos(two[1] - two[0])).collect()
    }
}
