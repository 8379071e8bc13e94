//! The broker: its state behind one lock, and the brokers of this process by their names.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::expiry::Now;
use super::state::State;

static NAMED: Mutex<BTreeMap<String, Weak<Broker>>> = Mutex::new(BTreeMap::new());

#[derive(Debug)]
pub(super) struct Broker {
    state: Mutex<State>,
    /// Rings at each step of work.
    #[cfg(feature = "testing")]
    pub(super) changed: tokio::sync::Notify,
    myself: Weak<Self>,
}

impl Broker {
    pub(super) fn new() -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            state: Mutex::new(State::new()),
            #[cfg(feature = "testing")]
            changed: tokio::sync::Notify::new(),
            myself: myself.clone(),
        })
    }

    /// The broker of this name: the one that lives, or a new one.
    pub(super) fn named(name: &str) -> Arc<Self> {
        let mut brokers = lock(&NAMED);
        brokers.retain(|_, broker| broker.strong_count() > 0);
        if let Some(broker) = brokers.get(name).and_then(Weak::upgrade) {
            return broker;
        }
        let broker = Self::new();
        brokers.insert(name.to_owned(), Arc::downgrade(&broker));
        broker
    }

    /// Does one step of work on the state, all its consequences included. Whoever the step wakes
    /// is woken after the lock is released.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State, &Now) -> T) -> T {
        let now = Now::default();
        let mut state = lock(&self.state);
        let result = work(&mut state, &now);
        state.route_letters(&now);
        state.alarm.start(&self.myself);
        let wakers = mem::take(&mut state.wakers);
        drop(state);
        for waker in wakers {
            waker.wake();
        }
        #[cfg(feature = "testing")]
        self.changed.notify_waiters();
        result
    }

    /// Takes what is there for a consumer, which has no consequences: it has left its queue before.
    pub(super) fn take<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let taken = work(&mut lock(&self.state));
        #[cfg(feature = "testing")]
        self.changed.notify_waiters();
        taken
    }

    /// Looks at the state, and changes nothing.
    #[cfg(feature = "testing")]
    pub(super) fn look<T>(&self, at: impl FnOnce(&State) -> T) -> T {
        at(&lock(&self.state))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.alarm.stop();
    }
}

/// Locks. A holder that panicked has left the state usable: each step of work keeps it so.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
