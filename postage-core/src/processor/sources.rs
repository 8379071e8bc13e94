//! What a service consumes: its queues and bindings, those made at run time among them, kept so
//! that they can be brought back after a loss.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ServiceSetup;
use crate::link::Link;
use crate::topology::{Binding, Queue};
use crate::transport::{Source, Subscription, TransportError};

#[derive(Debug)]
pub(super) struct Sources {
    link: Arc<Link>,
    queues: Vec<Queue>,
    prefetch: u16,
    now: Mutex<Now>,
}

/// What changes while the service runs.
#[derive(Debug)]
struct Now {
    /// The names of the queues; the broker may have chosen them.
    names: Vec<Arc<str>>,
    /// Each with the place of its queue among the queues.
    bindings: Vec<(usize, Binding)>,
}

impl Sources {
    pub(super) fn new(link: Arc<Link>, setup: &ServiceSetup) -> Self {
        let names = setup.queues.iter().map(|queue| queue.name().into()).collect();
        let now = Mutex::new(Now { names, bindings: setup.bindings.clone() });
        Self { link, queues: setup.queues.clone(), prefetch: setup.prefetch, now }
    }

    /// How many queues there are.
    pub(super) fn len(&self) -> usize {
        self.queues.len()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.now().names.iter().map(ToString::to_string).collect()
    }

    /// The queue at this place, as it was described.
    pub(super) fn queue(&self, place: usize) -> Option<&Queue> {
        self.queues.get(place)
    }

    /// The name of now of the queue at this place.
    pub(super) fn name(&self, place: usize) -> Arc<str> {
        self.now().names.get(place).cloned().unwrap_or_default()
    }

    /// Declares the queue at this place and binds it, and subscribes.
    pub(super) async fn subscribe(&self, place: usize) -> Result<Subscription, TransportError> {
        let transport = &self.link.transport;
        let Some(queue) = self.queues.get(place) else {
            let (operation, reason) = ("find a queue".to_owned(), "there is none".to_owned());
            return Err(TransportError::Refused { operation, reason });
        };
        let name = transport.declare_queue(queue).await?;
        for binding in self.take_name(place, &name) {
            self.link.declare(binding.exchange()).await?;
            if !binding.exchange().is_default() {
                transport.bind(&binding).await?;
            }
        }
        transport.consume(Source::new(name).prefetch(self.prefetch)).await
    }

    /// Notes the queue's name of now, and answers its bindings under that name.
    fn take_name(&self, place: usize, name: &str) -> Vec<Binding> {
        let mut now = self.now();
        if let Some(known) = now.names.get_mut(place) {
            *known = name.into();
        }
        for (_, binding) in now.bindings.iter_mut().filter(|(queue, _)| *queue == place) {
            binding.queue = name.to_owned().into();
        }
        let of_place = now.bindings.iter().filter(|(queue, _)| *queue == place);
        of_place.map(|(_, binding)| binding.clone()).collect()
    }

    /// A binding made at run time. One of another's queue is not ours to bring back.
    pub(super) fn remember(&self, binding: &Binding) {
        let mut now = self.now();
        let place = now.names.iter().position(|name| **name == *binding.queue());
        if let Some(place) = place
            && !now.bindings.iter().any(|(_, known)| known == binding)
        {
            now.bindings.push((place, binding.clone()));
        }
    }

    pub(super) fn forget(&self, binding: &Binding) {
        self.now().bindings.retain(|(_, known)| known != binding);
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
