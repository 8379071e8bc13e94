//! What becomes of a message that was handled: acknowledged, tried again later, or made a dead
//! letter that says what happened.

use std::time::Duration;

use uuid::Uuid;

use super::consume::Service;
use super::dedup::Claimed;
use super::{MessageProcessor, Outcome};
use crate::headers;
use crate::topology::{FieldValue, Queue, Route};
use crate::transport::{Delivery, Properties, Publication, Settlement, TransportError};

/// How long a queue of waiting messages outlives the last of them.
const RETRY_QUEUE_LINGERS: Duration = Duration::from_secs(60);

/// How long a text of ours in a header may be, in bytes.
const LONGEST_TEXT: usize = 2048;

/// The end of handling one message.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// The handler that did not succeed, by its name in Rust.
    handler: Option<&'static str>,
    /// The claim to its id, until it is settled.
    claimed: Option<Claimed>,
}

impl Verdict {
    pub(super) fn by(handler: &'static str, outcome: Outcome) -> Self {
        Self { outcome, handler: Some(handler), claimed: None }
    }

    pub(super) fn claimed(mut self, claimed: Claimed) -> Self {
        self.claimed = Some(claimed);
        self
    }
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, handler: None, claimed: None }
    }
}

impl<P: MessageProcessor> Service<P> {
    /// Settles a delivery of the queue at this place, and remembers that it was handled, unless it
    /// comes again.
    pub(super) async fn settle(&self, place: usize, delivery: Delivery, verdict: Verdict) {
        let Verdict { outcome, handler, claimed } = verdict;
        let count = failures(&delivery) + 1;
        let failure = |reason| Failure { reason, handler, count };
        let (settlement, comes_again) = match outcome {
            Outcome::Done => (Settlement::Ack, false),
            Outcome::Drop { reason } => {
                self.log("dropped", &delivery, &failure(reason));
                (Settlement::Ack, false)
            }
            Outcome::Fail { reason } => {
                self.pass_on(place, &delivery, &failure(reason), self.retry.pause(count)).await
            }
            Outcome::Retry { reason, after } => {
                let pause = self.retry.pause(count).map(|_| after);
                self.pass_on(place, &delivery, &failure(reason), pause).await
            }
            Outcome::Reject { reason } => {
                self.pass_on(place, &delivery, &failure(reason), None).await
            }
        };
        if let Err(error) = delivery.settle(settlement).await {
            tracing::warn!(service = P::NAME, %error, "a message was handled and not settled");
        }
        if let Some(claimed) = claimed
            && !comes_again
        {
            claimed.remember().await;
        }
    }

    /// Publishes a message that failed to where it waits, or to the dead letters. The answer is
    /// what is then to be done with the delivery, and whether the message comes again. The copy is
    /// confirmed before the delivery is acknowledged, so that a loss between the two makes two of
    /// it, never none.
    async fn pass_on(
        &self,
        place: usize,
        delivery: &Delivery,
        failure: &Failure,
        pause: Option<Duration>,
    ) -> (Settlement, bool) {
        let passed = match pause {
            Some(pause) => {
                self.log("to be tried again", delivery, failure);
                self.wait_and_try_again(place, delivery, failure, pause).await
            }
            None => {
                self.log("rejected", delivery, failure);
                match self.sources.queue(place).and_then(Queue::dead_letter_route) {
                    // What the broker's own policy does with it is not known here.
                    None => return (Settlement::Reject, false),
                    Some((exchange, key)) => {
                        let key = key.unwrap_or_else(|| delivery.route.key().to_owned());
                        self.publish_copy(place, Route::new(exchange, key), delivery, failure).await
                    }
                }
            }
        };
        match passed {
            Ok(()) => (Settlement::Ack, pause.is_some()),
            Err(TransportError::Disconnected { .. }) => (Settlement::Requeue, true),
            Err(error) => {
                tracing::error!(service = P::NAME, %error, "a message that failed could not be passed on");
                (Settlement::Reject, false)
            }
        }
    }

    async fn wait_and_try_again(
        &self,
        place: usize,
        delivery: &Delivery,
        failure: &Failure,
        pause: Duration,
    ) -> Result<(), TransportError> {
        let Some((name, queue)) = self.sources.named(place) else {
            let reason = "it has gone".to_owned();
            return Err(TransportError::Disconnected { reason });
        };
        let millis = pause.as_millis().max(1);
        let waiting = Queue::new(format!("{name}.retry.{millis}"))
            .durable(queue.durable && !queue.exclusive)
            .message_ttl(pause.max(Duration::from_millis(1)))
            .expires(pause.saturating_mul(2) + RETRY_QUEUE_LINGERS)
            .dead_letter("")
            .dead_letter_key(name);
        // Each time: it goes when it is not used for a while.
        let waiting = self.link.transport.declare_queue(&waiting).await?;
        self.publish_copy(place, Route::to_queue(waiting), delivery, failure).await
    }

    async fn publish_copy(
        &self,
        place: usize,
        route: Route,
        delivery: &Delivery,
        failure: &Failure,
    ) -> Result<(), TransportError> {
        let mut properties = delivery.properties.clone();
        // It is for the time in its queue, which is over.
        properties.expiration = None;
        properties.message_id.get_or_insert_with(|| Uuid::new_v4().to_string().into());
        self.describe(place, &mut properties, delivery, failure);
        let body = delivery.body.clone();
        self.link
            .publish(Publication { route, properties, body, mandatory: true, confirm: true })
            .await
    }

    fn describe(
        &self,
        place: usize,
        properties: &mut Properties,
        delivery: &Delivery,
        failure: &Failure,
    ) {
        properties.set_header(headers::FAILURES, i64::from(failure.count));
        properties.set_header(headers::ERROR, shortened(&failure.reason));
        if let Some(handler) = failure.handler {
            properties.set_header(headers::HANDLER, handler);
        }
        if let Ok(identity) = self.identity.raw() {
            properties.set_header(headers::FAILED_BY, shortened(identity.get()));
        }
        let queue = self.sources.named(place).map(|(name, _)| name).unwrap_or_default();
        let first = [
            (headers::EXCHANGE, delivery.route.exchange()),
            (headers::KEY, delivery.route.key()),
            (headers::QUEUE, &*queue),
        ];
        for (name, value) in first {
            if properties.header(name).is_none() {
                properties.set_header(name, value.to_owned());
            }
        }
    }

    fn log(&self, what: &str, delivery: &Delivery, failure: &Failure) {
        tracing::warn!(
            service = P::NAME,
            handler = failure.handler,
            route = %delivery.route,
            message_id = delivery.properties.message_id.as_deref(),
            failures = failure.count,
            reason = failure.reason,
            "a message was {what}"
        );
    }
}

/// That a message failed.
struct Failure {
    reason: String,
    handler: Option<&'static str>,
    /// How often it has failed, this time included.
    count: u32,
}

/// How often handling the message has failed before.
fn failures(delivery: &Delivery) -> u32 {
    let failures = delivery.properties.header(headers::FAILURES).and_then(FieldValue::as_int);
    failures.and_then(|failures| u32::try_from(failures).ok()).unwrap_or(0)
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
