//! How often connections are made again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use postage_core::{Broker, ConnectionState};
use tokio::task::JoinSet;

/// Watches connections until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Reconnects {
    count: Arc<AtomicU64>,
    watchers: JoinSet<()>,
}

impl Reconnects {
    /// Counts those of this connection too.
    pub(crate) fn watch(&mut self, broker: &Broker) {
        let (mut state, count) = (broker.state(), Arc::clone(&self.count));
        self.watchers.spawn(async move {
            let mut known = 1;
            while state.changed().await.is_ok() {
                if let ConnectionState::Connected { session } = *state.borrow_and_update() {
                    count.fetch_add(session.saturating_sub(known), Ordering::Relaxed);
                    known = session;
                }
            }
        });
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}
