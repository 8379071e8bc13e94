//! The place of a handler among those that may run at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One place, which can be given to others while its holder only waits.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    pub(super) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { turns: Arc::clone(permit.semaphore()), permit: Some(permit) }
    }

    /// Lets others run until it is taken again.
    pub(super) fn give_up(&mut self) {
        self.permit = None;
    }

    pub(super) const fn is_given_up(&self) -> bool {
        self.permit.is_none()
    }

    /// Waits for a place, unless it has one.
    pub(super) async fn take(&mut self) {
        if self.permit.is_none() {
            // Nobody closes the semaphore.
            self.permit = Arc::clone(&self.turns).acquire_owned().await.ok();
        }
    }
}
