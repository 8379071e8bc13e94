//! Where a message waits for its next attempt: in a queue of the broker, which sends it back to its
//! own queue after the pause.
//!
//! A classic queue that does so forgets the message at once, also where its own queue is full then,
//! or the broker ends between the two. So a message of a queue that is to last waits in a quorum
//! queue, which keeps it until its own queue has it. RabbitMQ does not count declaring a quorum queue
//! again as using it, and would delete one that has a time to expire with all that waits in it; so
//! it has none, and stays as the service's queue does.
//!
//! Where the broker has no such queue, or it takes nothing since it has no leader, a classic one
//! serves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::service::Service;
use super::sources::ServedQueue;
use crate::topology::{FieldValue, Overflow, Queue, QueueKind, Route};
use crate::transport::{Delivery, TransportError};

/// How long a classic queue of waiting messages outlives the last of them.
const LINGERS: Duration = Duration::from_secs(60);

/// What RabbitMQ says of a queue that is there already and another.
const IS_ANOTHER: &str = "inequivalent arg";

/// What is known of the broker's queues for waiting.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// It has none that keep a message until it is taken.
    forgetful: AtomicBool,
}

impl Waiting {
    fn forgets(&self, service: &str, reason: &str) {
        if !self.forgetful.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                service,
                reason,
                "the broker has no quorum queue to wait in (RabbitMQ 3.10 has): a message that \
                 comes back from its pause to a full queue is lost"
            );
        }
    }
}

impl Service {
    /// Publishes a copy of a message of this queue to where it waits for so long. The queue for that
    /// is declared each time: it may have gone meanwhile.
    pub(super) async fn have_wait<F>(
        &self,
        queue: &ServedQueue,
        name: &str,
        pause: Duration,
        publish: impl Fn(Route) -> F,
    ) -> Result<(), TransportError>
    where
        F: Future<Output = Result<(), TransportError>>,
    {
        let via = async |waiting: Queue| {
            let waiting = self.link.transport.declare_queue(&waiting).await?;
            publish(Route::to_queue(waiting)).await
        };
        let passing = || passing(&queue.queue, name, pause);
        if !lasts(&queue.queue) || self.waiting.forgetful.load(Ordering::Relaxed) {
            return via(passing()).await;
        }
        match via(lasting(name, pause)).await {
            Err(TransportError::Refused { reason, .. }) if !reason.contains(IS_ANOTHER) => {
                via(passing()).await?;
                self.waiting.forgets(&self.name, &reason);
                Ok(())
            }
            Err(TransportError::NotConfirmed { .. }) => {
                via(passing()).await?;
                self.waiting.forgets(&self.name, "it takes no messages");
                Ok(())
            }
            done => done,
        }
    }
}

/// Whether a delivery came from a queue for waiting of its own queue, as the broker noted it.
pub(super) fn has_waited(delivery: &Delivery, name: &str) -> bool {
    let Some(FieldValue::List(deaths)) = delivery.properties.header("x-death") else {
        return false;
    };
    // The newest is the first.
    let Some(FieldValue::Table(death)) = deaths.first() else { return false };
    let text = |name: &str| {
        let entry = death.iter().find(|(key, _)| key == name);
        entry.and_then(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let waited_in = text("queue");
    let waited_in = waited_in.strip_prefix(ours(name)).unwrap_or(waited_in);
    delivery.route == Route::to_queue(name.to_owned())
        && text("reason") == "expired"
        && waited_in.strip_prefix(name).is_some_and(|rest| rest.starts_with(".retry."))
}

/// What is put before names of the broker's: only the broker may give names that begin so.
fn ours(name: &str) -> &'static str {
    if name.starts_with("amq.") { "postage." } else { "" }
}

/// The pause that is spent for this one: in milliseconds with two digits that are not 0, so that
/// pauses of any length make few queues. At least 1 ms, and never shorter.
pub(super) fn rounded(pause: Duration) -> Duration {
    let millis = u64::try_from(pause.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1);
    let step = 10_u64.pow(millis.ilog10().saturating_sub(1));
    Duration::from_millis(millis.div_ceil(step).saturating_mul(step))
}

/// Whether a queue is there until somebody deletes it.
fn lasts(queue: &Queue) -> bool {
    let expires = queue.arguments().get("x-expires").is_some();
    queue.durable && !queue.exclusive && !queue.auto_delete && !expires
}

/// A queue that keeps each message until its own queue has it.
fn lasting(name: &str, pause: Duration) -> Queue {
    returning(format!("{name}.retry.q.{}", pause.as_millis()), name, pause)
        .kind(QueueKind::Quorum)
        .overflow(Overflow::RejectPublish)
        .argument("x-dead-letter-strategy", "at-least-once")
}

/// A queue that goes when it is not used for a while.
fn passing(queue: &Queue, name: &str, pause: Duration) -> Queue {
    let ours = ours(name);
    returning(format!("{ours}{name}.retry.{}", pause.as_millis()), name, pause)
        .durable(queue.durable && !queue.exclusive)
        .expires(pause.saturating_mul(2).saturating_add(LINGERS))
}

fn returning(waiting: String, name: &str, pause: Duration) -> Queue {
    Queue::new(waiting).message_ttl(pause).dead_letter("").dead_letter_key(name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn millis(pause: Duration) -> u64 {
        u64::try_from(rounded(pause).as_millis()).unwrap()
    }

    #[test]
    fn pauses_of_every_length_up_to_a_minute_make_few_queues() {
        let queues: HashSet<_> =
            (0..=60_000).map(|pause| millis(Duration::from_millis(pause))).collect();
        assert_eq!(queues.len(), 99 + 90 + 90 + 51);
    }

    proptest! {
        #[test]
        fn a_pause_is_at_most_a_tenth_longer_and_never_shorter(nanos in 0..=u64::MAX) {
            let asked = Duration::from_nanos(nanos);
            let (spent, whole) = (rounded(asked), Duration::from_millis(1));
            prop_assert!(spent >= asked.max(whole));
            prop_assert!(spent <= (asked + whole) * 11 / 10);
            prop_assert_eq!(rounded(spent), spent);
            let digits = millis(asked).to_string();
            prop_assert!(digits.trim_end_matches('0').len() <= 2, "{}", digits);
        }
    }
}
