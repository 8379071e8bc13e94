//! Everything that the broker knows. The rooms beside this one say what may happen to it:
//! `declare` its topology, `flow` its messages, `consumer` its consumers, `expiry` its clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use super::consumer::{Consumer, Ended};
use super::dead_letter::DeadLetter;
use super::exchange::Exchange;
use super::expiry::{Alarm, Now};
use super::few::Few;
use super::message::Held;
use super::queue::Queue;
use crate::own_ids::ByOwnId;
use crate::topology::{Exchange as Description, ExchangeKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct QueueId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ConnectionId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ConsumerId(u64);

/// A delivery that is out.
#[derive(Debug)]
pub(super) struct Unsettled {
    pub(super) queue: QueueId,
    pub(super) consumer: ConsumerId,
    pub(super) held: Held,
}

/// What is walked through is in order, so that a run in paused time wakes the same ones first each
/// time.
#[derive(Debug)]
pub(super) struct State {
    pub(super) exchanges: BTreeMap<String, Exchange>,
    pub(super) queues: BTreeMap<QueueId, Queue>,
    pub(super) names: BTreeMap<Arc<str>, QueueId>,
    /// The open connections, each with its deliveries that are out, by their tags.
    pub(super) connections: BTreeMap<ConnectionId, ByOwnId<u64, Unsettled>>,
    pub(super) consumers: BTreeMap<ConsumerId, Consumer>,
    /// Dead letters that are still to be routed.
    pub(super) letters: VecDeque<DeadLetter>,
    /// Whom to wake when the state is unlocked.
    pub(super) wakers: Few<Waker>,
    pub(super) alarm: Alarm,
    last_id: u64,
}

impl State {
    /// A broker with nothing but the exchanges that every RabbitMQ has.
    pub(super) fn new() -> Self {
        let predeclared = [
            ("amq.direct", ExchangeKind::Direct),
            ("amq.fanout", ExchangeKind::Fanout),
            ("amq.topic", ExchangeKind::Topic),
            ("amq.headers", ExchangeKind::Headers),
            ("amq.match", ExchangeKind::Headers),
        ];
        let exchanges = predeclared.map(|(name, kind)| {
            (name.to_owned(), Exchange::new(&Description::declared(name, kind)))
        });
        Self {
            exchanges: exchanges.into(),
            queues: BTreeMap::new(),
            names: BTreeMap::new(),
            connections: BTreeMap::new(),
            consumers: BTreeMap::new(),
            letters: VecDeque::new(),
            wakers: Few::new(),
            alarm: Alarm::default(),
            last_id: 0,
        }
    }

    /// A number that nothing else in this broker has.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn next_queue(&mut self) -> QueueId {
        QueueId(self.next_id())
    }

    pub(super) fn next_consumer(&mut self) -> ConsumerId {
        ConsumerId(self.next_id())
    }

    pub(super) fn open_connection(&mut self) -> ConnectionId {
        let connection = ConnectionId(self.next_id());
        self.connections.insert(connection, ByOwnId::default());
        connection
    }

    /// Ends a connection: its consumers end, what it has not settled goes back, its exclusive
    /// queues go.
    pub(super) fn close_connection(&mut self, connection: ConnectionId, now: &Now) {
        let Some(unsettled) = self.connections.remove(&connection) else { return };
        let own = |consumer: &Consumer| consumer.connection == connection;
        let consumers: Vec<_> =
            self.consumers.iter().filter(|(_, it)| own(it)).map(|(id, _)| *id).collect();
        let mut touched = BTreeSet::new();
        for id in consumers {
            touched.extend(self.end_consumer(id, Ended::Disconnected, now));
        }
        let exclusive: Vec<_> = self
            .queues
            .iter()
            .filter(|(_, queue)| queue.owner == Some(connection))
            .map(|(id, _)| *id)
            .collect();
        for id in exclusive {
            self.remove_queue(id, "its connection was closed");
        }
        let mut unsettled: Vec<_> = unsettled.into_iter().collect();
        unsettled.sort_unstable_by_key(|(tag, _)| *tag);
        for (_, out) in unsettled {
            touched.insert(out.queue);
            self.give_back(out.queue, out.held);
        }
        for id in touched {
            self.remove_if_unused(id);
            self.tend(id, now);
        }
    }

    /// Removes a queue with what is in it, its bindings and its consumers.
    pub(super) fn remove_queue(&mut self, id: QueueId, reason: &'static str) {
        let Some(queue) = self.queues.remove(&id) else { return };
        self.names.remove(&queue.name);
        self.exchanges.retain(|_, exchange| {
            let before = exchange.bindings.len();
            exchange.bindings.retain(|bound| bound.queue != id);
            let lost_the_last = before > 0 && exchange.bindings.is_empty();
            !(exchange.auto_delete && lost_the_last)
        });
        for consumer in queue.consumers {
            if let Some(consumer) = self.consumers.get_mut(&consumer) {
                self.wakers.extend(consumer.end(Ended::ByBroker(reason)));
            }
        }
    }

    /// Removes an auto-delete queue whose last consumer has gone.
    pub(super) fn remove_if_unused(&mut self, id: QueueId) {
        let unused = |queue: &Queue| queue.auto_delete && queue.consumers.is_empty();
        if self.queues.get(&id).is_some_and(unused) {
            self.remove_queue(id, "the queue was deleted with its last consumer");
        }
    }
}
