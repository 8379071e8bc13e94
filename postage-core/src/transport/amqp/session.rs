//! What one connecting brings about, and what goes when the connection goes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{collections::HashSet, io};

use lapin::tcp::{AMQPUriTcpExt, TLSConfig};
use lapin::{Connection, ConnectionProperties, Error, ErrorKind};
use tokio::time::timeout;

use super::address::Address;
use super::channels::Channels;
use super::fault;
use super::lane::Lane;
use crate::transport::{Publication, TransportError};

const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
const MOST_KNOWN: usize = 1024;

/// Two connections and what runs over them. A lost one is not mended: the whole session is
/// replaced.
#[derive(Debug)]
pub(super) struct Session {
    /// What is published with a confirm.
    confirmed: Lane,
    /// What is published without.
    unconfirmed: Lane,
    publishing: Arc<Connection>,
    /// Consumers, and the queues that belong to this connection alone.
    pub(super) consuming: Arc<Connection>,
    /// Where topology is changed, over the consuming connection.
    pub(super) channels: Channels,
    known: KnownExchanges,
}

impl Session {
    pub(super) async fn connect(address: &Address) -> Result<Self, TransportError> {
        let (publishing, consuming) =
            tokio::try_join!(dial(address, "postage: publish"), dial(address, "postage: consume"))?;
        let (publishing, consuming) = (Arc::new(publishing), Arc::new(consuming));
        Ok(Self {
            confirmed: Lane::confirmed(Arc::clone(&publishing)),
            unconfirmed: Lane::unconfirmed(Arc::clone(&publishing)),
            publishing,
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

    /// Closes both connections. It takes a bounded time, whatever the broker does.
    pub(super) async fn close(&self) {
        let close = |connection: Arc<Connection>| async move {
            // An error says that it is gone already.
            let _ = timeout(CLOSE_DEADLINE, connection.close(200, "closed".into())).await;
        };
        // What is under way fails at once.
        tokio::join!(close(Arc::clone(&self.publishing)), close(Arc::clone(&self.consuming)));
    }
}

/// Makes one connection and logs in.
pub(super) async fn dial(address: &Address, name: &str) -> Result<Connection, TransportError> {
    let failed = |reason: String| TransportError::Connect { address: address.to_string(), reason };
    let patience = address.connect_timeout;
    let runtime = lapin::runtime::default_runtime().map_err(|error| failed(error.to_string()))?;
    let properties = ConnectionProperties::default().with_connection_name(name.into());

    // The connection's thread must give up too, or it would wait for as long as the system does.
    let open = async move |uri: lapin::uri::AMQPUri, runtime| {
        let opening = uri.connect_with_config_async(TLSConfig::default(), &runtime);
        let opened = timeout(patience, opening).await;
        opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(Error::from)
    };
    let connecting = Connection::connector(address.uri.clone(), runtime, open, properties);
    match timeout(patience, connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(failed(why_not(&error, patience))),
        Err(_) => Err(failed(too_slow(patience))),
    }
}

fn why_not(error: &Error, patience: Duration) -> String {
    match error.kind() {
        ErrorKind::IOError(error) if error.kind() == io::ErrorKind::TimedOut => too_slow(patience),
        ErrorKind::IOError(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            format!("{error}; is the broker running there?")
        }
        ErrorKind::ProtocolError(_) => {
            format!("{}; check the user, the password and the virtual host", fault::words(error))
        }
        _ => fault::words(error),
    }
}

fn too_slow(patience: Duration) -> String {
    format!("no answer within {patience:?}")
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
