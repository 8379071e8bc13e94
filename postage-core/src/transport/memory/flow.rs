//! What happens to messages: they are routed, wait, are handed out, settled, given up.

use std::sync::Arc;

use super::consumer::Parcel;
use super::dead_letter::{DeadLetter, Reason};
use super::exchange::Exchange;
use super::expiry::Now;
use super::few::Few;
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
    pub(super) fn publish(&mut self, message: &Arc<Message>, now: &Now) -> Result<Outcome, String> {
        let (exchange, key) = (message.route.exchange(), message.route.key());
        let queues = if exchange.is_empty() {
            self.route_to_queue(key)
        } else {
            let found = self.exchanges.get(exchange);
            let found = found.ok_or_else(|| super::declare::no_exchange(exchange))?;
            if found.internal {
                return Err(format!(
                    "ACCESS_REFUSED - cannot publish to internal exchange '{exchange}' in vhost '/'"
                ));
            }
            self.route_over(found, key, &message.properties.headers)
        };
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

    /// The queues that get a message, each once and in their order.
    pub(super) fn route(&self, exchange: &str, key: &str, headers: &Headers) -> Few<QueueId> {
        if exchange.is_empty() {
            return self.route_to_queue(key);
        }
        let found = self.exchanges.get(exchange);
        found.map(|found| self.route_over(found, key, headers)).unwrap_or_default()
    }

    fn route_to_queue(&self, name: &str) -> Few<QueueId> {
        self.names.get(name).copied().into_iter().collect()
    }

    /// What an exchange cannot route goes to its alternate.
    fn route_over(&self, exchange: &Exchange, key: &str, headers: &Headers) -> Few<QueueId> {
        let (mut exchange, mut seen) = (exchange, Vec::new());
        loop {
            let queues: Few<_> = exchange.matching(key, headers).collect();
            let alternate = exchange.alternate.as_ref().and_then(FieldValue::as_str);
            let next = alternate.filter(|name| queues.is_empty() && !seen.contains(name));
            match next {
                None => return queues.in_order(),
                Some("") => return self.route_to_queue(key),
                Some(name) => {
                    seen.push(name);
                    let Some(found) = self.exchanges.get(name) else { return Few::new() };
                    exchange = found;
                }
            }
        }
    }

    /// Offers a message to a queue; `false` when the queue is full and refuses.
    fn offer(&mut self, id: QueueId, message: &Arc<Message>, now: &Now) -> bool {
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
        let held = queue.receive(message.clone(), now);
        // A waiting consumer gets it even when it may not wait at all.
        if queue.len() == 0
            && let Some(consumer) = queue.next_consumer(&self.consumers)
        {
            let counts_returns = queue.settings.counts_returns;
            self.deliver(id, consumer, held, counts_returns);
        } else {
            queue.put(held);
            self.hand_out(id, now);
        }
        self.tend(id, now);
        true
    }

    /// Brings a queue in order after any change: drops what is too much or too old, serves its
    /// consumers, sets the clock.
    pub(super) fn tend(&mut self, id: QueueId, now: &Now) {
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

    fn expire_heads(&mut self, id: QueueId, now: &Now) {
        while let Some(held) = self.queues.get_mut(&id).and_then(|queue| queue.take_expired(now)) {
            self.give_up(id, &held, Reason::Expired);
        }
    }

    /// Gives the queue's messages to the consumers that have room, in turn.
    fn hand_out(&mut self, id: QueueId, now: &Now) {
        while let Some(queue) = self.queues.get_mut(&id).filter(|queue| queue.len() > 0) {
            let Some(consumer) = queue.next_consumer(&self.consumers) else { return };
            let Some(held) = queue.take() else { return };
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
        let parcel = |tag, message| Parcel {
            tag,
            message,
            redelivered: held.returns > 0,
            delivery_count: (counts_returns && held.returns > 0).then_some(held.returns),
        };
        if consumer.auto_ack {
            self.wakers.extend(consumer.receive(parcel(None, held.message)));
            return;
        }
        self.wakers.extend(consumer.receive(parcel(Some(tag), held.message.clone())));
        if let Some(unsettled) = self.connections.get_mut(&consumer.connection) {
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
        now: &Now,
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
            queue.put(held);
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
    pub(super) fn route_letters(&mut self, now: &Now) {
        while let Some(letter) = self.letters.pop_front() {
            let route = &letter.message.route;
            let headers = &letter.message.properties.headers;
            let queues = self.route(route.exchange(), route.key(), headers);
            if let Some(keeper) = letter.kept_by
                && (queues.is_empty() || !queues.iter().all(|id| self.has_room(*id, &letter, now)))
            {
                self.keep(keeper, letter, now);
                continue;
            }
            let cycles = |queue: &Queue| letter.cycles_at(&queue.name);
            for id in queues {
                if self.queues.get(&id).is_some_and(cycles) {
                    continue;
                }
                self.offer(id, &letter.message, now);
            }
        }
    }

    /// Whether a queue would take a letter.
    fn has_room(&mut self, id: QueueId, letter: &DeadLetter, now: &Now) -> bool {
        self.expire_heads(id, now);
        self.queues.get(&id).is_some_and(|queue| !queue.refuses(&letter.message))
    }

    /// Has a letter wait where it comes from, until it is offered again.
    fn keep(&mut self, keeper: QueueId, letter: DeadLetter, now: &Now) {
        if let Some(queue) = self.queues.get_mut(&keeper) {
            self.alarm.set(queue.keep(letter, now.get()));
        }
    }
}
