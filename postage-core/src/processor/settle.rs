//! What becomes of a message that was handled: acknowledged, tried again later, or made a dead
//! letter that says what happened.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::Outcome;
use super::consume::Service;
use super::dedup::Claimed;
use super::history::{History, copied};
use super::sources::ServedQueue;
use crate::headers;
use crate::topology::{Queue, Route};
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

impl Service {
    /// Settles a delivery of this queue, and remembers that it was handled, unless it
    /// comes again.
    pub(super) async fn settle(&self, queue: &ServedQueue, delivery: Delivery, verdict: Verdict) {
        let Verdict { outcome, handler, claimed } = verdict;
        let name = queue.name();
        let History { failures, route } = History::of(&delivery, &name);
        let count = failures.saturating_add(1);
        let failure = |reason| Failure { reason, handler, count, queue: name, route };
        let over = matches!(outcome, Outcome::Done | Outcome::Drop { .. });
        let settlement = match outcome {
            Outcome::Done => Settlement::Ack,
            Outcome::Drop { reason } => {
                self.log("dropped", &delivery, &failure(reason));
                Settlement::Ack
            }
            Outcome::Fail { reason } => {
                self.pass_on(queue, &delivery, &failure(reason), self.retry.pause(count)).await
            }
            Outcome::Retry { reason, after } => {
                let pause = self.retry.pause(count).map(|_| after);
                self.pass_on(queue, &delivery, &failure(reason), pause).await
            }
            Outcome::Reject { reason } => {
                self.pass_on(queue, &delivery, &failure(reason), None).await
            }
        };
        if let Err(error) = delivery.settle(settlement).await {
            tracing::warn!(service = &*self.name, %error, "a message was handled and not settled");
        }
        // A message that failed comes again, from where it waits or from the dead letters. A call
        // that was answered has been told.
        if let Some(claimed) = claimed
            && (over || claimed.has_answer())
        {
            claimed.remember().await;
        }
    }

    /// Publishes a message that failed to where it waits, or to the dead letters. The answer is
    /// what is then to be done with the delivery. The copy is confirmed before the delivery is
    /// acknowledged, so that a loss between the two makes two of it, never none.
    async fn pass_on(
        &self,
        queue: &ServedQueue,
        delivery: &Delivery,
        failure: &Failure,
        pause: Option<Duration>,
    ) -> Settlement {
        if let Some(pause) = pause {
            self.log("to be tried again", delivery, failure);
            match self.wait_and_try_again(queue, delivery, failure, pause).await {
                Ok(()) => return Settlement::Ack,
                Err(TransportError::Disconnected { .. }) => return Settlement::Requeue,
                Err(error) => {
                    tracing::error!(service = &*self.name, %error, "a message could not wait for its next attempt");
                }
            }
        }
        self.log("rejected", delivery, failure);
        // Without a route, what the broker's own policy does with it is not known here.
        let Some((exchange, key)) = queue.queue.dead_letter_route() else {
            return Settlement::Reject;
        };
        let key = key.unwrap_or_else(|| failure.route.key().to_owned());
        match self.publish_copy(Route::new(exchange, key), delivery, failure).await {
            Ok(()) => Settlement::Ack,
            Err(TransportError::Disconnected { .. }) => Settlement::Requeue,
            Err(error) => {
                tracing::error!(service = &*self.name, %error, "a dead letter could not be published");
                Settlement::Reject
            }
        }
    }

    async fn wait_and_try_again(
        &self,
        queue: &ServedQueue,
        delivery: &Delivery,
        failure: &Failure,
        pause: Duration,
    ) -> Result<(), TransportError> {
        let durable = queue.queue.durable && !queue.queue.exclusive;
        let pause = pause.max(Duration::from_millis(1));
        let waiting = Queue::new(waiting_queue(&failure.queue, pause))
            .durable(durable)
            .message_ttl(pause)
            .expires(pause.saturating_mul(2).saturating_add(RETRY_QUEUE_LINGERS))
            .dead_letter("")
            .dead_letter_key(failure.queue.to_string());
        // Each time: it goes when it is not used for a while.
        let waiting = self.link.transport.declare_queue(&waiting).await?;
        self.publish_copy(Route::to_queue(waiting), delivery, failure).await
    }

    async fn publish_copy(
        &self,
        route: Route,
        delivery: &Delivery,
        failure: &Failure,
    ) -> Result<(), TransportError> {
        let mut properties = copied(&delivery.properties);
        properties.message_id.get_or_insert_with(|| Uuid::new_v4().to_string().into());
        self.describe(&mut properties, failure);
        let body = delivery.body.clone();
        self.link
            .publish(Publication { route, properties, body, mandatory: true, confirm: true })
            .await
    }

    fn describe(&self, properties: &mut Properties, failure: &Failure) {
        properties.set_header(headers::FAILURES, i64::from(failure.count));
        properties.set_header(headers::ERROR, shortened(&failure.reason));
        // An earlier failure may have been another's.
        properties.headers.remove(headers::HANDLER);
        if let Some(handler) = failure.handler {
            properties.set_header(headers::HANDLER, handler);
        }
        if let Ok(identity) = self.identity.raw() {
            properties.set_header(headers::FAILED_BY, shortened(identity.get()));
        }
        properties.set_header(headers::EXCHANGE, failure.route.exchange().to_owned());
        properties.set_header(headers::KEY, failure.route.key().to_owned());
        properties.set_header(headers::QUEUE, failure.queue.to_string());
    }

    fn log(&self, what: &str, delivery: &Delivery, failure: &Failure) {
        tracing::warn!(
            service = &*self.name,
            handler = failure.handler,
            route = %failure.route,
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
    /// The queue in which it failed, and how it first came there.
    queue: Arc<str>,
    route: Route,
}

/// The name of the queue in which a message waits for its next attempt.
fn waiting_queue(queue: &str, pause: Duration) -> String {
    // Only the broker may give names that begin so.
    let ours = if queue.starts_with("amq.") { "postage." } else { "" };
    format!("{ours}{queue}.retry.{}", pause.as_millis())
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
