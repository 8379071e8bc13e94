use std::time::Duration;

/// How often a message whose handler failed is tried again, and after which pauses.
///
/// It counts for messages; a call whose handler failed has told its caller, who may call again.
/// The pause is spent in a queue of the broker named after the service's queue and the pause, from
/// which the message goes back to the end of its queue; so it takes no memory here, and survives a
/// restart where the queue does. It is rounded up to two digits of milliseconds, like 1,300 ms for
/// 1,280, so that there are few such queues.
///
/// A service's queue that stays, being durable and neither exclusive nor deleted by itself, has quorum
/// queues for that, like `order-desk.retry.q.1000`, which keep a message until its own queue has it,
/// also where that is full (RabbitMQ 3.10 or later). RabbitMQ offers it again after 3 min then, unless
/// its `dead_letter_worker_publisher_confirm_timeout` says otherwise. They stay as the service's
/// queue does: who deletes that deletes these. Any other queue, and an older broker, has classic ones
/// that go after a minute without use, like `order-desk.retry.1000`: from those a message is lost
/// that comes back to a full queue, or at the moment at which the broker is killed.
///
/// A queue that the broker names has another name after a loss of the connection: what waits for it
/// then is lost, as what was in it.
///
/// ```
/// use std::time::Duration;
/// use postage_core::Retry;
///
/// // Five attempts in all, after pauses of 1, 2, 4 and 8 seconds.
/// let retry = Retry::new(5).first_pause(Duration::from_secs(1));
/// assert_eq!(retry.pause(4), Some(Duration::from_secs(8)));
/// assert_eq!(retry.pause(5), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    first_pause: Duration,
    longest_pause: Duration,
}

impl Retry {
    /// This many attempts in all, at least one. The first pause is 1 s, each further one twice as
    /// long as the one before, the longest 5 min, unless set.
    #[must_use]
    pub const fn new(attempts: u32) -> Self {
        Self {
            attempts: if attempts == 0 { 1 } else { attempts },
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(300),
        }
    }

    /// The pause after the first failure. Whole milliseconds. The longest is no shorter than this,
    /// unless set after it.
    #[must_use]
    pub const fn first_pause(mut self, pause: Duration) -> Self {
        self.first_pause = pause;
        if pause.as_nanos() > self.longest_pause.as_nanos() {
            self.longest_pause = pause;
        }
        self
    }

    /// The longest pause. Whole milliseconds.
    #[must_use]
    pub const fn longest_pause(mut self, pause: Duration) -> Self {
        self.longest_pause = pause;
        self
    }

    /// The pause after this many failures; nothing when there is no further attempt.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Option<Duration> {
        if failures >= self.attempts {
            return None;
        }
        let doublings = failures.saturating_sub(1).min(31);
        Some(self.first_pause.saturating_mul(1 << doublings).min(self.longest_pause))
    }
}

impl Default for Retry {
    /// One attempt: a message that failed is rejected.
    fn default() -> Self {
        Self::new(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_attempt_has_no_pause() {
        assert_eq!(Retry::default().pause(1), None);
        assert_eq!(Retry::new(0).pause(1), None);
    }

    #[test]
    fn a_first_pause_longer_than_the_longest_by_default_is_kept() {
        let hour = Duration::from_secs(3600);
        assert_eq!(Retry::new(3).first_pause(hour).pause(2), Some(hour));
    }

    proptest! {
        #[test]
        fn pauses_grow_up_to_the_longest_and_end_with_the_attempts(
            attempts in 1_u32..100,
            first in 0_u64..10_000,
            longest in 0_u64..1_000_000,
        ) {
            let retry = Retry::new(attempts)
                .first_pause(Duration::from_millis(first))
                .longest_pause(Duration::from_millis(longest));
            let pauses: Vec<_> = (1..=attempts + 5).map_while(|n| retry.pause(n)).collect();
            prop_assert_eq!(pauses.len() as u32, attempts - 1);
            prop_assert!(pauses.is_sorted());
            prop_assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(longest)));
        }
    }
}
