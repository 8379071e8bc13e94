//! From a queue to its handlers: deliveries are taken in, and begun as places are free.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::{Instrument, Span};

use super::consume::Subscribed;
use super::lines::{Lines, Places};
use super::service::Service;
use super::serving::Order;
use super::sources::{ServedQueue, Stage};
use super::taken::Taken;
use super::workers::{Handle, Workers};
use crate::telemetry::InFlight;
use crate::transport::{Subscription, TransportError};

/// How many deliveries are taken in before orders are looked at.
const MOST_AT_ONCE: usize = 64;

/// The messages of one queue that are here.
pub(super) struct Work {
    /// Those that wait for a handler.
    pub(super) waiting: Lines,
    /// Who handles the others.
    pub(super) workers: Workers<Handling>,
}

/// What one queue's loop is told to do. The senders live in what the loop holds.
pub(super) struct Orders {
    pub(super) service: watch::Receiver<Order>,
    queue: watch::Receiver<Stage>,
}

impl Orders {
    pub(super) fn to(service: &Service, queue: &ServedQueue) -> Self {
        Self { service: service.control.watch(), queue: queue.stage() }
    }

    /// Waits until the service stops, or leaves this queue. Cancel-safe.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            biased;
            _ = self.service.wait_for(|order| matches!(order, Order::Stop { .. })) => {}
            _ = self.queue.wait_for(|stage| *stage >= Stage::Released) => {}
        }
    }
}

/// Why a subscription that was not lost delivers no more.
pub(super) enum Ended {
    Told,
    Untold,
}

/// Starts a handler for each delivery until told to stop; the error is why no more come.
pub(super) async fn deliver(
    service: &Arc<Service>,
    subscribed: &mut Subscribed,
    order: &mut Orders,
    work: &mut Work,
) -> Result<Ended, TransportError> {
    let Subscribed { queue, subscription, .. } = subscribed;
    let mut stop = pin!(order.stop());
    loop {
        tokio::select! {
            biased;
            () = &mut stop => return Ok(Ended::Told),
            place = work.waiting.place(), if !work.waiting.is_empty() => {
                let next = work.waiting.next_in(place);
                next.into_iter().for_each(|next| work.begin(service, queue, next));
            }
            taken = take_in(service, queue, subscription, work), if work.waiting.has_room() => {
                if taken?.is_break() {
                    return Ok(Ended::Untold);
                }
            }
        }
    }
}

/// Takes deliveries in as they come, and begins them, until one of them has to wait for its place.
/// At times it ends before, so that orders are heard. It breaks where no more come. Cancel-safe.
async fn take_in(
    service: &Arc<Service>,
    queue: &Arc<ServedQueue>,
    subscription: &mut Subscription,
    work: &mut Work,
) -> Result<ControlFlow<()>, TransportError> {
    for _ in 0..MOST_AT_ONCE {
        let Some(delivery) = subscription.next().await? else {
            return Ok(ControlFlow::Break(()));
        };
        work.waiting.add(service, queue, delivery);
        while let Some(next) = work.waiting.next() {
            work.begin(service, queue, next);
        }
        if !work.waiting.is_empty() {
            break;
        }
    }
    Ok(ControlFlow::Continue(()))
}

impl Work {
    pub(super) fn new(service: &Arc<Service>, queue: &Arc<ServedQueue>, places: Places) -> Self {
        let handling = Handling { service: Arc::clone(service), queue: Arc::clone(queue) };
        Self { waiting: Lines::new(places), workers: Workers::new(handling) }
    }

    /// Begins to handle a message in its place.
    fn begin(
        &mut self,
        service: &Service,
        queue: &ServedQueue,
        (taken, place): (Box<Taken>, OwnedSemaphorePermit),
    ) {
        let (span, in_flight) = service.watch(queue, &taken.delivery);
        self.workers.begin(Begun { taken, place, span, in_flight });
    }
}

/// How the messages of a queue are handled.
pub(super) struct Handling {
    service: Arc<Service>,
    queue: Arc<ServedQueue>,
}

/// A message that a handler may begin.
pub(super) struct Begun {
    taken: Box<Taken>,
    place: OwnedSemaphorePermit,
    span: Span,
    in_flight: InFlight,
}

impl Handle for Handling {
    type Job = Begun;

    fn handle(&self, begun: Begun) -> impl Future<Output = bool> + Send {
        let Begun { taken, place, span, in_flight } = begun;
        self.service.handle(&self.queue, taken, place, in_flight).instrument(span)
    }
}
