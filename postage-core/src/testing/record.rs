//! What is kept of the messages that pass.

use std::fmt;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Seen;
use crate::transport::{Settled, Settlement, TransportError};

/// A message that was received.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// The message.
    pub message: Seen,
    /// The queue that it came from.
    pub queue: String,
    /// Whether it was delivered before, and given back.
    pub redelivered: bool,
    /// What became of it; none as long as it is being handled.
    pub settled: Option<Settled>,
}

impl Received {
    /// That it was handled, and acknowledged for that.
    ///
    /// # Panics
    /// When anything else became of it. The text says what.
    #[track_caller]
    pub fn assert_acked(&self) {
        assert!(
            matches!(self.settled, Some(Settled::Acked)),
            "expected it to be acknowledged: {self}"
        );
    }

    /// That it failed for good, for a reason with this text in it; with a dead letter or without.
    ///
    /// # Panics
    /// When anything else became of it. The text says what.
    #[track_caller]
    pub fn assert_rejected(&self, why: &str) {
        let rejected = match &self.settled {
            Some(Settled::Rejected { reason } | Settled::DeadLettered { reason, .. }) => {
                reason.contains(why)
            }
            _ => false,
        };
        assert!(rejected, "expected it to be rejected because of \"{why}\": {self}");
    }

    /// That it failed and is tried again, for a reason with this text in it.
    ///
    /// # Panics
    /// When anything else became of it. The text says what.
    #[track_caller]
    pub fn assert_retried(&self, why: &str) {
        let retried = match &self.settled {
            Some(Settled::Retried { reason, .. }) => reason.contains(why),
            _ => false,
        };
        assert!(retried, "expected it to be tried again because of \"{why}\": {self}");
    }
}

impl Deref for Received {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.message
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "received {} from queue `{}`: ", self.message, self.queue)?;
        match &self.settled {
            None => f.write_str("not settled yet"),
            Some(Settled::Acked) => f.write_str("acknowledged"),
            Some(Settled::Dropped { reason }) => write!(f, "dropped: {reason}"),
            Some(Settled::Retried { reason, after }) => {
                write!(f, "tried again after {after:?}: {reason}")
            }
            Some(Settled::DeadLettered { reason, route }) => {
                write!(f, "made a dead letter, to {route}: {reason}")
            }
            Some(Settled::Kept { reason, after }) => write!(
                f,
                "to be made a dead letter again after {after:?}, since no queue took it: {reason}"
            ),
            Some(Settled::Rejected { reason }) => write!(f, "rejected: {reason}"),
            Some(Settled::Requeued) => f.write_str("given back to the queue"),
        }
    }
}

/// A message that was sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The message.
    pub message: Seen,
    /// Why it was not taken, where it was not.
    pub error: Option<TransportError>,
}

impl Deref for Sent {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.message
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sent {} to {}", self.message, self.message.route)?;
        match &self.error {
            None => Ok(()),
            Some(error) => write!(f, ": {error}"),
        }
    }
}

/// All that passed, in order.
#[derive(Debug, Default)]
pub(super) struct Record(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    entries: Vec<Entry>,
    forgotten: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Entry {
    Received(Received),
    Sent(Sent),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Received(received) => received.fmt(f),
            Self::Sent(sent) => sent.fmt(f),
        }
    }
}

impl Record {
    /// Adds an entry, and answers its number.
    pub(super) fn add(&self, entry: Entry) -> usize {
        let mut pages = self.pages();
        pages.entries.push(entry);
        pages.forgotten + pages.entries.len() - 1
    }

    /// Notes what became of a delivery.
    pub(super) fn settled(&self, number: usize, settled: Settled) {
        if let Some(Entry::Received(received)) = self.pages().entry(number) {
            received.settled = Some(settled);
        }
    }

    /// Notes what became of a delivery, where nobody said more.
    pub(super) fn settled_unless_explained(&self, number: usize, settlement: Settlement) {
        if let Some(Entry::Received(received)) = self.pages().entry(number) {
            received.settled.get_or_insert(settlement.into());
        }
    }

    /// Notes that a publication was not taken.
    pub(super) fn not_taken(&self, number: usize, error: TransportError) {
        if let Some(Entry::Sent(sent)) = self.pages().entry(number) {
            sent.error = Some(error);
        }
    }

    pub(super) fn all(&self) -> Vec<Entry> {
        self.pages().entries.clone()
    }

    pub(super) fn forget(&self) {
        let mut pages = self.pages();
        pages.forgotten += pages.entries.len();
        pages.entries.clear();
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn entry(&mut self, number: usize) -> Option<&mut Entry> {
        self.entries.get_mut(number.checked_sub(self.forgotten)?)
    }
}
