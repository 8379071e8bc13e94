use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time;

use super::state::State;
use crate::error::Error;

/// The state, and word of its changes to both worlds: threads and tasks.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    for_threads: Condvar,
    for_tasks: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State::new()),
            for_threads: Condvar::new(),
            for_tasks: watch::Sender::new(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the state is whole in itself, so a panic leaves it fit for use.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something under the lock that nobody waits for.
    pub(super) fn look<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.lock())
    }

    /// Changes the state and tells everybody.
    pub(super) fn change<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let outcome = work(&mut self.lock());
        self.tell();
        outcome
    }

    pub(super) fn tell(&self) {
        self.for_threads.notify_all();
        self.for_tasks.send_replace(());
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.for_tasks.subscribe()
    }

    /// Blocks until the state is so, or the proxy's thread is gone.
    pub(super) fn wait(&self, until: impl Fn(&State) -> bool) {
        let state = self.lock();
        drop(self.for_threads.wait_while(state, |state| !state.ended && !until(state)));
    }

    /// Waits until the state is so.
    pub(super) async fn wait_async(
        &self,
        limit: Duration,
        wanted: impl Fn() -> String,
        until: impl Fn(&State) -> bool,
    ) -> Result<(), Error> {
        let mut changes = self.changes();
        let reached = async {
            // An error would mean that the sender is gone, which is in `self`.
            while !self.look(|state| until(state)) && changes.changed().await.is_ok() {}
        };
        if time::timeout(limit, reached).await.is_ok() {
            return Ok(());
        }
        let (open, total) = self.look(|state| (state.open(), state.total));
        Err(Error::Connections { wanted: wanted(), open, total, waited: limit })
    }

    pub(super) fn tell_when_the_thread_ends(self: &Arc<Self>) -> ThreadEnd {
        ThreadEnd(Arc::clone(self))
    }
}

/// Says, also after a panic, that the proxy's thread has ended.
pub(super) struct ThreadEnd(Arc<Shared>);

impl Drop for ThreadEnd {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.ended = true;
            state.listening = false;
        });
    }
}
