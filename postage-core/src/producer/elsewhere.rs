//! Calls whose answer nobody waits for where they are made: nobody at all, the reply handlers of a
//! queue that lasts, or whoever has the ticket.

use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use uuid::Uuid;

use super::attempt::Request;
use super::stored::StoredTicket;
use super::{Call, Outgoing, Publish};
use crate::contract::Peer;
use crate::error::{CallFault, SendError};
use crate::headers;
use crate::link::Link;
use crate::message::EncodeError;
use crate::topology::Queue;
use crate::transport::TransportError;

/// The address of an answer that its service insists on, and that the broker then drops: no queue has
/// this name.
const NOBODY: &str = "postage.nobody";

/// Where the answer to a call goes that does not come back to its caller.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    /// The call's id: its request's, and that which its answers name.
    pub(crate) id: String,
    queue: Queue,
}

impl Elsewhere {
    /// Makes sure that there is a queue for the answer before the request is sent.
    pub(crate) async fn declare(&self, link: &Link) -> Result<(), TransportError> {
        link.transport.declare_queue(&self.queue).await.map(drop)
    }
}

impl<T, X> Call<T, X> {
    /// Sends the request and wants no answer: fire and forget. The service does the work, and
    /// answers nobody, whatever comes of it. It resolves when the broker has the request, which waits
    /// in its queue for as long as it takes, unless the call or its contract has a
    /// [`deadline`](Call::deadline). Nobody can cancel it. One of Python Postage's, which answers
    /// always, is given an address that no queue has ([`Call::peer`]).
    ///
    /// One that has been polled gives [`SendError::UnderWay`].
    pub fn forget(self) -> Publish {
        let Some(request) = self.into_request() else { return Publish::under_way() };
        let peer = request.peer;
        let mut outgoing = outgoing(request);
        if peer == Peer::Python {
            outgoing.properties.reply_to = Some(NOBODY.into());
        }
        Publish::new(outgoing)
    }

    /// Sends the request; the answer goes to this queue, which is declared, and should be one that
    /// lasts. There a [`#[reply_handler]`](macro@crate::reply_handler) of this process or of another
    /// one takes it, now or after a restart of both.
    ///
    /// The queue is declared as it is described here, so this and `queue(..)` of the processor must
    /// describe it alike; `Queue::new(name).passive(true)` only looks whether it is there. An answer
    /// that is handled by nobody, or whose handler fails, is a dead letter where the queue has a
    /// `dead_letter`, and else dropped.
    ///
    /// The request waits in its queue for as long as it takes, unless the call or its contract has a
    /// [`deadline`](Call::deadline): one that has not begun by then is dropped, and nobody answers.
    /// The service acknowledges it when the broker has its answer. It is sent once, and nobody can
    /// cancel it: timeouts, retries and heartbeats are for those who wait. The answer has
    /// [`Call::data`] with it.
    ///
    /// A service that lets answers go only to [`ReplyTo::ReplyQueues`](crate::ReplyTo) rejects it, and
    /// one of Python Postage's answers so that nobody can tell to which call.
    ///
    /// ```no_run
    /// # use postage_core::prelude::*;
    /// # async fn example(orders: Producer) -> Result<(), Box<dyn std::error::Error>> {
    /// let call = orders.rpc::<u64>("place", ("anvil", 2)).data("Ann");
    /// let id = call.answer_to(Queue::new("shop-answers")).await?;
    /// println!("call {id} is sent");
    /// # Ok(()) }
    /// ```
    pub fn answer_to(self, queue: Queue) -> AnswerTo {
        match self.into_request() {
            Some(request) => AnswerTo::new(outgoing(request), queue),
            None => AnswerTo { id: String::new(), publish: Publish::under_way() },
        }
    }

    /// Sends the request and answers a [`StoredTicket`] for its answer: a claim that can be written
    /// down, and made good later, by this process or after a restart.
    ///
    /// The answer waits in a queue of its own that the broker deletes when nobody has looked at the
    /// ticket for `keep`, which is to be longer than the call may take: 1 ms to 49 days, in whole
    /// milliseconds. Of the rest [`Call::answer_to`] says what holds here too.
    ///
    /// ```no_run
    /// # use postage_core::prelude::*;
    /// # use postage_core::StoredTicket;
    /// # use std::time::Duration;
    /// # async fn example(broker: Broker, orders: Producer) -> Result<(), Box<dyn std::error::Error>> {
    /// let a_day = Duration::from_secs(24 * 3600);
    /// let ticket = orders.rpc::<u64>("place", ("anvil", 2)).store(a_day).await?;
    /// std::fs::write("ticket.json", serde_json::to_string(&ticket)?)?;
    ///
    /// // Later, perhaps in another process:
    /// let ticket: StoredTicket<u64> = serde_json::from_slice(&std::fs::read("ticket.json")?)?;
    /// println!("order {} is placed", ticket.answer(&broker).await?);
    /// ticket.discard(&broker).await?;
    /// # Ok(()) }
    /// ```
    pub fn store(self, keep: Duration) -> Store<T, X> {
        let id = Uuid::new_v4().to_string();
        let ticket = StoredTicket::of(id.clone());
        let queue = ticket.queue(keep);
        let sending = match self.into_request() {
            Some(request) => AnswerTo::with_id(outgoing(request), queue, id),
            None => AnswerTo { id, publish: Publish::under_way() },
        };
        Store { sending, ticket: Some(ticket) }
    }
}

/// The request as a message that nobody waits for the answer of: kept over a restart of the broker,
/// unless the call or its contract says otherwise, and for as long as the call may take, where that is said.
fn outgoing(request: Box<Request>) -> Outgoing {
    let Request { mut outgoing, deadline, .. } = *request;
    outgoing.go_to_first();
    outgoing.lives = deadline;
    outgoing.properties.persistent |= !outgoing.says_persistent;
    outgoing.properties.headers.remove(headers::HEARTBEAT);
    outgoing
}

/// A call about to be sent whose answer goes to a queue: a future of its id, made by
/// [`Call::answer_to`].
///
/// Nothing is sent before it is first polled. Dropping it while it waits may or may not have sent
/// the request.
#[must_use = "nothing is sent before it is awaited"]
pub struct AnswerTo {
    id: String,
    publish: Publish,
}

impl AnswerTo {
    fn new(outgoing: Outgoing, queue: Queue) -> Self {
        Self::with_id(outgoing, queue, Uuid::new_v4().to_string())
    }

    fn with_id(mut outgoing: Outgoing, queue: Queue, id: String) -> Self {
        if queue.name().is_empty() {
            outgoing.fail(EncodeError::Content {
                name: "the address of an answer".to_owned(),
                reason: "its queue has no name, and so could not be found again".to_owned(),
            });
        }
        let properties = &mut outgoing.properties;
        properties.correlation_id = Some(id.clone().into());
        properties.reply_to = Some(queue.name.clone().into());
        let name = outgoing.name().to_owned();
        outgoing.properties.set_header(headers::ANSWER, name);
        outgoing.elsewhere = Some(Box::new(Elsewhere { id: id.clone(), queue }));
        Self { id, publish: Publish::new(outgoing) }
    }

    /// Wants the statuses too, before the answer: a reply handler that takes an
    /// [`Event`](crate::Event) gets them. Each waits in the queue for a minute at most, and is not kept
    /// over a restart of the broker.
    pub fn with_statuses(mut self) -> Self {
        self.publish = self.publish.header(headers::STATUSES, true);
        self
    }

    /// How long to wait for the broker's confirm, as [`Publish::within`] says.
    pub fn within(mut self, limit: Duration) -> Self {
        self.publish = self.publish.within(limit);
        self
    }
}

impl Future for AnswerTo {
    type Output = Result<String, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let sent = task::ready!(Pin::new(&mut self.publish).poll(cx));
        Poll::Ready(sent.map(|()| std::mem::take(&mut self.id)))
    }
}

/// A call about to be sent whose answer is claimed by a ticket that can be stored: a future of a
/// [`StoredTicket`], made by [`Call::store`].
#[must_use = "nothing is sent before it is awaited"]
pub struct Store<T, X = CallFault> {
    sending: AnswerTo,
    ticket: Option<StoredTicket<T, X>>,
}

impl<T, X> Future for Store<T, X> {
    type Output = Result<StoredTicket<T, X>, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let sent = task::ready!(Pin::new(&mut self.sending).poll(cx));
        match (sent, self.ticket.take()) {
            (Ok(_), Some(ticket)) => Poll::Ready(Ok(ticket)),
            (Err(error), _) => Poll::Ready(Err(error)),
            (Ok(_), None) => Poll::Pending,
        }
    }
}

impl fmt::Debug for AnswerTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerTo").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<T, X> fmt::Debug for Store<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("id", &self.sending.id).finish_non_exhaustive()
    }
}
