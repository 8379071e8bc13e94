//! What a service consumes: its queues and bindings, those made at run time among them, kept so
//! that they can be brought back after a loss.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

use super::ServiceSetup;
use crate::link::Link;
use crate::topology::{Binding, Queue};
use crate::transport::{Source, Subscription, TransportError};

/// How often a queue that has gone meanwhile is declared again at once.
const MOST_AGAIN: u32 = 3;

/// The queues that a service consumes now.
#[derive(Debug)]
pub(super) struct Sources {
    prefetch: u16,
    queues: Mutex<Vec<Arc<ServedQueue>>>,
}

/// A queue that a service consumes.
#[derive(Debug)]
pub(super) struct ServedQueue {
    /// As it was described.
    pub(super) queue: Queue,
    /// What it is known by over losses: its name, or, where the broker gives it another each time, one
    /// of our own.
    pub(super) id: Box<str>,
    prefetch: u16,
    now: Mutex<Now>,
    stage: watch::Sender<Stage>,
    /// Not so while it is being brought back.
    consumed: AtomicBool,
}

/// How far a queue's loop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Consumed,
    /// It is to be consumed no longer.
    Released,
    /// It is not consumed any more, and what no handler had begun is given back.
    Left,
}

/// What changes while the queue is consumed.
#[derive(Debug)]
struct Now {
    /// Its name; the broker may have chosen it.
    name: Arc<str>,
    bindings: Vec<Binding>,
}

impl Sources {
    pub(super) fn new(setup: &ServiceSetup) -> Self {
        let bindings_of = |place| {
            let of_place = setup.bindings.iter().filter(move |(queue, _)| *queue == place);
            of_place.map(|(_, binding)| binding.clone()).collect()
        };
        let served = setup.queues.iter().enumerate().map(|(place, queue)| {
            Arc::new(ServedQueue::new(queue.clone(), bindings_of(place), setup.most_out()))
        });
        Self { prefetch: setup.most_out(), queues: Mutex::new(served.collect()) }
    }

    /// How many unsettled messages each queue may have out.
    pub(super) const fn prefetch(&self) -> u16 {
        self.prefetch
    }

    pub(super) fn all(&self) -> Vec<Arc<ServedQueue>> {
        self.queues().clone()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.queues().iter().map(|queue| queue.name().to_string()).collect()
    }

    /// The queue that has this name now.
    pub(super) fn named(&self, name: &str) -> Option<Arc<ServedQueue>> {
        self.queues().iter().find(|queue| &*queue.name() == name).cloned()
    }

    pub(super) fn add(&self, queue: Arc<ServedQueue>) {
        self.queues().push(queue);
    }

    /// Forgets a queue, and waits until it is consumed no longer.
    pub(super) async fn leave(&self, name: &str) {
        let Some(queue) = self.named(name) else { return };
        self.queues().retain(|other| !Arc::ptr_eq(other, &queue));
        queue.reach(Stage::Released);
        // The sender is here.
        drop(queue.stage().wait_for(|stage| *stage == Stage::Left).await);
    }

    /// A binding made at run time. One of another's queue is not ours to bring back.
    pub(super) fn remember(&self, binding: &Binding) {
        if let Some(queue) = self.named(binding.queue()) {
            let mut now = queue.now();
            if !now.bindings.contains(binding) {
                now.bindings.push(binding.clone());
            }
        }
    }

    pub(super) fn forget(&self, binding: &Binding) {
        if let Some(queue) = self.named(binding.queue()) {
            queue.now().bindings.retain(|known| known != binding);
        }
    }

    fn queues(&self) -> MutexGuard<'_, Vec<Arc<ServedQueue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServedQueue {
    pub(super) fn new(queue: Queue, bindings: Vec<Binding>, prefetch: u16) -> Self {
        let now = Mutex::new(Now { name: queue.name().into(), bindings });
        let id = match queue.name() {
            "" => Uuid::new_v4().to_string(),
            name => name.to_owned(),
        };
        Self {
            queue,
            id: id.into(),
            prefetch,
            now,
            stage: watch::Sender::new(Stage::Consumed),
            consumed: AtomicBool::new(false),
        }
    }

    /// Its name of now.
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.now().name)
    }

    pub(super) fn stage(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// Whether it is left, or to be.
    pub(super) fn is_released(&self) -> bool {
        *self.stage.borrow() >= Stage::Released
    }

    /// Stages are only gone forward.
    pub(super) fn reach(&self, stage: Stage) {
        self.stage.send_modify(|now| *now = stage.max(*now));
    }

    /// Declares it and binds it, and subscribes.
    pub(super) async fn subscribe(&self, link: &Link) -> Result<Subscription, TransportError> {
        // It may go between declaring and consuming it, with the last consumer that it had.
        let may_go = self.queue.auto_delete && !self.queue.name().is_empty();
        let mut again = if may_go { MOST_AGAIN } else { 0 };
        loop {
            match self.subscribe_once(link).await {
                Err(TransportError::Refused { .. }) if again > 0 => again -= 1,
                subscribed => return subscribed,
            }
        }
    }

    async fn subscribe_once(&self, link: &Link) -> Result<Subscription, TransportError> {
        let transport = &link.transport;
        let name = transport.declare_queue(&self.queue).await?;
        let bindings = self.take_name(&name);
        for binding in &bindings {
            link.declare(binding.exchange()).await?;
            if !binding.exchange().is_default() {
                transport.bind(binding).await?;
            }
        }
        let subscription = transport.consume(Source::new(name).prefetch(self.prefetch)).await?;
        // It may have been taken back before it was bound here.
        for forgotten in bindings.iter().filter(|binding| !self.now().bindings.contains(binding)) {
            transport.unbind(forgotten).await?;
        }
        self.consumed.store(true, Ordering::Release);
        Ok(subscription)
    }

    /// Notes that it is not consumed until it is subscribed to again.
    pub(super) fn lose(&self) {
        self.consumed.store(false, Ordering::Release);
    }

    pub(super) fn is_consumed(&self) -> bool {
        self.consumed.load(Ordering::Acquire)
    }

    /// Whether it is not consumed now, and will be again.
    pub(super) fn is_brought_back(&self) -> bool {
        !self.is_consumed() && *self.stage.borrow() == Stage::Consumed
    }

    /// Notes the queue's name of now, and answers its bindings under that name.
    fn take_name(&self, name: &str) -> Vec<Binding> {
        let mut now = self.now();
        now.name = name.into();
        for binding in &mut now.bindings {
            binding.queue = name.to_owned().into();
        }
        now.bindings.clone()
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
