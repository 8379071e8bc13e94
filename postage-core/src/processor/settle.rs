//! What becomes of a message that was handled: acknowledged, tried again later, or made a dead
//! letter that says what happened.
//!
//! A message is not acknowledged before another queue has it. Where the dead letters do not take it,
//! since their queue is full or gone, it waits in a queue as for another attempt, comes back, and is
//! offered to them again. It is not handled again, and takes no place here while it waits.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::dedup::Claimed;
use super::held::Held;
use super::history::{self, History, copied};
use super::service::Service;
use super::sources::ServedQueue;
use super::taken::Taken;
use super::turn::Turn;
use super::waiting::{has_waited, rounded};
use super::{Outcome, Retry};
use crate::headers;
use crate::pauses::Pauses;
use crate::telemetry;
use crate::topology::Route;
use crate::transport::{Delivery, Properties, Publication, Settled, TransportError};

/// How long a message waits that the dead letters did not take: 1 s, then twice as long each time,
/// up to 5 min.
const KEPT_FOR: Retry = Retry::new(u32::MAX);

/// How long a text of ours in a header may be, in bytes.
const LONGEST_TEXT: usize = 2048;

/// The end of handling one message.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    pub(super) outcome: Outcome,
    /// The handler that did not succeed, by its name in Rust.
    handler: Option<&'static str>,
    /// The claim to its id, until it is settled.
    claimed: Option<Claimed<'a>>,
    /// Whether a handler may have begun.
    begun: bool,
}

impl<'a> Verdict<'a> {
    pub(super) fn by(handler: &'static str, outcome: Outcome) -> Self {
        Self { handler: Some(handler), ..Self::from(outcome) }
    }

    /// Of a call that nobody waits for, at least not where this request is answered.
    pub(super) fn not_begun() -> Self {
        Self { begun: false, ..Self::from(Outcome::Done) }
    }

    /// The same verdict with the claim to the message's id, which is released where no handler has
    /// begun: the message was not handled.
    pub(super) fn claimed(mut self, claimed: Option<Claimed<'a>>) -> Self {
        self.claimed = claimed.filter(|_| self.begun);
        self
    }
}

impl From<Outcome> for Verdict<'_> {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, handler: None, claimed: None, begun: true }
    }
}

impl Service {
    /// Settles a delivery of this queue, and remembers that it was handled, unless it
    /// comes again.
    pub(super) async fn settle(
        &self,
        queue: &ServedQueue,
        taken: Box<Taken>,
        held: &Held,
        verdict: Verdict<'_>,
        turn: &mut Turn,
    ) {
        let Verdict { outcome, handler, claimed, .. } = verdict;
        let over = matches!(outcome, Outcome::Done | Outcome::Drop { .. });
        let settled = match outcome {
            Outcome::Done => Settled::Acked,
            other => Box::pin(self.failed(queue, held, handler, other, turn)).await,
        };
        self.conclude(taken, &settled).await;
        // A message that failed comes again, from where it waits or from the dead letters. A call
        // that was answered has been told.
        if let Some(claimed) = claimed {
            let answer = held.answer();
            if over || answer.is_some() {
                claimed.remember(answer).await;
            }
        }
    }

    /// What is done with a delivery that was not handled to a good end.
    async fn failed(
        &self,
        queue: &ServedQueue,
        held: &Held,
        handler: Option<&'static str>,
        outcome: Outcome,
        turn: &mut Turn,
    ) -> Settled {
        let History { failures, route } = &held.context.history;
        let count = failures.saturating_add(1);
        let (handler, route) = (handler.map(Cow::Borrowed), route.clone());
        let queue_name = queue.name();
        let failure =
            |reason| Failure { reason, handler, count, queue: queue_name, route, kept: 0 };
        let (reason, pause) = match outcome {
            Outcome::Done => return Settled::Acked,
            Outcome::Drop { reason } => {
                let failure = failure(reason);
                self.log("dropped", held, &failure);
                return Settled::Dropped { reason: failure.reason };
            }
            Outcome::Fail { reason } => (reason, self.retry.pause(count)),
            Outcome::Retry { reason, after } => (reason, self.retry.pause(count).map(|_| after)),
            Outcome::Reject { reason } => (reason, None),
        };
        self.pass_on(queue, held, failure(reason), pause, turn).await
    }

    /// Offers a message to the dead letters that did not take it before.
    pub(super) async fn bury_again(
        &self,
        queue: &ServedQueue,
        taken: Box<Taken>,
        held: &Held,
        failure: Failure,
        turn: &mut Turn,
    ) {
        let settled = self.bury(queue, held, failure, turn).await;
        self.conclude(taken, &settled).await;
    }

    async fn conclude(&self, taken: Box<Taken>, settled: &Settled) {
        telemetry::settled(&self.name, settled);
        if let Err(error) = taken.delivery.settle_as(settled).await {
            tracing::warn!(service = &*self.name, %error, "a message was handled and not settled");
        }
    }

    /// Publishes a message that failed to where it waits, or to the dead letters. The answer is
    /// what is then to be done with the delivery. The copy is confirmed before the delivery is
    /// acknowledged, so that a loss between the two makes two of it, never none.
    async fn pass_on(
        &self,
        queue: &ServedQueue,
        held: &Held,
        failure: Failure,
        pause: Option<Duration>,
        turn: &mut Turn,
    ) -> Settled {
        if let Some(pause) = pause.map(rounded) {
            self.log("to be tried again", held, &failure);
            match self.wait(queue, held, &failure, pause, 0).await {
                Ok(()) => return Settled::Retried { reason: failure.reason, after: pause },
                Err(TransportError::Disconnected { .. }) => return Settled::Requeued,
                Err(error) => {
                    tracing::error!(service = &*self.name, %error, "a message could not wait for its next attempt");
                }
            }
        }
        self.log("rejected", held, &failure);
        self.bury(queue, held, failure, turn).await
    }

    /// Publishes a dead letter; one that is not taken waits for the next time.
    async fn bury(
        &self,
        queue: &ServedQueue,
        held: &Held,
        failure: Failure,
        turn: &mut Turn,
    ) -> Settled {
        // Without a route, what the broker's own policy does with it is not known here.
        let Some((exchange, key)) = queue.queue.dead_letter_route() else {
            return Settled::Rejected { reason: failure.reason };
        };
        let key = key.unwrap_or_else(|| failure.route.key().to_owned());
        let route = Route::new(exchange, key);
        let kept = failure.kept.saturating_add(1);
        let pause = rounded(KEPT_FOR.pause(kept).unwrap_or_default());
        let mut pauses = Pauses::new();
        loop {
            match self.publish_copy(route.clone(), held, &failure, 0).await {
                Ok(()) => return Settled::DeadLettered { reason: failure.reason, route },
                Err(TransportError::Disconnected { .. }) => return Settled::Requeued,
                Err(error) => {
                    tracing::error!(service = &*self.name, %error, ?pause, "a dead letter could not be published: it is kept, and published again after a pause");
                }
            }
            match self.wait(queue, held, &failure, pause, kept).await {
                Ok(()) => return Settled::Kept { reason: failure.reason, after: pause },
                Err(TransportError::Disconnected { .. }) => return Settled::Requeued,
                Err(error) => {
                    tracing::error!(service = &*self.name, %error, "a message could not wait for the dead letters: it is held here");
                }
            }
            // It is handled already: others run meanwhile.
            turn.give_up();
            sleep(pauses.next()).await;
        }
    }

    /// Has a copy wait in a queue of the broker, from which it comes back after the pause.
    async fn wait(
        &self,
        queue: &ServedQueue,
        held: &Held,
        failure: &Failure,
        pause: Duration,
        kept: u32,
    ) -> Result<(), TransportError> {
        let publish = |route| self.publish_copy(route, held, failure, kept);
        self.have_wait(queue, &failure.queue, pause, publish).await
    }

    async fn publish_copy(
        &self,
        route: Route,
        held: &Held,
        failure: &Failure,
        kept: u32,
    ) -> Result<(), TransportError> {
        let mut properties = copied(&held.context.properties);
        properties.message_id.get_or_insert_with(|| Uuid::new_v4().to_string().into());
        self.describe(&mut properties, failure);
        properties.headers.remove(headers::KEPT);
        if kept > 0 {
            properties.set_header(headers::KEPT, i64::from(kept));
        }
        let body = held.came.clone();
        self.link
            .publish(Publication { route, properties, body, mandatory: true, confirm: true })
            .await
    }

    fn describe(&self, properties: &mut Properties, failure: &Failure) {
        properties.set_header(headers::FAILURES, i64::from(failure.count));
        properties.set_header(headers::ERROR, shortened(&failure.reason));
        // An earlier failure may have been another's.
        properties.headers.remove(headers::HANDLER);
        if let Some(handler) = &failure.handler {
            properties.set_header(headers::HANDLER, handler.clone().into_owned());
        }
        if let Ok(identity) = self.identity.raw() {
            properties.set_header(headers::FAILED_BY, shortened(identity.get()));
        }
        properties.set_header(headers::EXCHANGE, failure.route.exchange().to_owned());
        properties.set_header(headers::KEY, failure.route.key().to_owned());
        properties.set_header(headers::QUEUE, failure.queue.to_string());
    }

    fn log(&self, what: &str, held: &Held, failure: &Failure) {
        tracing::warn!(
            service = &*self.name,
            handler = failure.handler.as_deref(),
            route = %failure.route,
            message_id = held.context.message_id(),
            failures = failure.count,
            reason = failure.reason,
            "a message was {what}"
        );
    }
}

/// That a message failed.
pub(super) struct Failure {
    reason: String,
    handler: Option<Cow<'static, str>>,
    /// How often it has failed, this time included.
    count: u32,
    /// The queue in which it failed, and how it first came there.
    queue: Arc<str>,
    route: Route,
    /// How often the dead letters have not taken it.
    kept: u32,
}

impl Failure {
    /// What is known of a message that comes to be made a dead letter and no more.
    pub(super) fn kept(delivery: &Delivery, queue: &ServedQueue) -> Option<Self> {
        let properties = &delivery.properties;
        let kept = history::count(properties, headers::KEPT);
        if kept == 0 {
            return None;
        }
        let name = queue.name();
        // In another queue it is another message; and who sends may say what he likes.
        history::text(properties, headers::QUEUE).filter(|failed_in| **failed_in == *name)?;
        if !has_waited(delivery, &name) {
            return None;
        }
        let History { failures: count, route } =
            History::of(properties, delivery.route.clone(), queue);
        let text = |header| history::text(properties, header).map(str::to_owned);
        let reason = text(headers::ERROR).unwrap_or_default();
        let handler = text(headers::HANDLER).map(Cow::Owned);
        Some(Self { reason, handler, count, queue: name, route, kept })
    }
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
