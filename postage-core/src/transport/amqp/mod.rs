//! AMQP 0-9-1: the conversation with the broker by lapin, the messages [beside it](direct).
//!
//! Everything that one connecting brought about is a [`Session`]; the transport holds the one of
//! now.

mod address;
mod channels;
mod consume;
mod convert;
mod dial;
mod direct;
mod fault;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod lane;
mod session;
mod silence;
mod supervisor;
mod topology;
mod wire;

use std::fmt;
use std::sync::Arc;

use address::Address;
use session::{CLOSE_DEADLINE, LOST_DEADLINE, Session};
use supervisor::Shared;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{
    BoxFuture, ConnectionState, Publication, Source, Subscription, Transport, TransportError,
};
use crate::config::Config;
use crate::topology::{Binding, Exchange, Queue};

/// The transport over AMQP 0-9-1, to RabbitMQ or a broker like it.
///
/// It publishes and consumes over different connections, since a broker that is short of memory
/// stops reading from whole connections, acknowledgements included; what is published without a
/// confirm has a third one, made when it is first used. When one is lost, what is under way fails
/// with [`TransportError::Disconnected`], and all of them are made again: see
/// [`Transport::state`].
///
/// Dropping it closes the connections without waiting; [`Transport::close`] waits.
pub struct AmqpTransport {
    address: Address,
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
    /// Closed when the supervisor has ended.
    supervised: watch::Receiver<()>,
}

impl AmqpTransport {
    /// Connects to the broker that the configuration names, and logs in. It waits for a broker
    /// that is not there yet as long as the configuration says.
    ///
    /// # Errors
    /// [`TransportError::Address`] when the address cannot be used, and
    /// [`TransportError::Connect`] when the broker does not answer in time or does not let us in.
    pub async fn connect(config: &Config) -> Result<Self, TransportError> {
        let address = Address::resolve(config)?;
        let addresses = address.with_other_hosts(config);
        let shared = Arc::new(Shared::connect(addresses, config.patience).await?);
        let (supervising, supervised) = watch::channel(());
        let for_task = Arc::clone(&shared);
        let supervisor = tokio::spawn(async move {
            for_task.supervise().await;
            drop(supervising);
        });
        Ok(Self { address, shared, supervisor, supervised })
    }

    fn session(&self) -> Result<Arc<Session>, TransportError> {
        self.shared.session()
    }
}

impl Drop for AmqpTransport {
    fn drop(&mut self) {
        self.supervisor.abort();
        drop(self.shared.end());
    }
}

impl Transport for AmqpTransport {
    fn declare_exchange<'a>(
        &'a self,
        exchange: &'a Exchange,
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(async move { self.session()?.declare_exchange(&self.address, exchange).await })
    }

    fn declare_queue<'a>(
        &'a self,
        queue: &'a Queue,
    ) -> BoxFuture<'a, Result<String, TransportError>> {
        Box::pin(async move { self.session()?.declare_queue(queue).await })
    }

    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(async move { self.session()?.delete_queue(queue).await })
    }

    fn bind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(async move { self.session()?.bind(binding).await })
    }

    fn unbind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(async move { self.session()?.unbind(binding).await })
    }

    fn publish(&self, publication: Publication) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move { self.session()?.publish(publication).await })
    }

    fn consume(&self, source: Source) -> BoxFuture<'_, Result<Subscription, TransportError>> {
        Box::pin(async move { self.session()?.consume(source).await })
    }

    fn vhost(&self) -> &str {
        self.address.vhost()
    }

    fn system(&self) -> &'static str {
        "rabbitmq"
    }

    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.shared.watch()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), TransportError>> {
        let session = self.shared.end();
        let mut supervised = self.supervised.clone();
        Box::pin(async move {
            let in_order = match session {
                Some(session) => session.close(CLOSE_DEADLINE).await,
                None => true,
            };
            // It may be connecting just now. It says nothing, and an error is its end.
            let _ = timeout(2 * LOST_DEADLINE, supervised.changed()).await;
            if in_order {
                return Ok(());
            }
            let reason = format!("the broker did not answer the farewell in {CLOSE_DEADLINE:?}");
            Err(TransportError::Disconnected { reason })
        })
    }
}

impl fmt::Debug for AmqpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpTransport").field("address", &self.address).finish_non_exhaustive()
    }
}
