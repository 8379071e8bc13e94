use std::fmt;
use std::future::{poll_fn, ready};
use std::sync::Arc;
use std::task::{self, Poll};

use bytes::Bytes;

use super::{BoxFuture, Properties, Settled, TransportError};
use crate::topology::Route;

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settlement {
    /// It is done: the queue forgets it.
    Ack,
    /// It failed for good: to the queue's dead-letter exchange where there is one, else dropped.
    Reject,
    /// It goes back to the queue, at its old place where that is possible.
    Requeue,
}

/// The transport's side of settling, shared by the deliveries of one consumer.
pub trait Settle: Send + Sync + 'static {
    /// Settles the delivery of this tag. Called at most once for each. It may be told the broker a
    /// little later, together with others, see [`Deliveries::settled`].
    ///
    /// # Errors
    /// [`TransportError::Disconnected`] when the connection or channel that delivered it is gone:
    /// the queue has the message again.
    fn settle(&self, tag: u64, settlement: Settlement)
    -> BoxFuture<'_, Result<(), TransportError>>;

    /// Gives the delivery of this tag back without waiting: its holder was dropped.
    fn abandon(&self, tag: u64);

    /// Hears what a service made of the delivery of this tag, just before it settles it so. It is
    /// for those who watch; a broker need not know.
    fn explain(&self, tag: u64, settled: &Settled) {
        let _ = (tag, settled);
    }
}

/// A message that a queue has handed to this consumer.
///
/// One that is dropped without [`Delivery::settle`] goes back to its queue.
pub struct Delivery {
    /// The body, as the sender's codec made it.
    pub body: Bytes,
    /// What came beside the body.
    pub properties: Properties,
    /// The exchange and key that it was published with.
    pub route: Route,
    /// Whether it was delivered before, and given back.
    pub redelivered: bool,
    settler: Option<(Arc<dyn Settle>, u64)>,
}

impl Delivery {
    /// A delivery that `settler` settles under `tag`; none when it counts as settled already.
    #[must_use]
    pub fn new(
        body: Bytes,
        properties: Properties,
        route: Route,
        redelivered: bool,
        settler: Option<(Arc<dyn Settle>, u64)>,
    ) -> Self {
        Self { body, properties, route, redelivered, settler }
    }

    /// The same delivery, its settling seen by another on the way.
    #[cfg(any(feature = "faults", feature = "testing"))]
    pub(crate) fn settled_through(
        mut self,
        wrap: impl FnOnce(Arc<dyn Settle>) -> Arc<dyn Settle>,
    ) -> Self {
        self.settler = self.settler.take().map(|(settler, tag)| (wrap(settler), tag));
        self
    }

    /// Tells the queue what becomes of the message: it is on its way then, together with what others
    /// say. [`Subscription::settled`] waits until it has arrived, and [`Transport::close`] comes after
    /// it; a program that ends without either may leave it behind, and the message comes again.
    ///
    /// [`Transport::close`]: super::Transport::close
    ///
    /// # Errors
    /// [`TransportError::Disconnected`] when the queue has taken the message back already.
    pub async fn settle(mut self, settlement: Settlement) -> Result<(), TransportError> {
        match self.settler.take() {
            Some((settler, tag)) => settler.settle(tag, settlement).await,
            None => Ok(()),
        }
    }

    /// Settles it, and says to those who watch why.
    ///
    /// The future is to be awaited at once: it has no room for the rest of the delivery.
    pub(crate) fn settle_as(
        mut self,
        settled: &Settled,
    ) -> impl Future<Output = Result<(), TransportError>> + Send + use<> {
        let settler = self.settler.take();
        if let Some((settler, tag)) = &settler {
            settler.explain(*tag, settled);
        }
        let settlement = settled.settlement();
        async move {
            match settler {
                Some((settler, tag)) => settler.settle(tag, settlement).await,
                None => Ok(()),
            }
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some((settler, tag)) = self.settler.take() {
            settler.abandon(tag);
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("route", &self.route)
            .field("properties", &self.properties)
            .field("body_bytes", &self.body.len())
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}

/// The transport's side of a [`Subscription`].
pub trait Deliveries: Send + 'static {
    /// The next delivery; `None` after [`Deliveries::cancel`] when all have been handed out.
    fn poll_next(
        &mut self,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<Option<Delivery>, TransportError>>;

    /// Asks the queue for no more. What has arrived already can still be taken.
    fn cancel(&mut self) -> BoxFuture<'_, Result<(), TransportError>>;

    /// Waits until the broker knows of everything that was settled so far. Unless overridden it does
    /// at once.
    fn settled(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(ready(Ok(())))
    }
}

/// The deliveries of one queue to one consumer. Dropping it ends the consumer, and what it had not
/// handed out goes back to the queue.
pub struct Subscription {
    deliveries: Box<dyn Deliveries>,
}

impl Subscription {
    /// A subscription fed by a transport.
    #[must_use]
    pub fn new(deliveries: impl Deliveries) -> Self {
        Self { deliveries: Box::new(deliveries) }
    }

    /// The next delivery; `None` after [`Subscription::cancel`] when all have been taken.
    ///
    /// Cancel-safe: dropping the future loses no delivery.
    ///
    /// # Errors
    /// [`TransportError::ConsumerCancelled`] when the broker ended the consumer, and
    /// [`TransportError::Disconnected`] when the connection is gone.
    pub async fn next(&mut self) -> Result<Option<Delivery>, TransportError> {
        poll_fn(|cx| self.deliveries.poll_next(cx)).await
    }

    /// Asks the queue for no more. What has arrived already can still be taken.
    ///
    /// # Errors
    /// [`TransportError::Disconnected`] when the connection is gone.
    pub async fn cancel(&mut self) -> Result<(), TransportError> {
        self.deliveries.cancel().await
    }

    /// Waits until the broker knows of everything that was settled so far: a program that ends then
    /// has none of it delivered again.
    ///
    /// # Errors
    /// [`TransportError::Disconnected`] when the connection is gone. What the broker did not hear of
    /// is in the queue again.
    pub async fn settled(&mut self) -> Result<(), TransportError> {
        self.deliveries.settled().await
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
