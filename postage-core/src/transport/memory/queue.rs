//! A queue: what waits in it, in which order, and who consumes it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::consumer::Consumer;
use super::dead_letter::DeadLetter;
use super::expiry::Now;
use super::message::{Held, Message, Place};
use super::settings::Settings;
use super::state::{ConnectionId, ConsumerId};
use crate::topology::{Arguments, Overflow, Queue as Description};

/// After how long a dead letter that was not taken is offered again.
const OFFERED_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: Arc<str>,
    /// The connection that an exclusive queue belongs to.
    pub(super) owner: Option<ConnectionId>,
    pub(super) durable: bool,
    pub(super) auto_delete: bool,
    pub(super) arguments: Arguments,
    pub(super) settings: Settings,
    /// In turn: the next to be served is in front.
    pub(super) consumers: VecDeque<ConsumerId>,
    /// Whether its consumer wants to be the only one.
    pub(super) taken: bool,
    unused_since: Instant,
    ready: BTreeMap<Place, Held>,
    ready_bytes: u64,
    next_number: u64,
    /// The dead letters that were not taken, and when they are offered again.
    kept: VecDeque<DeadLetter>,
    offered_again: Option<Instant>,
}

impl Queue {
    pub(super) fn new(
        name: Arc<str>,
        description: &Description,
        settings: Settings,
        owner: Option<ConnectionId>,
        now: Instant,
    ) -> Self {
        Self {
            name,
            owner,
            durable: description.durable && owner.is_none(),
            auto_delete: description.auto_delete,
            arguments: description.arguments(),
            settings,
            consumers: VecDeque::new(),
            taken: false,
            unused_since: now,
            ready: BTreeMap::new(),
            ready_bytes: 0,
            next_number: 0,
            kept: VecDeque::new(),
            offered_again: None,
        }
    }

    /// Whether one more message of this size is over a limit that refuses.
    pub(super) fn refuses(&self, message: &Message) -> bool {
        let bytes = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
        self.settings.overflow != Overflow::DropHead
            && self.is_over(self.len().saturating_add(1), self.ready_bytes.saturating_add(bytes))
    }

    /// Gives a message its place, behind all of its priority. It is not in the queue yet.
    pub(super) fn receive(&mut self, message: Arc<Message>, now: &Now) -> Held {
        let priority = message.properties.priority.unwrap_or(0).min(self.settings.max_priority);
        let place = (Reverse(priority), self.next_number);
        self.next_number += 1;
        let expires = self.time_to_live(&message).and_then(|ttl| now.get().checked_add(ttl));
        Held { place, message, expires, returns: 0 }
    }

    /// Puts a message at its place.
    pub(super) fn put(&mut self, held: Held) {
        self.ready_bytes = self.ready_bytes.saturating_add(held.bytes());
        self.ready.insert(held.place, held);
    }

    /// The consumer whose turn it is, if one has room.
    pub(super) fn next_consumer(
        &mut self,
        consumers: &BTreeMap<ConsumerId, Consumer>,
    ) -> Option<ConsumerId> {
        let candidates = if self.settings.single_active { 1 } else { self.consumers.len() };
        let has_room = |id| consumers.get(id).is_some_and(Consumer::has_room);
        let index = self.consumers.iter().take(candidates).position(has_room)?;
        let chosen = *self.consumers.get(index)?;
        if candidates > 1 {
            // It comes after all others now; those that were passed over are next.
            self.consumers.remove(index);
            self.consumers.push_back(chosen);
        }
        Some(chosen)
    }

    /// Takes the message at the head.
    pub(super) fn take(&mut self) -> Option<Held> {
        let (_, held) = self.ready.pop_first()?;
        self.ready_bytes = self.ready_bytes.saturating_sub(held.bytes());
        Some(held)
    }

    /// Takes the message at the head when its time is over. One further back waits its turn, as
    /// in RabbitMQ.
    pub(super) fn take_expired(&mut self, now: &Now) -> Option<Held> {
        let (_, head) = self.ready.first_key_value()?;
        if head.is_expired(now) { self.take() } else { None }
    }

    /// Takes the message at the head while the queue is over a limit.
    pub(super) fn take_surplus(&mut self) -> Option<Held> {
        if self.is_over(self.len(), self.ready_bytes) { self.take() } else { None }
    }

    /// Keeps a dead letter that was not taken, and answers when it is offered again.
    pub(super) fn keep(&mut self, letter: DeadLetter, now: Instant) -> Instant {
        self.kept.push_back(letter);
        *self.offered_again.get_or_insert(now + OFFERED_AGAIN)
    }

    /// Takes the dead letters that are to be offered again.
    pub(super) fn take_kept(&mut self, now: &Now) -> VecDeque<DeadLetter> {
        if self.offered_again.is_none_or(|at| at > now.get()) {
            return VecDeque::new();
        }
        self.offered_again = None;
        mem::take(&mut self.kept)
    }

    /// When the queue next needs attention: its head expires, letters are offered again, or it goes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let head = self.ready.first_key_value().and_then(|(_, held)| held.expires);
        [head, self.offered_again, self.end()].into_iter().flatten().min()
    }

    /// Whether there is nothing to do for it before something happens to it.
    pub(super) fn is_at_rest(&self) -> bool {
        self.ready.is_empty() && self.offered_again.is_none() && self.end().is_none()
    }

    /// When the queue goes for want of use.
    pub(super) fn end(&self) -> Option<Instant> {
        let after = self.settings.expires.filter(|_| self.consumers.is_empty())?;
        self.unused_since.checked_add(after)
    }

    /// Notes that the queue is in use now.
    pub(super) fn touch(&mut self, now: Instant) {
        self.unused_since = now;
    }

    /// How many messages wait in it.
    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.ready.len()).unwrap_or(u64::MAX)
    }

    /// How many dead letters it keeps.
    #[cfg(feature = "testing")]
    pub(super) fn kept(&self) -> usize {
        self.kept.len()
    }

    fn is_over(&self, length: u64, bytes: u64) -> bool {
        self.settings.max_length.is_some_and(|limit| length > limit)
            || self.settings.max_bytes.is_some_and(|limit| bytes > limit)
    }

    fn time_to_live(&self, message: &Message) -> Option<Duration> {
        let own = message.properties.expiration;
        [own, self.settings.message_ttl].into_iter().flatten().min()
    }
}
