//! The statuses of one call between the reader of the reply address and whoever awaits the call.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::message::STATUS;
use crate::transport::{Delivery, Properties};

/// How many statuses wait here at most: then the oldest go. A later one says what an earlier one did.
const MOST_WAITING: usize = 32;

/// How many signs of life may be missed.
const MISSED: u32 = 3;

/// Whether a message at a reply address is a status, and no result.
pub(super) fn is_status(properties: &Properties) -> bool {
    properties.kind.as_deref() == Some(STATUS)
}

/// The statuses that have come and were not looked at yet.
#[derive(Debug, Default)]
pub(crate) struct Statuses {
    came: Mutex<Came>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Came {
    waiting: VecDeque<Delivery>,
    /// When the service was last heard of; nothing before it was, or since the connection was lost.
    heard: Option<Instant>,
}

impl Statuses {
    fn came(&self) -> MutexGuard<'_, Came> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, status: Delivery) {
        let mut came = self.came();
        came.heard = Some(Instant::now());
        // One heartbeat says as much as several.
        if came.waiting.back().is_some_and(|last| last.body == status.body) {
            came.waiting.pop_back();
        } else if came.waiting.len() == MOST_WAITING {
            came.waiting.pop_front();
        }
        came.waiting.push_back(status);
        drop(came);
        self.more.notify_one();
    }

    /// The oldest that waits.
    pub(super) fn take(&self) -> Option<Delivery> {
        self.came().waiting.pop_front()
    }

    /// Waits until there may be another. Cancel-safe. One at a time may wait.
    pub(super) async fn more(&self) {
        self.more.notified().await;
    }

    /// The way that statuses come is lost. The silence until the service is heard of again is not
    /// its own.
    pub(super) fn lost(&self) {
        self.came().heard = None;
    }

    /// Waits until a service that was heard of has missed three signs of life, and half of another.
    /// The answer is how long it was silent.
    pub(super) async fn silence(&self, heartbeat: Duration) -> Duration {
        let longest = heartbeat * MISSED + heartbeat / 2;
        loop {
            let now = Instant::now();
            // Where it was not heard of yet, it is looked at again before it could be silent for so
            // long.
            let since = self.came().heard.unwrap_or(now);
            if now - since >= longest {
                return now - since;
            }
            sleep_until(since + longest).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::topology::Route;

    fn status(body: impl Into<Bytes>) -> Delivery {
        Delivery::new(body.into(), Properties::default(), Route::to_queue("replies"), false, None)
    }

    fn waiting(statuses: &Statuses) -> Vec<Bytes> {
        std::iter::from_fn(|| statuses.take()).map(|status| status.body.clone()).collect()
    }

    #[test]
    fn the_newest_statuses_are_kept_and_their_number_is_bounded() {
        let statuses = Statuses::default();
        for number in 0..1_000 {
            statuses.put(status(number.to_string()));
        }
        let newest: Vec<_> = (968..1_000).map(|number| number.to_string()).collect();
        assert_eq!(waiting(&statuses), newest);
    }

    #[test]
    fn heartbeats_in_a_row_push_no_other_status_out() {
        let statuses = Statuses::default();
        statuses.put(status("progress"));
        for _ in 0..1_000 {
            statuses.put(status("heartbeat"));
        }
        assert_eq!(waiting(&statuses), ["progress", "heartbeat"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_is_silent_after_three_missed_signs_and_only_once_it_was_heard_of() {
        const BEAT: Duration = Duration::from_secs(1);
        let statuses = Statuses::default();
        let silent = tokio::time::timeout(BEAT * 100, statuses.silence(BEAT)).await;
        assert!(silent.is_err(), "it was never heard of");
        statuses.put(status("heartbeat"));
        let silent = tokio::time::timeout(BEAT * 3, statuses.silence(BEAT)).await;
        assert!(silent.is_err(), "the third sign may be on its way");
        statuses.put(status("heartbeat"));
        let since = Instant::now();
        assert!(statuses.silence(BEAT).await >= BEAT * 3);
        assert!(since.elapsed() < BEAT * 4);
        statuses.lost();
        let silent = tokio::time::timeout(BEAT * 100, statuses.silence(BEAT)).await;
        assert!(silent.is_err(), "the connection was lost, not the service");
    }
}
