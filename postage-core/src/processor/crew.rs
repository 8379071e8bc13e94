//! The tasks that handle the messages of one queue. Each handles one message after the other: to make
//! a task for each would cost more than much of what it does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::panicking;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinSet;
use tracing::{Instrument, Span};

use super::service::Service;
use super::sources::ServedQueue;
use super::taken::Taken;
use crate::telemetry::InFlight;

/// A message that a handler may begin.
pub(super) struct Job {
    pub(super) taken: Box<Taken>,
    /// Bounds how many are handled at once, and so the tasks.
    pub(super) place: OwnedSemaphorePermit,
    pub(super) span: Span,
    pub(super) in_flight: InFlight,
}

type Begun = (Job, Counted);

/// Dropped, it ends its tasks wherever they are.
pub(super) struct Crew {
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
}

struct Shared {
    service: Arc<Service>,
    queue: Arc<ServedQueue>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those that wait for a message, the last to come last: it is the first to get one, since its
    /// memory is at hand.
    idle: Vec<oneshot::Sender<Begun>>,
    dismissed: bool,
    ended: Ended,
}

/// How the handling of messages has ended since the queue was to be left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    pub(super) finished: usize,
    pub(super) cut_off: usize,
}

impl Crew {
    pub(super) fn new(service: Arc<Service>, queue: Arc<ServedQueue>) -> Self {
        let shared = Shared { service, queue, state: Mutex::default() };
        Self { tasks: JoinSet::new(), shared: Arc::new(shared) }
    }

    /// Has a message handled: by a task that has nothing to do, or by one more.
    pub(super) fn handle(&mut self, job: Job) {
        let mut begun = (job, Counted { shared: Arc::clone(&self.shared), has_ended: None });
        loop {
            let idle = self.shared.state().idle.pop();
            let Some(idle) = idle else { break };
            match idle.send(begun) {
                Ok(()) => return,
                Err(back) => begun = back,
            }
        }
        // Those that broke down.
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(Arc::clone(&self.shared).work(begun));
    }

    /// No more messages come: each task ends with the message that it has.
    pub(super) fn dismiss(&self) {
        let mut state = self.shared.state();
        state.dismissed = true;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }

    /// Waits until the tasks have ended, which [`Crew::dismiss`] has them do. Cancel-safe.
    pub(super) async fn all_ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Ends the tasks wherever they are.
    pub(super) fn cut_off(&mut self) {
        self.tasks.abort_all();
    }

    pub(super) fn ended(&self) -> Ended {
        self.shared.state().ended
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn work(self: Arc<Self>, first: Begun) {
        let mut next = Some(first);
        while let Some(begun) = next {
            self.handle(begun).await;
            next = match self.wait() {
                Some(next) => next.await.ok(),
                None => None,
            };
        }
    }

    async fn handle(&self, (job, mut counted): Begun) {
        let Job { taken, place, span, in_flight } = job;
        let (service, queue) = (Arc::clone(&self.service), Arc::clone(&self.queue));
        let was_left = service.handle(queue, taken, place, in_flight).instrument(span).await;
        counted.has_ended = Some(was_left);
    }

    /// Takes a place among those that wait for a message, unless none comes any more.
    fn wait(&self) -> Option<oneshot::Receiver<Begun>> {
        let mut state = self.state();
        if state.dismissed {
            return None;
        }
        let (sender, next) = oneshot::channel();
        state.idle.push(sender);
        Some(next)
    }
}

/// Counts a message when it is dropped, however its handling has ended.
struct Counted {
    shared: Arc<Shared>,
    /// By itself, and whether the queue was to be left by then.
    has_ended: Option<bool>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.has_ended == Some(false) {
            return;
        }
        let ended = &mut self.shared.state().ended;
        if self.has_ended.is_some() || panicking() {
            ended.finished += 1;
        } else {
            ended.cut_off += 1;
        }
    }
}
