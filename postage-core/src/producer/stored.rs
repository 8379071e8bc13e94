use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::call::{open_reply, read_reply};
use super::statuses::is_status;
use crate::broker::Broker;
use crate::error::{CallFault, CallOutcome};
use crate::link::Link;
use crate::topology::Queue;
use crate::transport::{Delivery, Source, TransportError};

/// What the names of the queues begin with in which answers wait for their tickets.
pub(crate) const TICKETS: &str = "postage.ticket.";

/// A claim to the answer of a call that outlives its process: it is serialized and kept anywhere,
/// and made good by [`StoredTicket::answer`] later. [`Call::store`](crate::Call::store) makes it.
///
/// On the wire of whoever keeps it, it is the call's id, a text. It does not say what the answer's
/// types are: who reads it back says so.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
#[must_use = "the answer is lost unless the ticket is kept"]
pub struct StoredTicket<T, X = CallFault> {
    id: String,
    #[serde(skip)]
    answer: PhantomData<fn() -> (T, X)>,
}

impl<T, X> StoredTicket<T, X> {
    pub(super) fn of(id: String) -> Self {
        Self { id, answer: PhantomData }
    }

    /// The request's id: its message id and its correlation id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn queue_name(&self) -> String {
        format!("{TICKETS}{}", self.id)
    }

    /// The queue in which the answer waits.
    pub(super) fn queue(&self, keep: Duration) -> Queue {
        Queue::new(self.queue_name()).expires(keep)
    }

    /// Takes the answer back: nobody will claim it. One that is gone already is no error; a service
    /// that has still to answer does its work, and says in its log that nobody hears of it.
    ///
    /// # Errors
    /// What the connection said.
    pub async fn discard(&self, broker: &Broker) -> Result<(), CallFault> {
        let link = broker.link();
        let queue = self.queue_name();
        Ok(link.through_losses(|| link.transport.delete_queue(&queue)).await?)
    }
}

impl<T, X> StoredTicket<T, X>
where
    T: DeserializeOwned + Send + 'static,
    X: CallOutcome,
{
    /// The answer, as soon as it is there, over losses of the connection.
    ///
    /// It stays until the ticket is discarded or its time is up, so it can be asked for again: by
    /// whoever was killed before it made something of it. Cancel-safe. It waits without an end of its
    /// own where no answer comes: [`StoredTicket::answer_within`] has one.
    ///
    /// # Errors
    /// Those of the call; [`CallFault::NoTicket`] where there is nothing to wait for.
    pub async fn answer(&self, broker: &Broker) -> Result<T, X> {
        let link = broker.link();
        let reply = self.first_reply(link).await;
        reply
            .and_then(|reply| open_reply(link, &reply))
            .map_err(X::from)
            .and_then(|json| read_reply(&json))
    }

    /// The answer if it is there within this time; `None` if it is not.
    ///
    /// # Errors
    /// As [`StoredTicket::answer`].
    pub async fn answer_within(&self, broker: &Broker, limit: Duration) -> Result<Option<T>, X> {
        match timeout(limit, self.answer(broker)).await {
            Ok(answer) => answer.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn first_reply(&self, link: &Arc<Link>) -> Result<Delivery, CallFault> {
        let error = match link.through_losses(|| self.read(link)).await {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        let lost = matches!(
            error,
            TransportError::Refused { .. } | TransportError::ConsumerCancelled { .. }
        );
        if lost && self.is_gone(link).await? {
            return Err(CallFault::NoTicket { id: self.id.clone() });
        }
        Err(error.into())
    }

    /// Whether there is no queue for the answer any more.
    async fn is_gone(&self, link: &Arc<Link>) -> Result<bool, TransportError> {
        let queue = Queue::new(self.queue_name()).passive(true);
        match link.through_losses(|| link.transport.declare_queue(&queue)).await {
            Ok(_) => Ok(false),
            Err(TransportError::Refused { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The first answer in the queue, which has it again when the delivery is dropped.
    async fn read(&self, link: &Link) -> Result<Delivery, TransportError> {
        let mut answers = link.transport.consume(Source::new(self.queue_name())).await?;
        while let Some(answer) = answers.next().await? {
            if !is_status(&answer.properties) {
                return Ok(answer);
            }
        }
        Err(TransportError::Disconnected { reason: "the consumer of a ticket ended".to_owned() })
    }
}

impl<T, X> Clone for StoredTicket<T, X> {
    fn clone(&self) -> Self {
        Self::of(self.id.clone())
    }
}

impl<T, X> PartialEq for StoredTicket<T, X> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<T, X> Eq for StoredTicket<T, X> {}

impl<T, X> fmt::Debug for StoredTicket<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredTicket").field("id", &self.id).finish()
    }
}
