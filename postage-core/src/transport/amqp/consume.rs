//! Consuming: a channel for each consumer, with a prefetch of its own.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::sync::oneshot;

use super::convert;
use super::direct::{Carrier, Inbox, Incoming};
use super::fault::{self, Loss};
use super::session::Session;
use super::wire::Wire;
use crate::transport::{
    BoxFuture, Deliveries, Delivery, Settle, Settlement, Source, Subscription, TransportError,
};

impl Session {
    pub(super) async fn consume(&self, source: Source) -> Result<Subscription, TransportError> {
        let operation = || format!("consume the queue `{}`", source.queue);
        let queue = convert::short("the queue's name", &source.queue)
            .map_err(|reason| fault::refused(operation(), reason))?;
        // By a task of its own, which ends with the answer of the broker or with the connection: the
        // consumer of one that is given up meanwhile would have messages that nobody reads.
        let connection = Arc::clone(&self.consuming);
        let starting = start(Arc::clone(&connection), queue, source.clone());
        let started = tokio::spawn(async move {
            let operation = || format!("consume the queue `{}`", source.queue);
            connection.unless_closed(starting, operation).await
        });
        // It is not aborted, and does not panic.
        started.await.map_err(|_| fault::closed())?.map(Subscription::new)
    }
}

async fn start(
    connection: Arc<Wire>,
    queue: ShortString,
    source: Source,
) -> lapin::Result<AmqpDeliveries> {
    let channel = connection.create_channel().await?;
    let inbox = Inbox::new(channel.id(), !source.auto_ack, connection.direct());
    connection.direct().carry(channel.id(), &Carrier::Consumer(Arc::clone(&inbox)));
    if source.prefetch > 0 {
        channel.basic_qos(source.prefetch, BasicQosOptions::default()).await?;
    }
    let options = BasicConsumeOptions {
        no_local: false,
        no_ack: source.auto_ack,
        exclusive: source.exclusive,
        nowait: false,
    };
    let tag = ShortString::default();
    let consumer = channel.basic_consume(queue, tag, options, FieldTable::default()).await?;
    let (left, waits) = oneshot::channel();
    // Ends with the subscription, or with the channel.
    tokio::spawn(give_back(waits, Arc::clone(&inbox), channel.clone()));
    let settler = Settler { inbox: Arc::clone(&inbox), _channel: channel.clone() };
    Ok(AmqpDeliveries {
        settler: (!source.auto_ack).then(|| Arc::new(settler) as _),
        consumer: Some(consumer),
        inbox,
        prefetch: source.prefetch,
        channel,
        connection,
        queue: source.queue.into_owned(),
        cancelled: false,
        ended: None,
        left: Some(left),
    })
}

/// A consumer's deliveries. Its channel stays open for as long as a delivery of it can be settled.
struct AmqpDeliveries {
    /// lapin's own, which has no messages and says how it ends.
    consumer: Option<Consumer>,
    inbox: Arc<Inbox>,
    prefetch: u16,
    channel: Channel,
    connection: Arc<Wire>,
    queue: String,
    settler: Option<Arc<dyn Settle>>,
    cancelled: bool,
    /// How it ended; told for ever after.
    ended: Option<Result<(), TransportError>>,
    left: Option<oneshot::Sender<Left>>,
}

/// A consumer that was left.
struct Left {
    consumer: Consumer,
}

impl AmqpDeliveries {
    fn delivery(&self, incoming: Incoming) -> Delivery {
        let Incoming { tag, redelivered, route, properties, body } = incoming;
        let settler = self.settler.clone().map(|settler| (settler, tag));
        Delivery::new(body, properties, route, redelivered, settler)
    }

    /// What it means that no more deliveries come.
    fn end(&self, error: Option<lapin::Error>) -> Result<(), TransportError> {
        match error {
            Some(error) => match fault::refusal(&error) {
                Some(reason) => Err(self.cancelled_because(reason)),
                None => Err(self.connection.why_lost(&error)),
            },
            None if self.cancelled && self.channel.status().connected() => Ok(()),
            None if self.channel.status().connected() => Err(self.cancelled_because(
                "the broker cancelled it; was the queue deleted, or its leader lost?",
            )),
            None if self.connection.status().connected() => {
                Err(self.cancelled_because("its channel was closed"))
            }
            None => {
                Err(self.connection.direct().loss().unwrap_or_else(Loss::closed).disconnected())
            }
        }
    }

    fn cancelled_because(&self, reason: &str) -> TransportError {
        let (queue, reason) = (self.queue.clone(), reason.to_owned());
        TransportError::ConsumerCancelled { queue, reason }
    }
}

impl Deliveries for AmqpDeliveries {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Delivery>, TransportError>> {
        if let Poll::Ready(incoming) = self.inbox.poll(cx) {
            return Poll::Ready(Ok(Some(self.delivery(incoming))));
        }
        if let Some(ended) = &self.ended {
            return Poll::Ready(ended.clone().map(|()| None));
        }
        let Some(consumer) = &mut self.consumer else { return Poll::Ready(Ok(None)) };
        let error = match Pin::new(consumer).poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Err(error))) => Some(error),
            Poll::Ready(Some(Ok(_)) | None) => None,
        };
        let ended = self.end(error);
        self.ended = Some(ended.clone());
        // What came before the end is handed out before it.
        match self.inbox.poll(cx) {
            Poll::Ready(incoming) => Poll::Ready(Ok(Some(self.delivery(incoming)))),
            Poll::Pending => Poll::Ready(ended.map(|()| None)),
        }
    }

    fn cancel(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let Some(consumer) = self.consumer.as_ref().filter(|_| !self.cancelled) else {
                return Ok(());
            };
            self.cancelled = true;
            let cancel = self.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
            let operation = || format!("cancel the consumer of the queue `{}`", self.queue);
            self.connection.unless_closed(cancel, operation).await
        })
    }

    fn settled(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            self.connection.direct().flushed().await;
            // The broker answers what comes on a channel in its order.
            let asked = self.channel.basic_qos(self.prefetch, BasicQosOptions::default());
            let operation = || format!("settle messages of the queue `{}`", self.queue);
            self.connection.unless_closed(asked, operation).await
        })
    }
}

impl Drop for AmqpDeliveries {
    fn drop(&mut self) {
        let (Some(left), Some(consumer)) = (self.left.take(), self.consumer.take()) else { return };
        if self.ended.is_some() {
            return self.inbox.let_go();
        }
        // Before its holder can drop a delivery: what is given back before the consumer has ended would
        // come here once more, and a queue that counts deliveries would count that.
        self.inbox.hold();
        let _ = left.send(Left { consumer });
    }
}

/// When the subscription is left, ends the consumer and gives back what it had not handed out.
/// What it had handed out can still be settled.
async fn give_back(left: oneshot::Receiver<Left>, inbox: Arc<Inbox>, channel: Channel) {
    let Ok(Left { consumer }) = left.await else { return };
    let cancel = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
    tokio::select! {
        biased;
        // An error says that the broker has ended it already.
        _ = cancel => {}
        _ = inbox.closed() => {}
    }
    inbox.let_go();
}

/// Settles over the channel that delivered, which stays open for that.
struct Settler {
    inbox: Arc<Inbox>,
    _channel: Channel,
}

impl Settle for Settler {
    fn settle(
        &self,
        tag: u64,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), TransportError>> {
        let settled = self.inbox.settle(tag, settlement);
        Box::pin(ready(settled.map_err(|loss| loss.disconnected())))
    }

    fn abandon(&self, tag: u64) {
        // Where the channel is gone, the queue has it again already.
        let _ = self.inbox.settle(tag, Settlement::Requeue);
    }
}
