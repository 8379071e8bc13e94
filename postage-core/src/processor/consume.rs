//! The loop of a service: one subscription for each queue, a bounded set of handlers.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};
use tracing::Instrument;

use super::cancel::Cancels;
use super::dedup::DedupStore;
use super::erased::AnyProcessor;
use super::handle::panic_text;
use super::reports::Reports;
use super::serving::{Added, Control, Drained, Order, Running, Serving};
use super::sources::{ServedQueue, Sources, Stage};
use super::table::Table;
use super::taken::Taken;
use super::turn::Turn;
use super::{ReplyTo, Retry, ServiceSetup};
use crate::error::ServeError;
use crate::layers::HandlerService;
use crate::link::Link;
use crate::message::{Fingerprint, Identity};
use crate::pauses::Pauses;
use crate::telemetry::ProcessWatch;
use crate::transport::{Delivery, Settlement, Subscription, TransportError};

/// How often in a row the broker may refuse to bring a queue back before the service fails. Some
/// refusals pass: an exclusive queue is locked until the broker has noticed a loss.
const MOST_REFUSALS: u32 = 20;

/// How many messages may wait here for a handler. The prefetch is the tighter bound, where there
/// is one.
const MOST_WAITING: usize = 1024;

/// What the handlers of a service share.
#[derive(Debug)]
pub(crate) struct Service {
    /// What it is called in logs and errors.
    pub(super) name: Arc<str>,
    pub(super) link: Arc<Link>,
    pub(super) processors: Vec<Arc<dyn AnyProcessor>>,
    pub(super) table: Arc<Table>,
    running: Arc<Running>,
    pub(super) control: Arc<Control>,
    pub(super) sources: Arc<Sources>,
    /// Who is named in what fails here.
    pub(super) identity: Identity,
    pub(super) retry: Retry,
    pub(super) dedup: Option<Arc<dyn DedupStore>>,
    pub(super) cancels: Arc<Cancels>,
    pub(super) reports: Reports,
    /// The time between one progress of a call and the next.
    pub(super) progress_every: Duration,
    pub(super) accepted_by_handlers: bool,
    pub(super) handler_time: Duration,
    pub(super) reply_to: ReplyTo,
    /// The address that answers say they come from.
    pub(super) answers_from: Option<Arc<str>>,
    /// What the handlers run within.
    pub(super) layers: Option<HandlerService>,
    pub(super) quit: bool,
    pub(super) restart: bool,
}

impl Service {
    pub(crate) fn new(
        name: &str,
        running: Arc<Running>,
        processors: Vec<Arc<dyn AnyProcessor>>,
        setup: &ServiceSetup,
    ) -> Result<Self, ServeError> {
        let table = Arc::new(Table::of(name, &processors)?);
        let link = Arc::clone(&running.link);
        let identity = setup.identity.clone().unwrap_or_else(|| {
            Identity::new(Fingerprint::new(name, "service"), link.transport.vhost())
        });
        Ok(Self {
            name: name.into(),
            link,
            processors,
            table,
            control: Arc::clone(&running.control),
            sources: Arc::clone(&running.sources),
            running,
            identity,
            retry: setup.retry,
            dedup: setup.dedup.store(),
            cancels: Arc::default(),
            reports: Reports::default(),
            progress_every: setup.progress_every,
            accepted_by_handlers: setup.accepted_by_handlers,
            handler_time: setup.handler_time,
            reply_to: setup.reply_to,
            answers_from: setup.answers_from.clone(),
            layers: setup.layers.clone(),
            quit: setup.quit,
            restart: setup.restart,
        })
    }

    /// The handlers, and what they have done so far.
    pub(crate) const fn table(&self) -> &Arc<Table> {
        &self.table
    }

    fn watch(&self, queue: &ServedQueue, delivery: &Delivery) -> ProcessWatch {
        let transport = &*self.link.transport;
        ProcessWatch::begin(transport, &self.name, || queue.name(), delivery)
    }

    /// Stops the service because of this queue.
    fn fail(&self, queue: &ServedQueue, reason: String) {
        let queue = queue.name().to_string();
        self.control.fail(TransportError::ConsumerCancelled { queue, reason });
    }
}

/// A queue, its subscription, and the session of the connection that it was made in.
#[derive(Debug)]
pub(crate) struct Subscribed {
    queue: Arc<ServedQueue>,
    subscription: Subscription,
    session: u64,
}

impl Subscribed {
    pub(super) async fn to(queue: Arc<ServedQueue>, link: &Link) -> Result<Self, TransportError> {
        let session = link.session();
        let subscription = queue.subscribe(link).await?;
        Ok(Self { queue, subscription, session })
    }
}

/// Subscribes to each queue and starts the loops.
pub(crate) async fn start(
    service: Arc<Service>,
    more: Added,
    setup: &ServiceSetup,
) -> Result<Serving, ServeError> {
    let mut subscribed = Vec::new();
    for queue in service.sources.all() {
        let session = service.link.session();
        let first = Subscribed::to(Arc::clone(&queue), &service.link).await;
        subscribed.push(match first {
            // What it has by then is brought back by its loops, when they have begun.
            Err(lost @ TransportError::Disconnected { .. }) => {
                bring_back(&service, &queue, session, lost).await?
            }
            first => first?,
        });
    }
    let permits = Arc::new(Semaphore::new(setup.handlers_at_once()));
    let running = Arc::clone(&service.running);
    let task = tokio::spawn(run(service, subscribed, more, permits));
    Ok(Serving::new(running, task))
}

/// Runs the loops of all queues until the service is told to stop.
async fn run(
    service: Arc<Service>,
    subscribed: Vec<Subscribed>,
    mut more: Added,
    permits: Arc<Semaphore>,
) -> Drained {
    // Goes with the loops.
    let mut listener = JoinSet::new();
    if service.table.any_cancellable() {
        listener.spawn(Arc::clone(&service.cancels).listen(Arc::clone(&service.link)));
    }
    let mut loops = JoinSet::new();
    for subscribed in subscribed {
        loops.spawn(guard(Arc::clone(&service), subscribed, Arc::clone(&permits)));
    }
    let mut drained = Drained::default();
    loop {
        tokio::select! {
            biased;
            Some(subscribed) = more.recv() => {
                loops.spawn(guard(Arc::clone(&service), subscribed, Arc::clone(&permits)));
            }
            ended = loops.join_next() => match ended {
                Some(ended) => drained.add(ended.unwrap_or_default()),
                None => return drained,
            },
        }
    }
}

/// Says that a queue is left, whatever happens.
struct LeftAtLast(Arc<ServedQueue>);

impl Drop for LeftAtLast {
    fn drop(&mut self) {
        self.0.reach(Stage::Left);
    }
}

/// Consumes a queue. A panic here ends the whole service: it shall not go on with
/// some of its queues only.
async fn guard(service: Arc<Service>, subscribed: Subscribed, permits: Arc<Semaphore>) -> Drained {
    let queue = Arc::clone(&subscribed.queue);
    // Also where this task is aborted.
    let _left = LeftAtLast(Arc::clone(&queue));
    let consumed = consume(Arc::clone(&service), subscribed, permits);
    AssertUnwindSafe(consumed).catch_unwind().await.unwrap_or_else(|panic| {
        let reason = format!("its loop panicked: {}", panic_text(&*panic));
        service.fail(&queue, reason);
        Drained::default()
    })
}

/// Consumes a queue, over losses of the connection, until told to stop.
async fn consume(
    service: Arc<Service>,
    mut subscribed: Subscribed,
    permits: Arc<Semaphore>,
) -> Drained {
    let mut order = Orders::to(&service, &subscribed.queue);
    let mut work = Work::default();
    loop {
        let delivered = deliver(&service, &mut subscribed, &permits, &mut order, &mut work);
        let lost = match delivered.await {
            Err(lost) => lost,
            Ok(Ended::Told) => break,
            Ok(Ended::Untold) => {
                service.fail(
                    &subscribed.queue,
                    "it delivers no more, and nobody asked it to stop".to_owned(),
                );
                break;
            }
        };
        tracing::warn!(service = &*service.name, error = %lost, "a queue stopped delivering");
        subscribed.queue.lose();
        // The queue has them again.
        work.waiting.clear();
        let again = tokio::select! {
            biased;
            () = order.stop() => break,
            again = bring_back(&service, &subscribed.queue, subscribed.session, lost) => again,
        };
        match again {
            Ok(again) => subscribed = again,
            Err(error) => {
                service.control.fail(error);
                break;
            }
        }
    }
    drain(subscribed, work, order.service).await
}

/// The messages of one queue that are here.
#[derive(Default)]
struct Work {
    /// Those that wait for a handler.
    waiting: VecDeque<Taken>,
    handlers: JoinSet<()>,
}

/// What one queue's loop is told to do. The senders live in what the loop holds.
struct Orders {
    service: watch::Receiver<Order>,
    queue: watch::Receiver<Stage>,
}

impl Orders {
    fn to(service: &Service, queue: &ServedQueue) -> Self {
        Self { service: service.control.watch(), queue: queue.stage() }
    }

    /// Waits until the service stops, or leaves this queue. Cancel-safe.
    async fn stop(&mut self) {
        tokio::select! {
            biased;
            _ = self.service.wait_for(|order| matches!(order, Order::Stop { .. })) => {}
            _ = self.queue.wait_for(|stage| *stage >= Stage::Released) => {}
        }
    }
}

/// Why a subscription that was not lost delivers no more.
enum Ended {
    Told,
    Untold,
}

/// Starts a handler for each delivery until told to stop; the error is why no more come.
async fn deliver(
    service: &Arc<Service>,
    subscribed: &mut Subscribed,
    permits: &Arc<Semaphore>,
    order: &mut Orders,
    work: &mut Work,
) -> Result<Ended, TransportError> {
    let Work { waiting, handlers } = work;
    let Subscribed { queue, subscription, .. } = subscribed;
    loop {
        tokio::select! {
            biased;
            () = order.stop() => return Ok(Ended::Told),
            Some(_) = handlers.join_next() => {}
            // Only with a message in hand: a queue that waits keeps no permit from the others.
            Ok(permit) = Arc::clone(permits).acquire_owned(), if !waiting.is_empty() => {
                if let Some(taken) = waiting.pop_front() {
                    let (service, queue) = (Arc::clone(service), Arc::clone(queue));
                    let watch = service.watch(&queue, &taken.delivery);
                    let span = watch.span().clone();
                    let handled = handle(service, queue, taken, permit, watch);
                    handlers.spawn(handled.instrument(span));
                }
            }
            delivery = subscription.next(), if waiting.len() < MOST_WAITING => match delivery? {
                Some(delivery) => waiting.push_back(service.take(queue, delivery)),
                None => return Ok(Ended::Untold),
            },
        }
    }
}

/// Brings the queue, its bindings and its consumer back: after the next connection is made, or,
/// where only they were lost, after a pause.
async fn bring_back(
    service: &Service,
    queue: &Arc<ServedQueue>,
    mut session: u64,
    lost: TransportError,
) -> Result<Subscribed, TransportError> {
    let mut pauses = Pauses::new();
    let mut refusals = 0;
    let mut why = lost;
    loop {
        match &why {
            TransportError::Disconnected { .. } => {
                service.link.after_loss(session, why).await?;
                refusals = 0;
            }
            TransportError::Refused { .. } if refusals == MOST_REFUSALS => return Err(why),
            TransportError::Refused { .. } => refusals += 1,
            _ => {}
        }
        session = service.link.session();
        match Subscribed::to(Arc::clone(queue), &service.link).await {
            Ok(again) => return Ok(again),
            Err(error) => why = error,
        }
        sleep(pauses.next()).await;
    }
}

async fn handle(
    service: Arc<Service>,
    queue: Arc<ServedQueue>,
    taken: Taken,
    permit: OwnedSemaphorePermit,
    _watch: ProcessWatch,
) {
    service.handle(&queue, taken, &mut Turn::new(permit)).await;
}

/// Takes no more, gives back what was not begun, and lets the handlers finish, all within the
/// limit of the order.
async fn drain(subscribed: Subscribed, work: Work, mut order: watch::Receiver<Order>) -> Drained {
    let Subscribed { queue, mut subscription, .. } = subscribed;
    let Work { waiting, mut handlers } = work;
    let mut drained = Drained::default();
    tokio::select! {
        biased;
        () = give_back(&mut subscription, waiting, &mut drained.given_back) => {}
        () = limit_reached(&mut order) => {}
    }
    queue.reach(Stage::Left);
    let mut cut = false;
    while !handlers.is_empty() {
        tokio::select! {
            biased;
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
async fn give_back(subscription: &mut Subscription, waiting: VecDeque<Taken>, count: &mut usize) {
    let cancelled = subscription.cancel().await;
    for Taken { delivery, .. } in waiting {
        if delivery.settle(Settlement::Requeue).await.is_ok() {
            *count += 1;
        }
    }
    if cancelled.is_err() {
        return;
    }
    while let Ok(Some(delivery)) = subscription.next().await {
        if delivery.settle(Settlement::Requeue).await.is_err() {
            return;
        }
        *count += 1;
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
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = passed => return,
            // The sender lives in the service; without it no other end can come.
            Ok(()) = order.changed() => {}
        }
    }
}
