//! The in-process broker: a model of RabbitMQ's exchanges, queues and consumers.
//!
//! What RabbitMQ does, this does, as far as the [`Transport`] trait can show it; the conformance
//! suite runs on both. It keeps everything in memory and has no users, no plugins and one virtual
//! host, `/`. A quorum queue behaves as a durable classic one that counts deliveries.

mod broker;
mod consumer;
mod dead_letter;
mod declare;
mod done;
mod exchange;
mod expiry;
mod few;
mod flow;
mod message;
mod queue;
mod settings;
mod state;
#[cfg(test)]
mod tests;
#[cfg(feature = "testing")]
mod under_way;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use self::broker::Broker;
use self::consumer::Inbox;
use self::done::done_in_turn;
use self::expiry::Now;
use self::flow::Outcome;
use self::message::Message;
use self::state::{ConnectionId, State};
use super::{
    BoxFuture, ConnectionState, MANDATORY_NEEDS_ID, Properties, Publication, Source, Subscription,
    Transport, TransportError, tables,
};
use crate::topology::{Binding, Exchange, Queue};

/// A connection to a broker that lives in this process.
///
/// Its methods are to be called within a tokio runtime that has its timer enabled. The broker
/// lives as long as any of its connections, subscriptions and unsettled deliveries. Dropping a
/// connection closes it.
///
/// ```
/// use postage_core::transport::{MemoryTransport, Transport};
/// use postage_core::Queue;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let here = MemoryTransport::new();
/// let there = here.connect();
/// here.declare_queue(&Queue::new("letters")).await?;
/// there.declare_queue(&Queue::new("letters").passive(true)).await?;
/// # Ok::<(), postage_core::TransportError>(())
/// # }).unwrap();
/// ```
pub struct MemoryTransport {
    broker: Arc<Broker>,
    connection: ConnectionId,
    state: watch::Sender<ConnectionState>,
}

impl MemoryTransport {
    /// A connection to a broker of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::to(Broker::new())
    }

    /// A connection to the broker of this name: all in this process who ask for the same name
    /// while it lives share it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::to(Broker::named(name))
    }

    /// Another connection to the same broker. Exclusive queues are not shared between the two.
    #[must_use]
    pub fn connect(&self) -> Self {
        Self::to(self.broker.clone())
    }

    /// Ends the connection, without a word to those who watch its state.
    #[cfg(feature = "faults")]
    pub(in crate::transport) fn cut(&self) {
        self.broker.with(|state, now| state.close_connection(self.connection, now));
    }

    fn to(broker: Arc<Broker>) -> Self {
        let connection = broker.with(|state, _| state.open_connection());
        let state = watch::Sender::new(ConnectionState::Connected { session: 1 });
        Self { broker, connection, state }
    }

    /// Asks the broker for something; its reason to refuse becomes an error that names what was
    /// asked.
    fn ask<T>(
        &self,
        operation: impl FnOnce() -> String,
        work: impl FnOnce(&mut State, &Now) -> Result<T, String>,
    ) -> Result<T, TransportError> {
        let answer = self.broker.with(|state, now| {
            state.connections.contains_key(&self.connection).then(|| work(state, now))
        });
        let answer = answer.ok_or_else(disconnected)?;
        answer.map_err(|reason| TransportError::Refused { operation: operation(), reason })
    }
}

impl Default for MemoryTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTransport").field("connection", &self.connection).finish()
    }
}

impl Drop for MemoryTransport {
    fn drop(&mut self) {
        self.broker.with(|state, now| state.close_connection(self.connection, now));
    }
}

impl Transport for MemoryTransport {
    fn declare_exchange<'a>(
        &'a self,
        exchange: &'a Exchange,
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(async move {
            self.ask(
                || format!("declare the exchange `{}`", exchange.name()),
                |state, _| {
                    tables::check(exchange.arguments().as_slice())?;
                    state.declare_exchange(exchange)
                },
            )
        })
    }

    fn declare_queue<'a>(
        &'a self,
        queue: &'a Queue,
    ) -> BoxFuture<'a, Result<String, TransportError>> {
        Box::pin(async move {
            self.ask(
                || format!("declare the queue `{}`", queue.name()),
                |state, now| {
                    tables::check(queue.arguments().as_slice())?;
                    state.declare_queue(self.connection, queue, now)
                },
            )
        })
    }

    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(async move {
            self.ask(
                || format!("delete the queue `{queue}`"),
                |state, _| state.delete_queue(self.connection, queue),
            )
        })
    }

    fn bind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(async move {
            self.ask(
                || format!("bind {}", ends(binding)),
                |state, _| {
                    tables::check(binding.arguments().as_slice())?;
                    state.bind(self.connection, binding)
                },
            )
        })
    }

    fn unbind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(async move {
            self.ask(
                || format!("unbind {}", ends(binding)),
                |state, _| {
                    tables::check(binding.arguments().as_slice())?;
                    state.unbind(self.connection, binding)
                },
            )
        })
    }

    fn publish(&self, publication: Publication) -> BoxFuture<'_, Result<(), TransportError>> {
        let Publication { route, mut properties, body, mandatory, confirm } = publication;
        // As it would arrive over a wire.
        let expiration = properties.expiration_millis();
        properties.expiration = expiration.map(|millis| Duration::from_millis(millis.into()));
        let lacks_id = mandatory && confirm && properties.message_id.is_none();
        let message = Arc::new(Message { body, properties, route });
        let checked = check(&message, lacks_id);
        let operation = || format!("publish to {}", message.route);
        let outcome = self.ask(operation, |state, now| {
            checked?;
            state.publish(&message, now)
        });
        let route = || message.route.clone();
        done_in_turn(match outcome {
            Ok(Outcome::Unroutable) if mandatory && confirm => {
                Err(TransportError::Unroutable { route: route() })
            }
            Ok(Outcome::NotTaken) if confirm => {
                Err(TransportError::NotConfirmed { route: route() })
            }
            outcome => outcome.map(drop),
        })
    }

    fn consume(&self, source: Source) -> BoxFuture<'_, Result<Subscription, TransportError>> {
        Box::pin(async move {
            let consumer = self.ask(
                || format!("consume the queue `{}`", source.queue),
                |state, now| state.consume(self.connection, &source, now),
            )?;
            let inbox = Inbox::new(self.broker.clone(), self.connection, consumer);
            Ok(Subscription::new(inbox))
        })
    }

    fn vhost(&self) -> &str {
        "/"
    }

    fn system(&self) -> &'static str {
        "memory"
    }

    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.state.subscribe()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            self.state.send_replace(ConnectionState::Closed);
            self.broker.with(|state, now| state.close_connection(self.connection, now));
            Ok(())
        })
    }
}

fn ends(binding: &Binding) -> String {
    let (queue, exchange, key) = (binding.queue(), binding.exchange().name(), binding.key());
    format!("the queue `{queue}` and the exchange `{exchange}` under the key `{key}`")
}

/// What a broker would refuse, whatever it has.
fn check(message: &Message, lacks_id: bool) -> Result<(), String> {
    if lacks_id {
        return Err(MANDATORY_NEEDS_ID.to_owned());
    }
    check_lengths(message)?;
    tables::check(message.properties.headers.as_slice())
}

fn check_lengths(message: &Message) -> Result<(), String> {
    declare::check_length("exchange's name", message.route.exchange())?;
    declare::check_length("routing key", message.route.key())?;
    let Properties {
        content_type,
        content_encoding,
        correlation_id,
        reply_to,
        message_id,
        kind,
        user_id,
        app_id,
        ..
    } = &message.properties;
    let texts = [
        ("content type", content_type.as_deref()),
        ("content encoding", content_encoding.as_deref()),
        ("correlation id", correlation_id.as_deref()),
        ("reply address", reply_to.as_deref()),
        ("message id", message_id.as_deref()),
        ("kind", kind.as_deref()),
        ("user id", user_id.as_deref()),
        ("application id", app_id.as_deref()),
    ];
    for (what, text) in texts {
        declare::check_length(what, text.unwrap_or_default())?;
    }
    Ok(())
}

fn disconnected() -> TransportError {
    TransportError::Disconnected { reason: "the connection was closed".into() }
}
