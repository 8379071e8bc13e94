//! The loop of a service: one subscription for each queue, a bounded set of handlers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::ServiceSetup;
use super::deliver::{Ended, Orders, Work, deliver};
use super::dispatch::panic_text;
use super::lines::Places;
use super::service::Service;
use super::serving::{Added, Drained, Order, Running, Serving};
use super::sources::{ServedQueue, Stage};
use crate::error::ServeError;
use crate::pauses::Pauses;
use crate::transport::{Delivery, Settlement, Subscription, TransportError};

/// How often in a row the broker may refuse to bring a queue back before the service fails.
const MOST_REFUSALS: u32 = 20;

/// How long the broker may keep an exclusive queue locked before the service fails. Where it has
/// not heard of the loss it notices after some heartbeats, which may be minutes together.
const LOCKED_WITHIN: Duration = Duration::from_secs(5 * 60);

/// How long the broker may take to hear what was settled last, when a queue is left.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// How long it may take where the time is up already.
const TOLD_AT_LAST: Duration = Duration::from_millis(100);

/// A queue, its subscription, and the session of the connection that it was made in.
#[derive(Debug)]
pub(crate) struct Subscribed {
    pub(super) queue: Arc<ServedQueue>,
    pub(super) subscription: Subscription,
    session: u64,
}

impl Subscribed {
    /// Where callers that leave are to be heard, they are before the first delivery.
    pub(super) async fn to(
        queue: Arc<ServedQueue>,
        running: &Running,
    ) -> Result<Self, TransportError> {
        let session = running.link.session();
        running.cancels.listens_in(session).await;
        let subscription = queue.subscribe(&running.link).await?;
        Ok(Self { queue, subscription, session })
    }
}

/// Subscribes to each queue and starts the loops.
pub(crate) async fn start(
    service: Arc<Service>,
    more: Added,
    setup: &ServiceSetup,
) -> Result<Serving, ServeError> {
    // Goes with the loops.
    let mut listener = JoinSet::new();
    if service.table.any_cancellable() {
        service.cancels.will_listen();
        listener.spawn(Arc::clone(&service.cancels).listen(Arc::clone(&service.link)));
    }
    let mut subscribed = Vec::new();
    for queue in service.sources.all() {
        let session = service.link.session();
        let first = Subscribed::to(Arc::clone(&queue), &service.running).await;
        subscribed.push(match first {
            // What it has by then is brought back by its loops, when they have begun.
            Err(lost @ TransportError::Disconnected { .. }) => {
                bring_back(&service, &queue, session, lost).await?
            }
            first => first?,
        });
    }
    let places = Places::new(setup.handlers_at_once());
    let running = Arc::clone(&service.running);
    let task = tokio::spawn(run(service, subscribed, more, places, listener));
    Ok(Serving::new(running, task))
}

/// Runs the loops of all queues until the service is told to stop.
async fn run(
    service: Arc<Service>,
    subscribed: Vec<Subscribed>,
    mut more: Added,
    places: Places,
    _listener: JoinSet<()>,
) -> Drained {
    let mut loops = JoinSet::new();
    for subscribed in subscribed {
        let first = ToConsume::new(subscribed);
        loops.spawn(guard(Arc::clone(&service), first, places.clone()));
    }
    let mut drained = Drained::default();
    loop {
        tokio::select! {
            biased;
            Some(another) = more.recv() => {
                loops.spawn(guard(Arc::clone(&service), another, places.clone()));
            }
            ended = loops.join_next() => match ended {
                Some(ended) => drained.add(ended.unwrap_or_default()),
                None => return drained,
            },
        }
    }
}

/// A queue to be consumed. It is left also where nobody comes to consume it.
#[derive(Debug)]
pub(crate) struct ToConsume {
    subscribed: Subscribed,
    left: LeftAtLast,
}

impl ToConsume {
    pub(super) fn new(subscribed: Subscribed) -> Self {
        let left = LeftAtLast(Arc::clone(&subscribed.queue));
        Self { subscribed, left }
    }
}

/// Says that a queue is left, whatever happens.
#[derive(Debug)]
struct LeftAtLast(Arc<ServedQueue>);

impl Drop for LeftAtLast {
    fn drop(&mut self) {
        self.0.reach(Stage::Left);
    }
}

/// Consumes a queue. A panic here ends the whole service: it shall not go on with
/// some of its queues only.
async fn guard(service: Arc<Service>, queue: ToConsume, places: Places) -> Drained {
    // It is left also where this task is aborted.
    let ToConsume { subscribed, left: _left } = queue;
    let queue = Arc::clone(&subscribed.queue);
    let consumed = consume(Arc::clone(&service), subscribed, places);
    AssertUnwindSafe(consumed).catch_unwind().await.unwrap_or_else(|panic| {
        let reason = format!("its loop panicked: {}", panic_text(&*panic));
        service.fail(&queue, reason);
        Drained::default()
    })
}

/// Consumes a queue, over losses of the connection, until told to stop.
async fn consume(service: Arc<Service>, mut subscribed: Subscribed, places: Places) -> Drained {
    let mut order = Orders::to(&service, &subscribed.queue);
    let mut work = Work::new(&service, &subscribed.queue, places);
    loop {
        let delivered = deliver(&service, &mut subscribed, &mut order, &mut work);
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
        drop(work.waiting.take());
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

/// Brings the queue, its bindings and its consumer back: after the next connection is made, or,
/// where only they were lost, after a pause.
async fn bring_back(
    service: &Service,
    queue: &Arc<ServedQueue>,
    mut session: u64,
    lost: TransportError,
) -> Result<Subscribed, TransportError> {
    let mut pauses = Pauses::new();
    let mut refusals = Refusals::default();
    let mut why = lost;
    loop {
        match &why {
            TransportError::Disconnected { .. } => {
                service.link.after_loss(session, why).await?;
                refusals = Refusals::default();
            }
            TransportError::Refused { reason, .. } if !refusals.bear(reason) => return Err(why),
            _ => {}
        }
        session = service.link.session();
        match Subscribed::to(Arc::clone(queue), &service.running).await {
            Ok(again) => return Ok(again),
            Err(error) => why = error,
        }
        sleep(pauses.next()).await;
    }
}

/// How the broker has refused to bring a queue back, in one session.
#[derive(Default)]
struct Refusals {
    count: u32,
    locked_since: Option<Instant>,
}

impl Refusals {
    /// Whether it may be asked once more after this one.
    fn bear(&mut self, reason: &str) -> bool {
        if reason.contains("RESOURCE_LOCKED") {
            let since = *self.locked_since.get_or_insert_with(Instant::now);
            return since.elapsed() < LOCKED_WITHIN;
        }
        self.count += 1;
        self.count <= MOST_REFUSALS
    }
}

/// Takes no more, gives back what was not begun, and lets the handlers finish, all within the
/// limit of the order.
async fn drain(
    subscribed: Subscribed,
    mut work: Work,
    mut order: watch::Receiver<Order>,
) -> Drained {
    let Subscribed { queue, mut subscription, .. } = subscribed;
    let waiting = work.waiting.take();
    let mut workers = work.workers;
    let mut drained = Drained::default();
    tokio::select! {
        biased;
        () = give_back(&mut subscription, waiting, &mut drained.given_back) => {}
        () = limit_reached(&mut order) => {}
    }
    queue.reach(Stage::Left);
    workers.dismiss();
    let in_time = tokio::select! {
        biased;
        ended = workers.ended() => Some(ended),
        () = limit_reached(&mut order) => None,
    };
    let cut = in_time.is_none();
    let ended = match in_time {
        Some(ended) => ended,
        None => {
            workers.cut_off();
            workers.ended().await
        }
    };
    drained.finished += ended.finished;
    drained.cut_off += ended.cut_off;
    // The program may end now: nothing that was handled shall come again.
    let patience = if cut { TOLD_AT_LAST } else { TOLD_WITHIN };
    let told = tokio::select! {
        biased;
        told = timeout(patience, subscription.settled()) => matches!(told, Ok(Ok(()))),
        () = limit_reached(&mut order), if !cut => false,
    };
    if !told {
        tracing::warn!(queue = &*queue.name(), "the broker may not know of all that was settled");
    }
    drained
}

/// Ends the consumer and gives back what was not begun.
async fn give_back(subscription: &mut Subscription, waiting: Vec<Delivery>, count: &mut usize) {
    let cancelled = subscription.cancel().await;
    for delivery in waiting {
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
