//! A consumer: what the broker has sent it, and its end of the [`Subscription`].
//!
//! [`Subscription`]: crate::transport::Subscription

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::broker::Broker;
use super::done::done;
use super::expiry::Now;
use super::message::Message;
use super::state::{ConnectionId, ConsumerId, QueueId, State};
use crate::topology::FieldValue;
use crate::transport::{
    BoxFuture, Deliveries, Delivery, Settle, Settlement, Source, TransportError,
};

/// A message in a consumer's inbox.
#[derive(Debug)]
pub(super) struct Parcel {
    /// None when it counts as settled.
    pub(super) tag: Option<u64>,
    pub(super) message: Arc<Message>,
    pub(super) redelivered: bool,
    /// How often it came back, where the queue counts that.
    pub(super) delivery_count: Option<u32>,
}

/// Why a consumer gets no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Cancelled,
    ByBroker(&'static str),
    Disconnected,
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) connection: ConnectionId,
    pub(super) auto_ack: bool,
    queue: QueueId,
    queue_name: Arc<str>,
    prefetch: usize,
    /// How many deliveries are out: in the inbox or in hand.
    out: usize,
    inbox: VecDeque<Parcel>,
    waker: Option<Waker>,
    ended: Option<Ended>,
}

impl Consumer {
    pub(super) fn has_room(&self) -> bool {
        self.ended.is_none() && (self.auto_ack || self.prefetch == 0 || self.out < self.prefetch)
    }

    /// Takes a delivery in, and answers whom to wake for it.
    pub(super) fn receive(&mut self, parcel: Parcel) -> Option<Waker> {
        self.out += 1;
        self.inbox.push_back(parcel);
        self.waker.take()
    }

    /// Has this woken for what comes next, and answers the one that was before.
    fn wait(&mut self, waker: &Waker) -> Option<Waker> {
        let same = self.waker.as_ref().is_some_and(|former| former.will_wake(waker));
        if same { None } else { self.waker.replace(waker.clone()) }
    }

    /// Makes room for one more.
    pub(super) fn release(&mut self) {
        self.out = self.out.saturating_sub(1);
    }

    /// Ends the consumer for the first reason given, and answers whom to wake for it.
    pub(super) fn end(&mut self, reason: Ended) -> Option<Waker> {
        if reason == Ended::Disconnected {
            self.inbox.clear();
            self.ended = Some(reason);
        }
        self.ended.get_or_insert(reason);
        self.waker.take()
    }

    /// The next delivery, or the end; none while there is neither.
    fn next(&mut self) -> Option<Result<Option<Parcel>, TransportError>> {
        if let Some(parcel) = self.inbox.pop_front() {
            return Some(Ok(Some(parcel)));
        }
        self.ended.map(|reason| match reason {
            Ended::Cancelled => Ok(None),
            Ended::Disconnected => Err(super::disconnected()),
            Ended::ByBroker(reason) => Err(TransportError::ConsumerCancelled {
                queue: self.queue_name.to_string(),
                reason: reason.to_owned(),
            }),
        })
    }
}

impl State {
    /// Adds a consumer; the error is the broker's reason to refuse it.
    pub(super) fn consume(
        &mut self,
        connection: ConnectionId,
        source: &Source,
        now: &Now,
    ) -> Result<ConsumerId, String> {
        let queue_id = self.usable_queue(connection, &source.queue)?;
        let id = self.next_consumer();
        let Some(queue) = self.queues.get_mut(&queue_id) else {
            return Err(super::declare::no_queue(&source.queue));
        };
        if queue.taken || (source.exclusive && !queue.consumers.is_empty()) {
            let name = &queue.name;
            return Err(format!("ACCESS_REFUSED - queue '{name}' in vhost '/' in exclusive use"));
        }
        queue.taken = source.exclusive;
        queue.consumers.push_back(id);
        let consumer = Consumer {
            connection,
            auto_ack: source.auto_ack,
            queue: queue_id,
            queue_name: queue.name.clone(),
            prefetch: source.prefetch.into(),
            out: 0,
            inbox: VecDeque::new(),
            waker: None,
            ended: None,
        };
        self.consumers.insert(id, consumer);
        self.tend(queue_id, now);
        Ok(id)
    }

    /// Takes a consumer off its queue, and answers the queue, to be tended.
    pub(super) fn end_consumer(
        &mut self,
        id: ConsumerId,
        reason: Ended,
        now: &Now,
    ) -> Option<QueueId> {
        let consumer = self.consumers.get_mut(&id)?;
        self.wakers.extend(consumer.end(reason));
        let queue = self.queues.get_mut(&consumer.queue)?;
        let place = queue.consumers.iter().position(|other| *other == id)?;
        queue.consumers.remove(place);
        queue.taken = false;
        queue.touch(now.get());
        Some(consumer.queue)
    }

    fn cancel(&mut self, id: ConsumerId, now: &Now) {
        if let Some(queue) = self.end_consumer(id, Ended::Cancelled, now) {
            self.remove_if_unused(queue);
            self.tend(queue, now);
        }
    }

    /// Forgets a consumer; what it has not handed out goes back. Its waker is the caller's to
    /// drop, when the state is unlocked: that may drop a task, and whatever the task holds.
    fn drop_consumer(&mut self, id: ConsumerId, now: &Now) -> Option<Waker> {
        let mut touched: BTreeSet<_> =
            self.end_consumer(id, Ended::Cancelled, now).into_iter().collect();
        let consumer = self.consumers.remove(&id)?;
        for tag in consumer.inbox.into_iter().filter_map(|parcel| parcel.tag) {
            let unsettled = self.connections.get_mut(&consumer.connection);
            if let Some(out) = unsettled.and_then(|unsettled| unsettled.remove(&tag)) {
                touched.insert(out.queue);
                self.give_back(out.queue, out.held);
            }
        }
        for queue in touched {
            self.remove_if_unused(queue);
            self.tend(queue, now);
        }
        consumer.waker
    }
}

/// Settles the deliveries of one consumer.
struct Settler {
    broker: Arc<Broker>,
    connection: ConnectionId,
}

impl Settle for Settler {
    fn settle(
        &self,
        tag: u64,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), TransportError>> {
        let settle =
            |state: &mut State, now: &Now| state.settle(self.connection, tag, settlement, now);
        done(self.broker.with(settle).map(drop))
    }

    fn abandon(&self, tag: u64) {
        let requeue = |state: &mut State, now: &Now| {
            state.settle(self.connection, tag, Settlement::Requeue, now)
        };
        // Where the connection is gone, the queue has it already.
        drop(self.broker.with(requeue));
    }
}

/// The consumer's end of a subscription.
pub(super) struct Inbox {
    broker: Arc<Broker>,
    consumer: ConsumerId,
    settler: Arc<Settler>,
}

impl Inbox {
    pub(super) fn new(broker: Arc<Broker>, connection: ConnectionId, consumer: ConsumerId) -> Self {
        let settler = Arc::new(Settler { broker: broker.clone(), connection });
        Self { broker, consumer, settler }
    }

    fn open(&self, parcel: Parcel) -> Delivery {
        let Parcel { tag, message, redelivered, delivery_count } = parcel;
        // Who settles nothing may well have the only copy.
        let message = Arc::try_unwrap(message).unwrap_or_else(|shared| Message::clone(&shared));
        let Message { body, mut properties, route } = message;
        if let Some(count) = delivery_count {
            properties.set_header("x-delivery-count", FieldValue::Int(count.into()));
        }
        let settler = tag.map(|tag| (Arc::clone(&self.settler) as Arc<dyn Settle>, tag));
        Delivery::new(body, properties, route, redelivered, settler)
    }
}

impl Deliveries for Inbox {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Delivery>, TransportError>> {
        // Without this, a consumer that always finds something would starve its neighbours.
        let budget = ready!(tokio::task::coop::poll_proceed(cx));
        let (next, _former_waker) = self.broker.take(|state| {
            let Some(consumer) = state.consumers.get_mut(&self.consumer) else {
                return (Some(Err(super::disconnected())), None);
            };
            let next = consumer.next();
            let former = next.is_none().then(|| consumer.wait(cx.waker())).flatten();
            (next, former)
        });
        let Some(next) = next else { return Poll::Pending };
        budget.made_progress();
        Poll::Ready(next.map(|parcel| parcel.map(|parcel| self.open(parcel))))
    }

    fn cancel(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let connected = self.broker.with(|state, now| {
                state.cancel(self.consumer, now);
                state.connections.contains_key(&self.settler.connection)
            });
            if connected { Ok(()) } else { Err(super::disconnected()) }
        })
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let _waker = self.broker.with(|state, now| state.drop_consumer(self.consumer, now));
    }
}
