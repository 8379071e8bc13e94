//! What happens to messages: they are routed, wait, are handed out, settled, given up.

use std::sync::Arc;

use tokio::time::Instant;

use super::consumer::Parcel;
use super::dead_letter::{DeadLetter, Reason};
use super::message::{Held, Message};
use super::queue::Queue;
use super::state::{ConnectionId, QueueId, State, Unsettled};
use crate::topology::{FieldValue, Overflow};
use crate::transport::{Headers, Settlement, TransportError};

/// What became of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Every queue that it was routed to has it.
    Taken,
    /// A full queue refused it.
    NotTaken,
    /// It was routed to no queue.
    Unroutable,
}

impl State {
    /// Publishes a message; the error is the broker's reason to refuse it.
    pub(super) fn publish(
        &mut self,
        message: &Arc<Message>,
        now: Instant,
    ) -> Result<Outcome, String> {
        let exchange = message.route.exchange();
        if !exchange.is_empty() {
            let found = self.exchanges.get(exchange);
            let found = found.ok_or_else(|| super::declare::no_exchange(exchange))?;
            if found.internal {
                return Err(format!(
                    "ACCESS_REFUSED - cannot publish to internal exchange '{exchange}' in vhost '/'"
                ));
            }
        }
        let queues = self.route(exchange, message.route.key(), &message.properties.headers);
        if queues.is_empty() {
            return Ok(Outcome::Unroutable);
        }
        let mut outcome = Outcome::Taken;
        for queue in queues {
            if !self.offer(queue, message, now) {
                outcome = Outcome::NotTaken;
            }
        }
        Ok(outcome)
    }

    /// The queues that get a message, each once and in their order. What an exchange cannot route
    /// goes to its alternate.
    pub(super) fn route(&self, exchange: &str, key: &str, headers: &Headers) -> Vec<QueueId> {
        let mut seen = Vec::new();
        let mut exchange = exchange;
        loop {
            if exchange.is_empty() {
                return self.names.get(key).copied().into_iter().collect();
            }
            let Some(found) = self.exchanges.get(exchange) else { return Vec::new() };
            let mut queues: Vec<_> = found.matching(key, headers).collect();
            let alternate = found.alternate.as_ref().and_then(FieldValue::as_str);
            match alternate {
                Some(alternate) if queues.is_empty() && !seen.contains(&exchange) => {
                    seen.push(exchange);
                    exchange = alternate;
                }
                _ => {
                    queues.sort_unstable();
                    queues.dedup();
                    return queues;
                }
            }
        }
    }

    /// Offers a message to a queue; `false` when the queue is full and refuses.
    fn offer(&mut self, id: QueueId, message: &Arc<Message>, now: Instant) -> bool {
        self.expire_heads(id, now);
        let Some(queue) = self.queues.get_mut(&id) else { return true };
        if queue.refuses(message) {
            if queue.settings.overflow == Overflow::RejectPublishDeadLetter {
                self.letters.extend(DeadLetter::new(
                    id,
                    &queue.name,
                    &queue.settings,
                    message,
                    Reason::MaxLength,
                ));
            }
            return false;
        }
        queue.push(message.clone(), now);
        // A waiting consumer gets it even when it may not wait at all.
        self.hand_out(id, now);
        self.tend(id, now);
        true
    }

    /// Brings a queue in order after any change: drops what is too much or too old, serves its
    /// consumers, sets the clock.
    pub(super) fn tend(&mut self, id: QueueId, now: Instant) {
        if self.queues.get(&id).is_none_or(Queue::is_at_rest) {
            return;
        }
        while let Some(held) = self.queues.get_mut(&id).and_then(|queue| queue.take_surplus()) {
            self.give_up(id, &held, Reason::MaxLength);
        }
        self.expire_heads(id, now);
        self.hand_out(id, now);
        if let Some(queue) = self.queues.get_mut(&id) {
            self.letters.extend(queue.take_kept(now));
        }
        if let Some(deadline) = self.queues.get(&id).and_then(|queue| queue.deadline()) {
            self.alarm.set(deadline);
        }
    }

    fn expire_heads(&mut self, id: QueueId, now: Instant) {
        while let Some(held) = self.queues.get_mut(&id).and_then(|queue| queue.take_expired(now)) {
            self.give_up(id, &held, Reason::Expired);
        }
    }

    /// Gives the queue's messages to the consumers that have room, in turn.
    fn hand_out(&mut self, id: QueueId, now: Instant) {
        while let Some(queue) = self.queues.get_mut(&id).filter(|queue| queue.len() > 0) {
            let candidates = if queue.settings.single_active { 1 } else { queue.consumers.len() };
            let has_room = |consumer| self.consumers.get(consumer).is_some_and(|it| it.has_room());
            let Some(index) = queue.consumers.iter().take(candidates).position(has_room) else {
                return;
            };
            let Some(held) = queue.take() else { return };
            let consumer = if queue.settings.single_active {
                queue.consumers.front().copied()
            } else {
                let chosen = queue.consumers.remove(index);
                queue.consumers.extend(chosen);
                chosen
            };
            let Some(consumer) = consumer else { return };
            let counts_returns = queue.settings.counts_returns;
            self.deliver(id, consumer, held, counts_returns);
            self.expire_heads(id, now);
        }
    }

    fn deliver(
        &mut self,
        queue: QueueId,
        id: super::state::ConsumerId,
        held: Held,
        counts_returns: bool,
    ) {
        let tag = self.next_id();
        let Some(consumer) = self.consumers.get_mut(&id) else { return };
        let parcel = Parcel {
            tag: (!consumer.auto_ack).then_some(tag),
            message: held.message.clone(),
            redelivered: held.returns > 0,
            delivery_count: (counts_returns && held.returns > 0).then_some(held.returns),
        };
        self.wakers.extend(consumer.receive(parcel));
        if !consumer.auto_ack
            && let Some(unsettled) = self.connections.get_mut(&consumer.connection)
        {
            unsettled.insert(tag, Unsettled { queue, consumer: id, held });
        }
    }

    /// Settles a delivery, and answers what nobody has any more, to be dropped when the state is
    /// unlocked.
    ///
    /// # Errors
    /// When its connection is gone, and the queue has it again.
    pub(super) fn settle(
        &mut self,
        connection: ConnectionId,
        tag: u64,
        settlement: Settlement,
        now: Instant,
    ) -> Result<Option<Held>, TransportError> {
        let unsettled = self.connections.get_mut(&connection).ok_or_else(super::disconnected)?;
        // One that is unknown was settled when its queue went.
        let Some(out) = unsettled.remove(&tag) else { return Ok(None) };
        if let Some(consumer) = self.consumers.get_mut(&out.consumer) {
            consumer.release();
        }
        let done = match settlement {
            Settlement::Ack => Some(out.held),
            Settlement::Reject => {
                self.give_up(out.queue, &out.held, Reason::Rejected);
                Some(out.held)
            }
            Settlement::Requeue => {
                self.give_back(out.queue, out.held);
                None
            }
        };
        self.tend(out.queue, now);
        Ok(done)
    }

    /// Puts a message back into its queue, which the caller tends afterwards.
    pub(super) fn give_back(&mut self, id: QueueId, mut held: Held) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        held.returns = held.returns.saturating_add(1);
        let limit = queue.settings.delivery_limit.filter(|_| queue.settings.counts_returns);
        if limit.is_some_and(|limit| u64::from(held.returns) > limit) {
            self.give_up(id, &held, Reason::DeliveryLimit);
        } else {
            queue.put_back(held);
        }
    }

    /// Drops a message, by way of the dead-letter exchange where there is one.
    fn give_up(&mut self, id: QueueId, held: &Held, reason: Reason) {
        let Some(queue) = self.queues.get(&id) else { return };
        let letter = DeadLetter::new(id, &queue.name, &queue.settings, &held.message, reason);
        self.letters.extend(letter);
    }

    /// Routes the dead letters, and those that they bring about in turn. This ends: a letter that
    /// comes back to a queue that it left by itself is dropped.
    pub(super) fn route_letters(&mut self, now: Instant) {
        while let Some(letter) = self.letters.pop_front() {
            let route = &letter.message.route;
            let headers = &letter.message.properties.headers;
            let mut queues = self.route(route.exchange(), route.key(), headers);
            if let Some(keeper) = letter.kept_by
                && (queues.is_empty() || !queues.iter().all(|id| self.has_room(*id, &letter, now)))
            {
                self.keep(keeper, letter, now);
                continue;
            }
            let cycles = |queue: &Queue| letter.cycles_at(&queue.name);
            queues.retain(|id| !self.queues.get(id).is_some_and(cycles));
            for id in queues {
                self.offer(id, &letter.message, now);
            }
        }
    }

    /// Whether a queue would take a letter.
    fn has_room(&mut self, id: QueueId, letter: &DeadLetter, now: Instant) -> bool {
        self.expire_heads(id, now);
        self.queues.get(&id).is_some_and(|queue| !queue.refuses(&letter.message))
    }

    /// Has a letter wait where it comes from, until it is offered again.
    fn keep(&mut self, keeper: QueueId, letter: DeadLetter, now: Instant) {
        if let Some(queue) = self.queues.get_mut(&keeper) {
            self.alarm.set(queue.keep(letter, now));
        }
    }
}
