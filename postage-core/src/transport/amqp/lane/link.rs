//! A lane's connection, and the next one where the loss of the last was our own doing.
//!
//! When the broker refuses a message, it closes the channel. lapin may still write messages for
//! that channel which it had queued, and the broker answers those by closing the connection. The
//! broker is well then, and the lane goes on over a new connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{Stream, StreamExt};
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection, Event};

use crate::transport::TransportError;
use crate::transport::amqp::address::Address;
use crate::transport::amqp::dial::dial;
use crate::transport::amqp::fault;
use crate::transport::amqp::wire::Wire;

/// Where the lane and its task find the connection of now.
#[derive(Debug)]
pub(super) enum Slot {
    Open(Option<Arc<Wire>>),
    Closed,
}

/// The task's side of the slot.
pub(super) struct Link {
    address: Address,
    name: &'static str,
    slot: Arc<Mutex<Slot>>,
    events: Events,
}

impl Link {
    pub(super) fn new(address: Address, name: &'static str, slot: Arc<Mutex<Slot>>) -> Self {
        let events = match &*lock(&slot) {
            Slot::Open(Some(connection)) => Events::of(connection),
            Slot::Open(None) | Slot::Closed => Events::default(),
        };
        Self { address, name, slot, events }
    }

    pub(super) fn events(&mut self) -> &mut Events {
        &mut self.events
    }

    /// A new channel. `why` is what ended the last one.
    pub(super) async fn channel(
        &mut self,
        confirm: bool,
        why: Option<lapin::Error>,
    ) -> Result<Channel, TransportError> {
        if let Some(connection) = self.connection()? {
            let error = match open(&connection, confirm).await {
                Ok(channel) => return Ok(channel),
                Err(error) => error,
            };
            // What ended the connection tells more than that there is no new channel.
            let why = self.events.last_error().or(why).unwrap_or(error);
            if !fault::was_our_doing(&why) {
                return Err(fault::disconnected(&why));
            }
            tracing::debug!(connection = self.name, reason = %why, "connecting again");
        }
        let connection = self.connect().await?;
        let opened = open(&connection, confirm).await;
        opened.map_err(|error| fault::disconnected(&error))
    }

    fn connection(&self) -> Result<Option<Arc<Wire>>, TransportError> {
        match &*lock(&self.slot) {
            Slot::Open(connection) => Ok(connection.clone()),
            Slot::Closed => Err(fault::closed()),
        }
    }

    async fn connect(&mut self) -> Result<Arc<Wire>, TransportError> {
        let connection = dial(&self.address, self.name, self.address.connect_timeout).await;
        let connection = connection
            .map_err(|error| TransportError::Disconnected { reason: error.to_string() })?;
        let connection = Arc::new(connection);
        match &mut *lock(&self.slot) {
            Slot::Open(slot) => *slot = Some(Arc::clone(&connection)),
            Slot::Closed => return Err(fault::closed()),
        }
        self.events = Events::of(&connection);
        Ok(connection)
    }
}

pub(super) fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes the lane's connection for good, in at most `patience`.
pub(super) async fn close(slot: &Mutex<Slot>, patience: Duration) {
    let last = std::mem::replace(&mut *lock(slot), Slot::Closed);
    if let Slot::Open(Some(connection)) = last {
        connection.end(patience).await;
    }
}

async fn open(connection: &Connection, confirm: bool) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    if confirm {
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
    }
    Ok(channel)
}

/// What happens to a connection.
#[derive(Default)]
pub(super) struct Events {
    stream: Option<Pin<Box<dyn Stream<Item = Event> + Send>>>,
    last_error: Option<lapin::Error>,
}

impl Events {
    fn of(connection: &Connection) -> Self {
        Self { stream: Some(Box::pin(connection.events_listener())), last_error: None }
    }

    /// Takes note of what happens, and never ends. Cancel-safe.
    pub(super) async fn watch(&mut self) {
        if let Some(stream) = &mut self.stream {
            while let Some(event) = stream.next().await {
                match event {
                    Event::ConnectionBlocked(reason) => {
                        tracing::warn!(%reason, "the broker takes no messages for now");
                    }
                    Event::ConnectionUnblocked => {
                        tracing::info!("the broker takes messages again");
                    }
                    Event::Error(error) => self.last_error = Some(error),
                    _ => {}
                }
            }
        }
        std::future::pending::<()>().await;
    }

    fn last_error(&mut self) -> Option<lapin::Error> {
        let _ = self.watch().now_or_never();
        self.last_error.take()
    }
}
