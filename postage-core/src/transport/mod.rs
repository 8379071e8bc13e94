//! How messages travel: the [`Transport`] trait, and one room for each transport.
//!
//! The trait speaks of routes, sources, deliveries and settlement, so that transports other than
//! AMQP 0-9-1 fit it. What it promises is tested once, by the conformance suite, for all of them.

#[cfg(feature = "amqp")]
pub(crate) mod amqp;
mod delivery;
#[cfg(feature = "faults")]
mod faults;
mod headers;
pub(crate) mod memory;
mod properties;
mod publication;
mod settled;
mod source;
mod state;
mod tables;
mod text;

use std::fmt;
use std::pin::Pin;

use tokio::sync::watch;

#[cfg(feature = "amqp")]
pub use amqp::AmqpTransport;
pub use delivery::{Deliveries, Delivery, Settle, Settlement, Subscription};
#[cfg(feature = "faults")]
pub use faults::{Fault, FaultKind, FaultLog, Faults, FaultyTransport};
pub use headers::Headers;
pub use memory::MemoryTransport;
pub use properties::Properties;
pub use publication::Publication;
pub use settled::Settled;
pub use source::Source;
pub use state::ConnectionState;
pub use text::SharedText;

use crate::topology::{Binding, Exchange, Queue, Route};

/// A boxed future, as the methods of an object-safe trait return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a mandatory message without an id is refused.
pub(crate) const MANDATORY_NEEDS_ID: &str =
    "a mandatory message needs a message id, to be known when it comes back";

/// A way to move messages.
///
/// Every method may be called at any time from any task. A method whose future is dropped, also before
/// it was polled, may or may not have taken effect at the broker, and leaves the transport usable.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Makes sure that the exchange exists as described. The default exchange is never declared.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when an exchange of that name exists with other properties, or
    /// when it is passive and does not exist.
    fn declare_exchange<'a>(
        &'a self,
        exchange: &'a Exchange,
    ) -> BoxFuture<'a, Result<(), TransportError>>;

    /// Makes sure that the queue exists as described, and answers its name: the broker's own
    /// choice when the description has none.
    ///
    /// # Errors
    /// As [`Transport::declare_exchange`].
    fn declare_queue<'a>(
        &'a self,
        queue: &'a Queue,
    ) -> BoxFuture<'a, Result<String, TransportError>>;

    /// Deletes a queue with what is in it. Deleting one that does not exist is no error.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when the queue is another connection's own.
    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), TransportError>>;

    /// Binds a queue to an exchange. Binding twice is binding once.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when either does not exist.
    fn bind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>>;

    /// Takes a binding back. Taking back what was never bound is no error, nor is it when the queue
    /// or the exchange does not exist.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when the queue is another connection's own.
    fn unbind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>>;

    /// Publishes. With `confirm` it resolves when the broker has taken responsibility for the
    /// message; without, when the message has been handed to the connection.
    ///
    /// # Errors
    /// [`TransportError::Unroutable`] for a mandatory, confirmed message that no queue took;
    /// [`TransportError::NotConfirmed`] when the broker refused it (a full queue, say);
    /// [`TransportError::Refused`] when the exchange does not exist.
    fn publish(&self, publication: Publication) -> BoxFuture<'_, Result<(), TransportError>>;

    /// Starts consuming a queue.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when the queue does not exist or is another's own.
    fn consume(&self, source: Source) -> BoxFuture<'_, Result<Subscription, TransportError>>;

    /// The virtual host: the name of the world that exchanges and queues live in.
    fn vhost(&self) -> &str;

    /// The messaging system that it speaks to, by OpenTelemetry's name for it: spans have it as
    /// `messaging.system`. Unless overridden, `other`.
    fn system(&self) -> &'static str {
        "other"
    }

    /// Whether it is connected, to be watched. A transport that does not connect again by itself
    /// goes from connected to closed.
    fn state(&self) -> watch::Receiver<ConnectionState>;

    /// Closes the connection. What was not settled goes back to its queue. Idempotent.
    ///
    /// # Errors
    /// [`TransportError::Disconnected`] when the broker did not answer: what was sent last without a
    /// confirm, or settled last, may not have arrived.
    fn close(&self) -> BoxFuture<'_, Result<(), TransportError>>;
}

/// What went wrong between this program and the broker. It never holds a password.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The address cannot be understood, or this build has no transport for it.
    #[error("cannot use the address `{address}`: {reason}")]
    Address {
        /// The address, its password left out.
        address: String,
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// No connection could be made.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// Host, port and virtual host.
        address: String,
        /// What the network or the broker said.
        reason: String,
    },
    /// The connection is gone, or was closed.
    #[error("the connection is gone: {reason}")]
    Disconnected {
        /// What is known of the reason.
        reason: String,
    },
    /// The broker refused an operation.
    #[error("the broker refused to {operation}: {reason}")]
    Refused {
        /// What was asked, with names, like ``declare the exchange `orders` ``.
        operation: String,
        /// The broker's own words.
        reason: String,
    },
    /// No queue took a mandatory message.
    #[error(
        "no queue took the message sent to {route}; is the service running, and is its queue bound with a matching key?"
    )]
    Unroutable {
        /// Where it was sent.
        route: Route,
    },
    /// The broker answered a publication with a negative confirm.
    #[error("the broker did not take the message sent to {route}: a queue is full, or failed")]
    NotConfirmed {
        /// Where it was sent.
        route: Route,
    },
    /// A queue stopped delivering: it was deleted, or the broker cancelled the consumer.
    #[error("the consumer of queue `{queue}` was cancelled: {reason}")]
    ConsumerCancelled {
        /// The queue.
        queue: String,
        /// What is known of the reason.
        reason: String,
    },
}
