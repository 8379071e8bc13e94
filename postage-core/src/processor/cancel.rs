//! Callers that have left: a handler that may be cancelled is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::cancellation::{CANCELLED, Left};
use crate::link::Link;
use crate::message::Message;
use crate::pauses::Pauses;
use crate::transport::{Delivery, Subscription, TransportError};

/// How many ids of requests are kept that were cancelled and have not come yet.
const MOST_EARLY: usize = 1024;

/// The cancellable requests of a service.
#[derive(Debug, Default)]
pub(super) struct Cancels(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The requests that run: true when they are cancelled.
    running: HashMap<String, watch::Sender<bool>>,
    /// Those that were cancelled before they came.
    early: HashSet<String>,
    early_in_order: VecDeque<String>,
}

/// A cancellable request that runs.
pub(super) struct Running<'a> {
    cancels: &'a Cancels,
    id: String,
    cancelled: watch::Receiver<bool>,
}

impl Cancels {
    /// Begins a request; nothing when it was cancelled before it came.
    pub(super) fn begin(&self, id: &str) -> Option<Running<'_>> {
        let mut known = self.known();
        if known.early.remove(id) {
            known.early_in_order.retain(|early| early != id);
            return None;
        }
        let (sender, cancelled) = watch::channel(false);
        known.running.insert(id.to_owned(), sender);
        Some(Running { cancels: self, id: id.to_owned(), cancelled })
    }

    fn cancel(&self, id: String) {
        let mut known = self.known();
        if let Some(running) = known.running.get(&id) {
            running.send_replace(true);
        } else if known.early.insert(id.clone()) {
            known.early_in_order.push_back(id);
            if known.early_in_order.len() > MOST_EARLY
                && let Some(oldest) = known.early_in_order.pop_front()
            {
                known.early.remove(&oldest);
            }
        }
    }

    /// Listens, over losses of the connection, for as long as the service runs.
    pub(super) async fn listen(self: Arc<Self>, link: Arc<Link>) {
        let mut pauses = Pauses::new();
        loop {
            let session = link.session();
            let lost = match link.listen(CANCELLED, "").await {
                Ok(mut heard) => {
                    pauses = Pauses::new();
                    self.hear(&link, &mut heard).await
                }
                Err(error) => error,
            };
            if let TransportError::Disconnected { .. } = lost
                && link.after_loss(session, lost).await.is_err()
            {
                return;
            }
            sleep(pauses.next()).await;
        }
    }

    async fn hear(&self, link: &Link, heard: &mut Subscription) -> TransportError {
        loop {
            match heard.next().await {
                Ok(Some(delivery)) => {
                    if let Some(id) = read(link, &delivery) {
                        self.cancel(id);
                    }
                }
                Ok(None) => {
                    let reason = "the consumer of cancellations ended".to_owned();
                    return TransportError::Disconnected { reason };
                }
                Err(error) => return error,
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(link: &Link, delivery: &Delivery) -> Option<String> {
    let (_, json) = link.open(delivery).ok()?;
    let message = Message::from_json(&json).ok()?;
    #[derive(Deserialize)]
    struct Content {
        parameters: Left,
    }
    let Content { parameters: Left { id } } = message.content_as().ok()?;
    Some(id)
}

impl Running<'_> {
    /// Waits until the request is cancelled.
    pub(super) async fn cancelled(&mut self) {
        // The sender is among the running ones until this is dropped.
        if self.cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.cancels.known().running.remove(&self.id);
    }
}
