//! The statuses of one call between the reader of the reply address and whoever awaits the call.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::message::STATUS;
use crate::transport::{Delivery, Properties};

/// How many statuses wait here at most: then the oldest go. A later one says what an earlier one did.
const MOST_WAITING: usize = 32;

/// And how many bytes their bodies may take.
const MOST_BYTES: usize = 1024 * 1024;

/// How many signs of life may be missed.
const MISSED: u32 = 3;

/// Whether a message at a reply address is a status, and no result.
pub(super) fn is_status(properties: &Properties) -> bool {
    properties.kind.as_deref() == Some(STATUS)
}

/// The queue of a service that asks whether the call is still waited for, where the message does.
pub(super) fn question(properties: &Properties) -> Option<&str> {
    properties.reply_to.as_deref().filter(|_| is_status(properties))
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
    /// How many bytes the bodies of these take.
    bytes: usize,
    /// When the service was last heard of; nothing before it was, or since the connection was lost.
    heard: Option<Instant>,
}

impl Came {
    fn take(&mut self) -> Option<Delivery> {
        let oldest = self.waiting.pop_front()?;
        self.bytes -= oldest.body.len();
        Some(oldest)
    }
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
        } else {
            came.bytes += status.body.len();
        }
        came.waiting.push_back(status);
        while came.waiting.len() > MOST_WAITING || came.bytes > MOST_BYTES {
            came.take();
        }
        drop(came);
        self.more.notify_one();
    }

    /// The oldest that waits.
    pub(super) fn take(&self) -> Option<Delivery> {
        self.came().take()
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

    /// Waits until a service that was heard of has missed three signs of life, and the next is due.
    /// The answer is how long it was silent.
    ///
    /// What is late on this program's own line is no silence of the service: once three signs are
    /// missing, the broker must answer over that line. One that does not, or says that the line is
    /// lost, counts for nothing.
    pub(super) async fn silence<F: Future<Output = bool>>(
        &self,
        heartbeat: Duration,
        broker_answers: impl Fn() -> F,
    ) -> Duration {
        let (mut before, mut missed) = (None, 0);
        loop {
            // However long this program itself stood still, it misses one sign by that: what came
            // meanwhile is read before the next.
            sleep(heartbeat).await;
            let heard = self.came().heard;
            missed = if heard == before { missed + 1 } else { 0 };
            before = heard;
            let Some(heard) = heard else { continue };
            if missed == MISSED && !broker_answers().await {
                missed = 0;
            }
            if missed > MISSED {
                return heard.elapsed();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt;

    use super::*;
    use crate::topology::Route;

    /// The broker is there.
    async fn answers() -> bool {
        true
    }

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
    fn the_bytes_of_those_that_wait_are_bounded() {
        let statuses = Statuses::default();
        let large = |fill: u8| vec![fill; MOST_BYTES / 2];
        for fill in 0..10 {
            statuses.put(status(large(fill)));
        }
        assert_eq!(waiting(&statuses), [large(8), large(9)]);
        statuses.put(status(vec![0; MOST_BYTES + 1]));
        assert!(waiting(&statuses).is_empty(), "it has no room at all");
        statuses.put(status("progress"));
        statuses.put(status("progress"));
        assert_eq!(waiting(&statuses), ["progress"]);
        assert_eq!(statuses.came().bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_late_on_the_callers_own_line_is_no_silence_of_the_service() {
        const BEAT: Duration = Duration::from_secs(1);
        let statuses = Statuses::default();
        statuses.put(status("heartbeat"));
        let waits = || std::future::pending::<bool>();
        let silent = tokio::time::timeout(BEAT * 100, statuses.silence(BEAT, waits)).await;
        assert!(silent.is_err(), "the broker says nothing either");
        statuses.put(status("heartbeat"));
        let lost = || std::future::ready(false);
        let silent = tokio::time::timeout(BEAT * 100, statuses.silence(BEAT, lost)).await;
        assert!(silent.is_err(), "the line is lost");
        statuses.put(status("heartbeat"));
        let late = || async {
            statuses.put(status("heartbeat"));
            true
        };
        let silent = tokio::time::timeout(BEAT * 100, statuses.silence(BEAT, late)).await;
        assert!(silent.is_err(), "it comes with the broker's answer");
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
    async fn a_program_that_stood_still_takes_no_service_for_silent() {
        const BEAT: Duration = Duration::from_secs(1);
        let statuses = Statuses::default();
        statuses.put(status("heartbeat"));
        let mut silence = Box::pin(statuses.silence(BEAT, answers));
        assert!((&mut silence).now_or_never().is_none());
        tokio::time::advance(BEAT * 100).await;
        assert!((&mut silence).now_or_never().is_none());
        statuses.put(status("heartbeat"));
        let silent = tokio::time::timeout(BEAT * 4, silence).await;
        assert!(silent.is_err(), "the heartbeat that waited was read");
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_is_silent_after_three_missed_signs_and_only_once_it_was_heard_of() {
        const BEAT: Duration = Duration::from_secs(1);
        let statuses = Statuses::default();
        let silent = tokio::time::timeout(BEAT * 100, statuses.silence(BEAT, answers)).await;
        assert!(silent.is_err(), "it was never heard of");
        statuses.put(status("heartbeat"));
        let silent = tokio::time::timeout(BEAT * 4, statuses.silence(BEAT, answers)).await;
        assert!(silent.is_err(), "the third sign may be on its way");
        statuses.put(status("heartbeat"));
        let since = Instant::now();
        assert!(statuses.silence(BEAT, answers).await >= BEAT * 4);
        assert!(since.elapsed() < BEAT * 6);
        statuses.lost();
        let silent = tokio::time::timeout(BEAT * 100, statuses.silence(BEAT, answers)).await;
        assert!(silent.is_err(), "the connection was lost, not the service");
    }
}
