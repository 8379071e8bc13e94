//! Consuming: a channel for each consumer, with a prefetch of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::sync::oneshot;

use super::session::Session;
use super::wire::Wire;
use super::{convert, fault};
use crate::topology::Route;
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
        let started = tokio::spawn(start(Arc::clone(&self.consuming), queue, source.clone())).await;
        // It is not aborted, and does not panic.
        let started = started.map_err(|_| fault::closed())?;
        started.map(Subscription::new).map_err(|error| fault::of_operation(&error, operation))
    }
}

async fn start(
    connection: Arc<Wire>,
    queue: ShortString,
    source: Source,
) -> lapin::Result<AmqpDeliveries> {
    let channel = connection.create_channel().await?;
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
    tokio::spawn(give_back(waits, channel.clone(), source.auto_ack));
    Ok(AmqpDeliveries {
        settler: (!source.auto_ack).then(|| Arc::new(Settler { channel: channel.clone() }) as _),
        consumer: Some(consumer),
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
    consumer: Option<Consumer>,
    channel: Channel,
    connection: Arc<Wire>,
    queue: String,
    settler: Option<Arc<dyn Settle>>,
    cancelled: bool,
    /// How it ended; told for ever after.
    ended: Option<Result<(), TransportError>>,
    left: Option<oneshot::Sender<Left>>,
}

/// A consumer that was left, and its ending, where that is still under way.
struct Left {
    consumer: Consumer,
    cancelled: Option<BoxFuture<'static, ()>>,
}

impl AmqpDeliveries {
    fn delivery(&self, delivery: lapin::message::Delivery) -> Delivery {
        let settler = self.settler.clone().map(|settler| (settler, delivery.delivery_tag));
        Delivery::new(
            Bytes::from(delivery.data),
            convert::from_basic(&delivery.properties),
            Route::new(String::from(delivery.exchange), String::from(delivery.routing_key)),
            delivery.redelivered,
            settler,
        )
    }

    /// What it means that no more deliveries come.
    fn end(&self, error: Option<lapin::Error>) -> Result<(), TransportError> {
        match error {
            Some(error) => match fault::refusal(&error) {
                Some(reason) => Err(self.cancelled_because(reason)),
                None => Err(fault::disconnected(&error)),
            },
            None if self.cancelled && self.channel.status().connected() => Ok(()),
            None if self.channel.status().connected() => Err(self.cancelled_because(
                "the broker cancelled it; was the queue deleted, or its leader lost?",
            )),
            None if self.connection.status().connected() => {
                Err(self.cancelled_because("its channel was closed"))
            }
            None => Err(fault::closed()),
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
        if let Some(ended) = &self.ended {
            return Poll::Ready(ended.clone().map(|()| None));
        }
        let Some(consumer) = &mut self.consumer else { return Poll::Ready(Ok(None)) };
        let error = match Pin::new(consumer).poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(delivery))) => {
                return Poll::Ready(Ok(Some(self.delivery(delivery))));
            }
            Poll::Ready(Some(Err(error))) => Some(error),
            Poll::Ready(None) => None,
        };
        let ended = self.end(error);
        self.ended = Some(ended.clone());
        Poll::Ready(ended.map(|()| None))
    }

    fn cancel(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let Some(consumer) = self.consumer.as_ref().filter(|_| !self.cancelled) else {
                return Ok(());
            };
            self.cancelled = true;
            let cancel = self.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
            cancel.await.map_err(|error| fault::disconnected(&error))
        })
    }
}

impl Drop for AmqpDeliveries {
    fn drop(&mut self) {
        if let (Some(left), Some(consumer)) = (self.left.take(), self.consumer.take())
            && self.ended.is_none()
        {
            let mut cancelled = cancel(self.channel.clone(), consumer.tag());
            // Asked for before its holder can drop a delivery: what is given back then would come
            // here once more, and a queue that counts deliveries would count that.
            let under_way = (&mut cancelled).now_or_never().is_none();
            let cancelled = under_way.then_some(cancelled);
            let _ = left.send(Left { consumer, cancelled });
        }
    }
}

/// When the subscription is left, ends the consumer and gives back what it had not handed out.
/// What it had handed out can still be settled.
async fn give_back(left: oneshot::Receiver<Left>, channel: Channel, auto_ack: bool) {
    let Ok(Left { mut consumer, cancelled }) = left.await else { return };
    if let Some(cancelled) = cancelled {
        cancelled.await;
    }
    if auto_ack {
        return;
    }
    while let Some(Ok(delivery)) = consumer.next().await {
        give_back_one(&channel, delivery.delivery_tag);
    }
}

/// Ends a consumer. It is asked for in the first step, and the answer awaited after that.
fn cancel(channel: Channel, tag: ShortString) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        // An error says that the broker has ended it already.
        let _ = channel.basic_cancel(tag, BasicCancelOptions::default()).await;
    })
}

/// Settles over the channel that delivered.
struct Settler {
    channel: Channel,
}

impl Settle for Settler {
    fn settle(
        &self,
        tag: u64,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let settled = match settlement {
                Settlement::Ack => self.channel.basic_ack(tag, BasicAckOptions::default()).await,
                Settlement::Reject => self.channel.basic_nack(tag, nack(false)).await,
                Settlement::Requeue => self.channel.basic_nack(tag, nack(true)).await,
            };
            settled.map_err(|error| fault::disconnected(&error))
        })
    }

    fn abandon(&self, tag: u64) {
        give_back_one(&self.channel, tag);
    }
}

/// Requeues without waiting: lapin queues the frame in the first step, and only the knowledge that
/// it was written is awaited after that.
fn give_back_one(channel: &Channel, tag: u64) {
    let _ = channel.basic_nack(tag, nack(true)).now_or_never();
}

fn nack(requeue: bool) -> BasicNackOptions {
    BasicNackOptions { multiple: false, requeue }
}
