use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use uuid::Uuid;

use super::Seen;
use super::found::{Found, transcript};
use super::record::{Entry, Received, Record, Sent};
use super::recorder::Recorder;
use crate::broker::Broker;
use crate::topology::{Binding, Exchange, Queue, Route};
use crate::transport::{
    Delivery, MemoryTransport, Properties, Publication, Source, TransportError,
};

/// How long a wait of the harness takes at most, unless set.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// A broker for one test, in memory, that knows what was received and sent over it and how it was
/// settled.
///
/// What is tested goes over [`Harness::broker`], which is recorded; the test's own part, its
/// clients and mocks, over [`Harness::outside`], another connection to the same broker, which is
/// not. The page of [the module](super) shows both in use.
///
/// Every message is kept until [`Harness::forget`]. Displayed, a harness shows what passed, a line
/// for each message.
#[derive(Debug)]
pub struct Harness {
    memory: MemoryTransport,
    record: Arc<Record>,
    broker: Broker,
    outside: Broker,
}

impl Default for Harness {
    fn default() -> Self {
        Self::new()
    }
}

impl Harness {
    /// A broker that nobody else can reach. To be made within the test's runtime.
    #[must_use]
    pub fn new() -> Self {
        let memory = MemoryTransport::new();
        let record = Arc::new(Record::default());
        let broker = Broker::over(Recorder::new(memory.connect(), Arc::clone(&record)));
        let outside = Broker::over(memory.connect());
        Self { memory, record, broker, outside }
    }

    /// The connection of what is tested: what passes over it is recorded.
    #[must_use]
    pub const fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The connection of everybody else: the test's own clients, its mocks.
    #[must_use]
    pub const fn outside(&self) -> &Broker {
        &self.outside
    }

    /// The messages of this name that were received, in order: the name of a command, the text of
    /// a status. A message that is delivered again is there again.
    #[must_use]
    pub fn received(&self, name: &str) -> Found<Received> {
        self.find(format!("received as `{name}`"), |entry| match entry {
            Entry::Received(received) if received.name() == name => Some(received.clone()),
            _ => None,
        })
    }

    /// All messages that were received, bodies that are no message among them, in order. Answers
    /// to calls of the tested program are not.
    #[must_use]
    pub fn all_received(&self) -> Found<Received> {
        self.find("received".to_owned(), |entry| match entry {
            Entry::Received(received) => Some(received.clone()),
            Entry::Sent(_) => None,
        })
    }

    /// The messages and calls of this name that were sent, in order, those that were not taken
    /// among them. Each attempt of a call is there. A copy that waits for its next attempt and a
    /// dead letter are not sent: [`Received::settled`] tells of them.
    #[must_use]
    pub fn sent(&self, name: &str) -> Found<Sent> {
        self.find(format!("sent as `{name}`"), |entry| match entry {
            Entry::Sent(sent) if sent.name() == name && sent.is_its_own() => Some(sent.clone()),
            _ => None,
        })
    }

    /// All that was sent but replies and statuses of calls, in order.
    #[must_use]
    pub fn all_sent(&self) -> Found<Sent> {
        self.find("sent".to_owned(), |entry| match entry {
            Entry::Sent(sent) if sent.is_its_own() => Some(sent.clone()),
            _ => None,
        })
    }

    /// The replies that were sent, in order.
    #[must_use]
    pub fn replies(&self) -> Found<Sent> {
        self.find("sent as a reply".to_owned(), |entry| match entry {
            Entry::Sent(sent) if sent.is_reply() => Some(sent.clone()),
            _ => None,
        })
    }

    /// The statuses of calls that were sent, in order: that they are accepted, have started, and how
    /// far they have come; heartbeats too. Only callers that ask for them are told.
    #[must_use]
    pub fn statuses(&self) -> Found<Sent> {
        self.find("sent as a status of a call".to_owned(), |entry| match entry {
            Entry::Sent(sent) if sent.is_status() => Some(sent.clone()),
            _ => None,
        })
    }

    /// Forgets all that has passed so far.
    pub fn forget(&self) {
        self.record.forget();
    }

    /// Waits until no message is under way, for [`DEFAULT_WAIT`] at most: as
    /// [`Harness::idle_within`].
    ///
    /// # Panics
    /// As [`Harness::idle_within`].
    #[track_caller]
    pub fn idle(&self) -> impl Future<Output = ()> {
        self.idle_within(DEFAULT_WAIT)
    }

    /// Waits until no message is under way: each one sent so far was handled and settled, and so
    /// were those that followed from it, and no failed one waits for its next attempt. A message
    /// that lies in a queue which nobody consumes is not under way, nor is a call that waits for
    /// its answer: await that first.
    ///
    /// # Panics
    /// When that takes longer. The text says what is still under way.
    #[track_caller]
    pub fn idle_within(&self, limit: Duration) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            if timeout(limit, self.memory.idle()).await.is_err() {
                let busy = self.memory.under_way().join(", ");
                panic!("{place}: still under way after {limit:?}: {busy}; {self}");
            }
        }
    }

    /// Makes a queue for messages that nobody in the test takes, dead letters too, so that sending
    /// them does not fail as unroutable.
    ///
    /// # Panics
    /// When the broker refuses, since an exchange of that name exists with other properties.
    #[track_caller]
    pub fn sink(&self, exchange: &Exchange, key: &str) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            if let Err(error) = sink(&self.outside, exchange, key).await {
                panic!("{place}: {error}");
            }
        }
    }

    /// Sends a body as a peer does who knows nothing of this framework: only the content type goes
    /// beside it, and that is JSON.
    ///
    /// # Panics
    /// When no queue takes it.
    #[track_caller]
    pub fn send_body(&self, route: Route, body: impl Into<Bytes>) -> impl Future<Output = ()> {
        let place = Location::caller();
        let body = body.into();
        async move {
            if let Err(error) = self.publish(route, None, body).await {
                panic!("{place}: {error}");
            }
        }
    }

    /// Sends a body as [`Harness::send_body`] does, with a reply address, and waits for the reply,
    /// for [`DEFAULT_WAIT`] at most.
    ///
    /// # Panics
    /// When no queue takes it, and when no reply comes in that time.
    #[track_caller]
    pub fn call_body(&self, route: Route, body: impl Into<Bytes>) -> impl Future<Output = Seen> {
        let place = Location::caller();
        let body = body.into();
        async move {
            match timeout(DEFAULT_WAIT, self.reply(route.clone(), body)).await {
                Ok(Ok(Some(reply))) => {
                    Seen::new(reply.route.clone(), reply.properties.clone(), reply.body.clone())
                }
                Ok(Ok(None)) => panic!("{place}: the reply queue delivers no more"),
                Ok(Err(error)) => panic!("{place}: {error}"),
                Err(_) => {
                    panic!("{place}: no reply from {route} within {DEFAULT_WAIT:?}; {self}")
                }
            }
        }
    }

    /// Publishes as a peer of another make does: without a message id, so the broker cannot give
    /// back what no queue takes.
    async fn publish(
        &self,
        route: Route,
        reply_to: Option<String>,
        body: Bytes,
    ) -> Result<(), TransportError> {
        if !self.memory.is_routed(&route) {
            return Err(TransportError::Unroutable { route });
        }
        let properties = Properties {
            content_type: Some("application/json".into()),
            reply_to: reply_to.map(Into::into),
            ..Properties::default()
        };
        let publication = Publication::new(route, properties, body).mandatory(false);
        self.outside.transport().publish(publication).await
    }

    /// Publishes with a reply address, and waits for the reply.
    async fn reply(&self, route: Route, body: Bytes) -> Result<Option<Delivery>, TransportError> {
        let name = format!("reply-to-test-{}", Uuid::new_v4());
        let queue = Queue::new(name.clone()).durable(false).exclusive(true).auto_delete(true);
        self.outside.declare_queue(&queue).await?;
        let source = Source::new(name.clone()).auto_ack(true);
        let mut replies = self.outside.transport().consume(source).await?;
        self.publish(route, Some(name), body).await?;
        replies.next().await
    }

    fn find<M: fmt::Display>(
        &self,
        what: String,
        choose: impl Fn(&Entry) -> Option<M>,
    ) -> Found<M> {
        let all = self.record.all();
        Found::new(what, all.iter().filter_map(choose).collect(), all)
    }
}

impl fmt::Display for Harness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&transcript(&self.record.all()))
    }
}

async fn sink(broker: &Broker, exchange: &Exchange, key: &str) -> Result<(), TransportError> {
    if exchange.is_default() {
        return broker.declare_queue(&Queue::new(key.to_owned())).await.map(drop);
    }
    let queue = broker.declare_queue(&Queue::server_named()).await?;
    broker.bind(&Binding::new(exchange.clone(), queue, key.to_owned())).await
}
