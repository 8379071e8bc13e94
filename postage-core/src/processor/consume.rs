//! The loop of a service: one subscription for each queue, a bounded set of handlers.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::serving::{Control, Drained, Order, Serving};
use super::table::Table;
use super::{MessageProcessor, ServiceSetup};
use crate::error::ServeError;
use crate::link::Link;
use crate::transport::{Delivery, Settlement, Source, Subscription, TransportError};

/// What the handlers of a service share.
#[derive(Debug)]
pub(super) struct Service<P> {
    pub(super) link: Arc<Link>,
    pub(super) processor: Arc<P>,
    pub(super) table: Table,
    pub(super) control: Arc<Control>,
    pub(super) quit: bool,
    pub(super) restart: bool,
}

impl<P> Service<P> {
    pub(super) fn new(
        link: Arc<Link>,
        processor: Arc<P>,
        table: Table,
        setup: &ServiceSetup,
    ) -> Self {
        let control = Arc::new(Control::new());
        Self { link, processor, table, control, quit: setup.quit, restart: setup.restart }
    }
}

/// Subscribes to each queue and starts the loops.
pub(super) async fn start<P: MessageProcessor>(
    service: Arc<Service<P>>,
    queues: Vec<String>,
    setup: &ServiceSetup,
) -> Result<Serving, ServeError> {
    let mut subscriptions = Vec::with_capacity(queues.len());
    for queue in &queues {
        let source = Source {
            queue: queue.clone().into(),
            prefetch: setup.prefetch,
            exclusive: false,
            auto_ack: false,
        };
        subscriptions.push(service.link.transport.consume(source).await?);
    }
    let permits = Arc::new(Semaphore::new(setup.handlers_at_once()));
    let link = Arc::clone(&service.link);
    let control = Arc::clone(&service.control);
    let task = tokio::spawn(run(service, subscriptions, permits));
    Ok(Serving::new(link, queues, control, task))
}

/// Runs the loops of all queues until the service is told to stop.
async fn run<P: MessageProcessor>(
    service: Arc<Service<P>>,
    subscriptions: Vec<Subscription>,
    permits: Arc<Semaphore>,
) -> Drained {
    let mut loops = JoinSet::new();
    for subscription in subscriptions {
        loops.spawn(consume(Arc::clone(&service), subscription, Arc::clone(&permits)));
    }
    let mut drained = Drained::default();
    while let Some(ended) = loops.join_next().await {
        let part = ended.unwrap_or_default();
        drained.finished += part.finished;
        drained.cut_off += part.cut_off;
        drained.given_back += part.given_back;
    }
    drained
}

async fn consume<P: MessageProcessor>(
    service: Arc<Service<P>>,
    mut subscription: Subscription,
    permits: Arc<Semaphore>,
) -> Drained {
    let mut order = service.control.watch();
    let mut handlers = JoinSet::new();
    let mut in_hand = None;
    loop {
        let delivery = match next(&mut order, &mut subscription, &mut handlers).await {
            Ok(Some(delivery)) => delivery,
            Ok(None) => break,
            Err(error) => {
                service.control.fail(error);
                break;
            }
        };
        // Only with a message in hand: a loop that waits must not keep a permit from the others.
        let permit = tokio::select! {
            biased;
            () = told_to_stop(&mut order) => None,
            permit = Arc::clone(&permits).acquire_owned() => permit.ok(),
        };
        let Some(permit) = permit else {
            in_hand = Some(delivery);
            break;
        };
        handlers.spawn(handle(Arc::clone(&service), delivery, permit));
    }
    drain(subscription, in_hand, handlers, order).await
}

/// The next delivery; none when the service is told to stop. Reaps the handlers that end meanwhile.
async fn next(
    order: &mut watch::Receiver<Order>,
    subscription: &mut Subscription,
    handlers: &mut JoinSet<()>,
) -> Result<Option<Delivery>, TransportError> {
    loop {
        tokio::select! {
            biased;
            () = told_to_stop(order) => return Ok(None),
            Some(_) = handlers.join_next() => {}
            delivery = subscription.next() => return delivery,
        }
    }
}

async fn told_to_stop(order: &mut watch::Receiver<Order>) {
    // The sender lives in the service, which this loop holds.
    drop(order.wait_for(|order| matches!(order, Order::Stop { .. })).await);
}

async fn handle<P: MessageProcessor>(
    service: Arc<Service<P>>,
    delivery: Delivery,
    _permit: OwnedSemaphorePermit,
) {
    service.handle(delivery).await;
}

/// Takes no more, gives back what was not begun, and lets the handlers finish, all within the
/// limit of the order.
async fn drain(
    mut subscription: Subscription,
    in_hand: Option<Delivery>,
    mut handlers: JoinSet<()>,
    mut order: watch::Receiver<Order>,
) -> Drained {
    while let Some(_ended) = handlers.try_join_next() {}
    let mut drained = Drained::default();
    tokio::select! {
        () = give_back(&mut subscription, in_hand, &mut drained.given_back) => {}
        () = limit_reached(&mut order) => {}
    }
    let mut cut = false;
    while !handlers.is_empty() {
        tokio::select! {
            Some(ended) = handlers.join_next() => match ended {
                Err(error) if error.is_cancelled() => drained.cut_off += 1,
                _ => drained.finished += 1,
            },
            () = limit_reached(&mut order), if !cut => {
                cut = true;
                handlers.abort_all();
            }
        }
    }
    drained
}

/// Ends the consumer and gives back what was not begun.
async fn give_back(subscription: &mut Subscription, in_hand: Option<Delivery>, count: &mut usize) {
    let cancelled = subscription.cancel().await;
    let mut next = in_hand;
    if next.is_none() && cancelled.is_ok() {
        next = subscription.next().await.ok().flatten();
    }
    while let Some(delivery) = next {
        if delivery.settle(Settlement::Requeue).await.is_err() || cancelled.is_err() {
            return;
        }
        *count += 1;
        next = subscription.next().await.ok().flatten();
    }
}

/// Waits for the end that the order sets; for ever where it sets none. Cancel-safe.
async fn limit_reached(order: &mut watch::Receiver<Order>) {
    loop {
        let until = match &*order.borrow_and_update() {
            Order::Stop { until, .. } => *until,
            Order::Run => None,
        };
        let passed = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = passed => return,
            // The sender lives in the service; without it no other end can come.
            Ok(()) = order.changed() => {}
        }
    }
}
