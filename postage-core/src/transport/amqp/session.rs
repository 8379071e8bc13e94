//! What one connecting brings about, and what goes when the connection goes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::address::Address;
use super::channels::Channels;
use super::dial::dial;
use super::fault;
use super::lane::Lane;
use super::wire::Wire;
use crate::transport::{Publication, TransportError};

/// How long the broker may take to say farewell when this program closes.
pub(super) const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
/// How long it may take when a connection beside was lost: the next session waits for it.
pub(super) const LOST_DEADLINE: Duration = Duration::from_millis(500);
const MOST_KNOWN: usize = 1024;

/// The connections and what runs over them. A lost one is not mended: the whole session is
/// replaced.
#[derive(Debug)]
pub(super) struct Session {
    /// What is published with a confirm.
    confirmed: Lane,
    /// What is published without.
    unconfirmed: Lane,
    /// Consumers, and the queues that belong to this connection alone.
    pub(super) consuming: Arc<Wire>,
    /// Where topology is changed, over the consuming connection.
    pub(super) channels: Channels,
    known: KnownExchanges,
}

impl Session {
    /// Connects within the address's time for that, and no longer than this limit.
    pub(super) async fn connect(
        address: &Address,
        limit: Duration,
    ) -> Result<Self, TransportError> {
        let patience = address.connect_timeout.min(limit);
        let (publishing, consuming) = tokio::try_join!(
            dial(address, "postage: publish", patience),
            dial(address, "postage: consume", patience)
        )?;
        let consuming = Arc::new(consuming);
        Ok(Self {
            confirmed: Lane::confirmed(address, publishing),
            unconfirmed: Lane::unconfirmed(address),
            channels: Channels::new(Arc::clone(&consuming)),
            consuming,
            known: KnownExchanges::default(),
        })
    }

    pub(super) async fn publish(&self, publication: Publication) -> Result<(), TransportError> {
        let exchange = publication.route.exchange.clone();
        if !self.known.contains(&exchange) {
            self.look_up(&publication).await?;
            self.known.insert(&exchange);
        }
        let lane = if publication.confirm { &self.confirmed } else { &self.unconfirmed };
        let outcome = lane.publish(publication).await;
        if let Err(TransportError::Refused { .. }) = outcome {
            self.known.remove(&exchange);
        }
        outcome
    }

    /// Asks for an exchange that is new to us where the answer harms nobody: publishing to one
    /// that does not exist closes the channel under all who publish.
    async fn look_up(&self, publication: &Publication) -> Result<(), TransportError> {
        let asked = self.check_exchange(publication.route.exchange()).await;
        asked.map_err(|error| match error {
            TransportError::Refused { reason, .. } => {
                fault::refused(format!("publish to {}", publication.route), reason)
            }
            other => other,
        })
    }

    pub(super) fn exchange_is_known(&self, exchange: &str) {
        self.known.insert(exchange);
    }

    /// Waits until a connection of the session is lost, and says why.
    pub(super) async fn lost(&self) -> TransportError {
        tokio::select! {
            reason = lost(&self.consuming) => reason,
            reason = self.confirmed.ended() => reason,
            reason = self.unconfirmed.ended() => reason,
        }
    }

    /// Closes all connections, in at most `patience` whatever the broker does; false where it did not
    /// answer. What is under way fails.
    pub(super) async fn close(&self, patience: Duration) -> bool {
        let (confirmed, unconfirmed, consuming) = tokio::join!(
            self.confirmed.close(patience),
            self.unconfirmed.close(patience),
            self.consuming.end(patience)
        );
        confirmed && unconfirmed && consuming
    }
}

/// Waits until the connection is lost. lapin was seen to fail without telling all who wait for it; its
/// stream ends with it.
async fn lost(connection: &Wire) -> TransportError {
    tokio::select! {
        biased;
        reason = connection.silence() => TransportError::Disconnected { reason },
        loss = connection.direct().closed() => loss.disconnected(),
    }
}

/// The exchanges that were seen to exist. Bounded: it forgets all when it is full.
#[derive(Debug, Default)]
struct KnownExchanges(Mutex<HashSet<Box<str>>>);

impl KnownExchanges {
    fn contains(&self, exchange: &str) -> bool {
        // The default exchange is always there.
        exchange.is_empty() || self.with(|known| known.contains(exchange))
    }

    fn insert(&self, exchange: &str) {
        self.with(|known| {
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(exchange.into());
        });
    }

    fn remove(&self, exchange: &str) {
        self.with(|known| known.remove(exchange));
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashSet<Box<str>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
