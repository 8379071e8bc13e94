//! A lane's connection, and the next one where the loss of the last was our own doing.
//!
//! When the broker refuses a message, it closes the channel, and where something is written on that
//! channel after all, the connection. The broker is well then, and the lane goes on over a new one.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt};
use lapin::options::ConfirmSelectOptions;
use lapin::{Connection, Event};

use super::Publishing;

use crate::transport::TransportError;
use crate::transport::amqp::address::Address;
use crate::transport::amqp::dial::dial;
use crate::transport::amqp::direct::{Carrier, Outbox};
use crate::transport::amqp::fault::{self, Loss};
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
        why: Option<Loss>,
    ) -> Result<Publishing, TransportError> {
        if let Some(connection) = self.connection()? {
            // Where only the channel was lost, the connection is still there.
            let loss = match why.filter(|loss| loss.refusal().is_none()) {
                Some(loss) => loss,
                None => match open(&connection, confirm).await {
                    Ok(publishing) => return Ok(publishing),
                    Err(loss) => loss,
                },
            };
            if !loss.was_our_doing() {
                return Err(loss.disconnected());
            }
            tracing::debug!(connection = self.name, reason = loss.reason(), "connecting again");
        }
        let connection = self.connect().await?;
        open(&connection, confirm).await.map_err(|loss| loss.disconnected())
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

/// Closes the lane's connection for good, in at most `patience`; false where the broker did not answer.
pub(super) async fn close(slot: &Mutex<Slot>, patience: Duration) -> bool {
    let last = std::mem::replace(&mut *lock(slot), Slot::Closed);
    match last {
        Slot::Open(Some(connection)) => connection.end(patience).await,
        Slot::Open(None) | Slot::Closed => true,
    }
}

async fn open(connection: &Wire, confirm: bool) -> Result<Publishing, Loss> {
    let opened = async {
        let channel = connection.create_channel().await?;
        if confirm {
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
        }
        Ok(channel)
    };
    let direct = connection.direct();
    let opened: lapin::Result<_> = tokio::select! {
        biased;
        opened = opened => opened,
        loss = direct.closed() => return Err(loss),
    };
    let channel = opened.map_err(|error| direct.loss().unwrap_or_else(|| Loss::from(&error)))?;
    let outbox = Outbox::new(channel.id(), connection.frame_max(), direct);
    direct.carry(channel.id(), &Carrier::Publisher(Arc::clone(&outbox)));
    Ok(Publishing { outbox, _channel: channel })
}

/// What happens to a connection.
#[derive(Default)]
pub(super) struct Events {
    stream: Option<Pin<Box<dyn Stream<Item = Event> + Send>>>,
}

impl Events {
    fn of(connection: &Connection) -> Self {
        Self { stream: Some(Box::pin(connection.events_listener())) }
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
                    _ => {}
                }
            }
        }
        std::future::pending::<()>().await;
    }
}
