//! One of the two brokers: how things are named on it, done to it and read from it.

use postage_core::transport::{Delivery, Subscription, TransportError};
use postage_core::{Binding, Exchange, ExchangeKind, FieldValue, Queue, Route};

use super::step::{EXCHANGES, Link, QUEUES, Step};
use crate::world::{World, exists, publication, source, text, within};

pub(super) struct Side {
    link: crate::world::Link,
    suffix: String,
}

impl Side {
    pub(super) async fn of(world: World) -> Self {
        Self { link: world.connect().await, suffix: world.name("") }
    }

    fn exchange(&self, exchange: usize) -> String {
        match exchange {
            EXCHANGES => String::new(),
            other => format!("exchange-{other}{}", self.suffix),
        }
    }

    fn queue(&self, queue: usize) -> String {
        self.key(&format!("queue-{queue}"))
    }

    /// A key; one that names a queue gets the suffix of its name.
    fn key(&self, key: &str) -> String {
        if key.starts_with("queue-") { format!("{key}{}", self.suffix) } else { key.to_owned() }
    }

    fn binding(&self, link: &Link) -> Binding {
        let exchange = Exchange::new(self.exchange(link.exchange), ExchangeKind::Direct);
        let binding = Binding::new(exchange, self.queue(link.queue), self.key(link.key));
        match link.matching {
            None => binding,
            Some(how) => binding.argument("x-match", how).argument("one", 1).argument("x-two", 2),
        }
    }

    /// Does a step, other than taking, and tells in a word how it went.
    pub(super) async fn act(&self, number: usize, step: &Step) -> &'static str {
        match within("an answer", self.try_to(number, step.clone())).await {
            Ok(()) => "done",
            Err(TransportError::Refused { reason, .. }) => {
                let words =
                    ["NOT_FOUND", "PRECONDITION_FAILED", "ACCESS_REFUSED", "RESOURCE_LOCKED"];
                let word = words.into_iter().find(|word| reason.contains(word));
                word.unwrap_or_else(|| panic!("refused otherwise: {reason}"))
            }
            Err(TransportError::Unroutable { .. }) => "unroutable",
            Err(TransportError::NotConfirmed { .. }) => "not confirmed",
            Err(other) => panic!("failed: {other}"),
        }
    }

    async fn try_to(&self, number: usize, step: Step) -> Result<(), TransportError> {
        match step {
            Step::DeclareExchange { exchange, kind, durable, auto_delete, internal, alternate } => {
                let it = Exchange::new(self.exchange(exchange), kind)
                    .durable(durable)
                    .auto_delete(auto_delete)
                    .internal(internal);
                let it = alternate.into_iter().fold(it, |it, to| it.alternate(self.exchange(to)));
                self.link.declare_exchange(&it).await
            }
            Step::DeclareQueue {
                queue,
                auto_delete,
                max_length,
                overflow,
                dead_letter,
                max_priority,
            } => {
                let mut it = Queue::new(self.queue(queue)).auto_delete(auto_delete);
                it = max_length.into_iter().fold(it, Queue::max_length);
                it = overflow.into_iter().fold(it, Queue::overflow);
                if let Some((exchange, key)) = dead_letter {
                    it = it.dead_letter(self.exchange(exchange));
                    it = key.into_iter().fold(it, |it, key| it.dead_letter_key(self.key(key)));
                }
                it = max_priority
                    .into_iter()
                    .fold(it, |it, rank| it.argument("x-max-priority", rank));
                self.link.declare_queue(&it).await.map(drop)
            }
            Step::DeleteQueue(queue) => self.link.delete_queue(&self.queue(queue)).await,
            Step::Bind(link) => self.link.bind(&self.binding(&link)).await,
            Step::Unbind(link) => self.link.unbind(&self.binding(&link)).await,
            Step::Publish { exchange, key, headers, priority } => {
                let route = Route::new(self.exchange(exchange), self.key(key));
                let mut it = publication(route, number.to_string());
                it.properties.priority = priority;
                if headers.0 {
                    it.properties.set_header("one", 1);
                }
                if headers.1 {
                    it.properties.set_header("x-two", 2);
                }
                self.link.publish(it).await
            }
            Step::Take(..) => Ok(()),
        }
    }

    /// Consumes one at a time; none when the queue is missing.
    pub(super) async fn consume(&self, queue: usize) -> Option<Subscription> {
        let source = source(&self.queue(queue)).prefetch(1);
        within("a consumer", self.link.consume(source)).await.ok()
    }

    /// Waits until every queue has done what it was told: it answers when its turn comes. What
    /// one queue sends on to the next takes another round.
    pub(super) async fn settle_down(&self) {
        for _ in 0..3 {
            for queue in 0..QUEUES {
                exists(&self.link, &self.queue(queue)).await;
            }
        }
    }

    /// Leaves nothing behind on a broker that others use.
    pub(super) async fn clear(&self) {
        for queue in 0..QUEUES {
            let deleted = within("a deletion", self.link.delete_queue(&self.queue(queue))).await;
            deleted.expect("the queue is deleted");
        }
    }

    /// What a delivery says, apart from names and times that are this side's own.
    pub(super) fn show(&self, delivery: &Delivery) -> String {
        let mut headers =
            FieldValue::Table(delivery.properties.headers.clone().into_iter().collect());
        make_plain(&mut headers);
        let (route, priority) = (&delivery.route, delivery.properties.priority);
        let again = delivery.redelivered;
        let text = text(delivery);
        format!("{text} to {route}, priority {priority:?}, redelivered {again}, {headers:?}")
            .replace(&self.suffix, "")
    }
}

/// Takes out of a header what two brokers need not agree on: time, and the order in a table.
fn make_plain(value: &mut FieldValue) {
    match value {
        FieldValue::List(values) => values.iter_mut().for_each(make_plain),
        FieldValue::Table(table) => {
            table.sort_by(|(left, _), (right, _)| left.cmp(right));
            table.iter_mut().for_each(|(_, value)| make_plain(value));
        }
        FieldValue::Timestamp(time) => *time = 0,
        _ => {}
    }
}
