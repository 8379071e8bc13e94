use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::ServiceSetup;
use super::cancel::Cancels;
use super::consume::{Subscribed, ToConsume};
use super::sources::{ServedQueue, Sources, Stage};
use crate::link::Link;
use crate::pauses::Pauses;
use crate::topology::{Binding, Queue};
use crate::transport::TransportError;

/// A service that runs. Dropping it stops the service at once: what its handlers had not finished
/// goes back to the queues.
#[must_use = "the service stops when its handle is dropped: keep it, as in `let serving = …` \
              (`let _ = …` drops it at once)"]
#[derive(Debug)]
pub struct Serving {
    running: Arc<Running>,
    task: JoinHandle<Drained>,
}

/// What can be done with a service that runs, by whoever has a part of it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(super) link: Arc<Link>,
    pub(super) sources: Arc<Sources>,
    pub(super) control: Arc<Control>,
    pub(super) cancels: Arc<Cancels>,
    added: mpsc::Sender<ToConsume>,
    /// One: a queue that is consumed by two at once would be consumed twice, and left once.
    changes: Semaphore,
}

/// Why a service stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stopped {
    /// It was told to by [`Serving::drain`], by the command `quit`, or by a handler.
    Quit,
    /// The command `restart` asked for the program to be started again, which is up to its owner:
    /// see [`restart_program`](crate::restart_program).
    Restart,
    /// The connection was closed, the broker keeps refusing to bring a queue back, or a queue
    /// delivers no more for another reason.
    Failed(TransportError),
}

/// What a service left when it stopped, and its queues that it left before, in deliveries: of a call
/// that was sent again, each copy counts that waits here for the end of the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// How many were being handled when it was told to stop, and ended in time.
    pub finished: usize,
    /// How many were cut off at the limit; their messages went back to the queues.
    pub cut_off: usize,
    /// How many had arrived and were given back untouched.
    pub given_back: usize,
}

/// The queues that a service is to consume beside those that it began with.
pub(crate) type Added = mpsc::Receiver<ToConsume>;

/// How often a binding of a queue that is consumed is tried again when it was refused.
const MOST_AGAIN: u32 = 3;

/// How many queues may be added at run time before the loops take note.
const MOST_ADDED: usize = 16;

/// The switch of a service, shared with its handlers.
#[derive(Debug)]
pub(crate) struct Control {
    order: watch::Sender<Order>,
}

/// What a service is to do. Orders only grow.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Run,
    Stop { why: Stopped, until: Option<Instant> },
}

impl Control {
    pub(super) fn new() -> Self {
        Self { order: watch::Sender::new(Order::Run) }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Order> {
        self.order.subscribe()
    }

    pub(super) fn is_stopping(&self) -> bool {
        matches!(*self.order.borrow(), Order::Stop { .. })
    }

    /// Whether the time is up in which it was to stop.
    pub(super) fn is_over(&self) -> bool {
        match &*self.order.borrow() {
            Order::Stop { until: Some(until), .. } => *until <= Instant::now(),
            _ => false,
        }
    }

    pub(super) fn quit(&self) {
        self.stop(Stopped::Quit, None);
    }

    pub(super) fn restart(&self) {
        self.stop(Stopped::Restart, None);
    }

    pub(super) fn fail(&self, error: TransportError) {
        self.stop(Stopped::Failed(error), None);
    }

    /// The first reason counts, and the earliest end.
    fn stop(&self, reason: Stopped, limit: Option<Duration>) {
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        self.order.send_modify(|order| match order {
            Order::Run => *order = Order::Stop { why: reason, until: end },
            Order::Stop { until, .. } => *until = [*until, end].into_iter().flatten().min(),
        });
    }
}

impl Drained {
    pub(super) const fn add(&mut self, part: Self) {
        self.finished += part.finished;
        self.cut_off += part.cut_off;
        self.given_back += part.given_back;
    }
}

impl Running {
    /// A service about to run, and what will be added to it at run time.
    pub(crate) fn new(link: Arc<Link>, setup: &ServiceSetup) -> (Arc<Self>, Added) {
        let (added, more) = mpsc::channel(MOST_ADDED);
        let sources = Arc::new(Sources::new(setup));
        let control = Arc::new(Control::new());
        let changes = Semaphore::new(1);
        let cancels = Arc::default();
        (Arc::new(Self { link, sources, control, cancels, added, changes }), more)
    }

    /// The names of the queues, and whether each is consumed now.
    pub(crate) fn queues(&self) -> Vec<(String, bool)> {
        let queues = self.sources.all().into_iter();
        queues.map(|queue| (queue.name().to_string(), queue.is_consumed())).collect()
    }

    /// The session of the connection, from 1; 0 while there is none.
    pub(crate) fn session(&self) -> u64 {
        self.link.session()
    }

    /// The turn to change what is consumed; those who came before had theirs.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed, so there is always one.
        self.changes.acquire().await.ok()
    }

    pub(crate) async fn bind(&self, binding: &Binding) -> Result<(), TransportError> {
        let (mut pauses, mut again) = (Pauses::new(), MOST_AGAIN);
        loop {
            let bound = self.link.through_losses(|| self.bind_once(binding)).await;
            let Err(TransportError::Refused { .. }) = bound else { return bound };
            // After a loss it may not be there yet, and not be known to have gone.
            match self.sources.named(binding.queue()).map(|queue| queue.is_brought_back()) {
                Some(true) => {}
                Some(false) if again > 0 => again -= 1,
                _ => return bound,
            }
            sleep(pauses.next()).await;
        }
    }

    async fn bind_once(&self, binding: &Binding) -> Result<(), TransportError> {
        self.link.declare(binding.exchange()).await?;
        self.link.transport.bind(binding).await?;
        self.sources.remember(binding);
        Ok(())
    }

    pub(crate) async fn unbind(&self, binding: &Binding) -> Result<(), TransportError> {
        self.sources.forget(binding);
        self.link.through_losses(|| self.link.transport.unbind(binding)).await
    }

    /// To be done in a [turn](Running::turn).
    pub(crate) async fn consume(
        &self,
        queue: Queue,
        bindings: Vec<Binding>,
    ) -> Result<(), TransportError> {
        if self.sources.named(queue.name()).is_some() {
            for binding in &bindings {
                self.bind(binding).await?;
            }
            return Ok(());
        }
        let stopped = |_| TransportError::Disconnected { reason: "the service has stopped".into() };
        let place = self.added.reserve().await.map_err(stopped)?;
        let queue = Arc::new(ServedQueue::new(queue, bindings, self.sources.prefetch()));
        let subscribe = || Subscribed::to(Arc::clone(&queue), self);
        let subscribed = self.link.through_losses(subscribe).await?;
        // From here on nothing waits: who gives this up has the queue, or has it not. Whoever
        // consumes it shall find it known.
        self.sources.add(queue);
        place.send(ToConsume::new(subscribed));
        Ok(())
    }

    /// To be done in a [turn](Running::turn).
    pub(crate) async fn leave(&self, queue: &str) {
        tokio::select! {
            biased;
            () = self.sources.leave(queue) => {}
            // A service that has stopped consumes nothing.
            () = self.added.closed() => {}
        }
    }

    /// Waits until no more is taken from this queue, whatever the reason.
    pub(crate) fn left(&self, queue: &str) -> impl Future<Output = ()> + Send + use<> {
        let queue = self.sources.named(queue);
        async move {
            if let Some(queue) = queue {
                // The sender is here.
                drop(queue.stage().wait_for(|stage| *stage == Stage::Left).await);
            }
        }
    }
}

impl Serving {
    pub(super) const fn new(running: Arc<Running>, task: JoinHandle<Drained>) -> Self {
        Self { running, task }
    }

    /// The names of the queues that it consumes, those that the broker chose among them: such a
    /// name is another one after a loss of the connection.
    #[must_use]
    pub fn queues(&self) -> Vec<String> {
        self.running.sources.names()
    }

    /// Adds a binding while it consumes, and keeps it over losses of the connection; while there is
    /// none, it waits. The exchange is declared where that is still to be done.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when the broker says no, [`TransportError::Disconnected`] when
    /// the connection was closed.
    pub async fn bind(&self, binding: &Binding) -> Result<(), TransportError> {
        self.running.bind(binding).await
    }

    /// Takes a binding back while it consumes; it waits while there is no connection.
    ///
    /// # Errors
    /// As [`Serving::bind`].
    pub async fn unbind(&self, binding: &Binding) -> Result<(), TransportError> {
        self.running.unbind(binding).await
    }

    /// Consumes one more queue, with these bindings, over losses of the connection as the others.
    /// A queue that it consumes already gets the bindings.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when the broker says no, [`TransportError::Disconnected`] when
    /// the connection was closed or the service has stopped.
    pub async fn consume(
        &self,
        queue: Queue,
        bindings: impl IntoIterator<Item = Binding>,
    ) -> Result<(), TransportError> {
        let bindings = bindings.into_iter().collect();
        let _turn = self.running.turn().await;
        self.running.consume(queue, bindings).await
    }

    /// Leaves the queue of this name: takes no more of its messages, and gives back those that no
    /// handler has begun. It waits until that is done, and not for handlers that run. Its bindings
    /// stay. A queue that it does not consume is no error.
    pub async fn leave(&self, queue: &str) {
        let _turn = self.running.turn().await;
        self.running.leave(queue).await;
    }

    /// Waits until the service is told to stop by a command or a handler, or has failed. Handlers
    /// may still run then: [`Serving::drain`] waits for them.
    ///
    /// Cancel-safe.
    pub async fn stopped(&self) -> Stopped {
        let mut order = self.running.control.watch();
        match order.wait_for(|order| matches!(order, Order::Stop { .. })).await.as_deref() {
            Ok(Order::Stop { why, .. }) => why.clone(),
            // The sender is in `self.running`, so there is always an order to wait for.
            Ok(Order::Run) | Err(_) => Stopped::Quit,
        }
    }

    /// Begins to stop, and waits until no more is taken from this queue.
    pub(crate) async fn release(&self, queue: &str, limit: Duration) {
        self.running.control.stop(Stopped::Quit, Some(limit));
        self.running.leave(queue).await;
    }

    /// Waits until no more is taken from this queue.
    pub(crate) fn left(&self, queue: &str) -> impl Future<Output = ()> + Send + use<> {
        self.running.left(queue)
    }

    /// Stops: takes no more messages, lets the handlers that run finish within `limit`, settles,
    /// and says what it left. It waits until the broker knows of all that was handled: within the limit,
    /// and for 5 s at most. Where the broker does not answer, the log says so, and messages that were
    /// handled last may come again.
    pub async fn drain(mut self, limit: Duration) -> Drained {
        self.running.control.stop(Stopped::Quit, Some(limit));
        (&mut self.task).await.unwrap_or_default()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if !self.task.is_finished() {
            tracing::warn!(queues = ?self.running.sources.names(), "a service was dropped while it ran");
            self.task.abort();
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::broker::Broker;

    const DEADLINE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_nobody_came_to_consume_can_be_left() {
        let broker = Broker::memory();
        for stops_first in [true, false] {
            let (running, mut added) =
                Running::new(Arc::clone(broker.link()), &ServiceSetup::new());
            running.consume(Queue::new("added"), Vec::new()).await.expect("it is consumed");
            let taken = added.recv().await.expect("it is to be consumed");
            if stops_first {
                drop((added, taken));
                timeout(DEADLINE, running.leave("added")).await.expect("it is left");
            } else {
                let left = running.left("added");
                drop(taken);
                timeout(DEADLINE, left).await.expect("it is left");
                timeout(DEADLINE, running.leave("added")).await.expect("it is left");
            }
            assert!(running.queues().is_empty());
        }
    }
}
