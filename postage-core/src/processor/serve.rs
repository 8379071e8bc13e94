use std::borrow::Cow;
use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::consume::start;
use super::dedup::DedupStore;
use super::erased::AnyProcessor;
use super::service::Service;
use super::serving::{Running, Serving};
use super::setup::Dedup;
use super::{MessageProcessor, ReplyTo, Retry, ServiceSetup};
use crate::broker::Broker;
use crate::error::ServeError;
use crate::message::Identity;
use crate::topology::{Binding, Exchange, Queue};
use crate::transport::BoxFuture;

/// A service about to be served, made by [`Broker::serve`]: set what differs from its attributes,
/// then await it.
///
/// Awaiting it goes on while the connection is lost, until it is there again or was closed: as a
/// service that runs does. Who will not wait so long drops it, as `tokio::time::timeout` does. What
/// the broker refuses is an error at once.
#[must_use = "nothing is served before it is awaited"]
#[derive(Debug)]
pub struct Serve {
    broker: Broker,
    processors: Vec<Arc<dyn AnyProcessor>>,
    pub(crate) setup: ServiceSetup,
}

impl Broker {
    /// Serves a processor: declares its exchanges and queues, binds, and consumes. The answer is
    /// a handle; the service stops when the handle is dropped.
    pub fn serve<P: MessageProcessor>(&self, processor: P) -> Serve {
        Serve { broker: self.clone(), processors: vec![Arc::new(processor)], setup: P::setup() }
    }
}

impl Serve {
    /// Serves one more processor with it, from the same queues: a message goes to the handlers of
    /// both, or to those of the version that it asks for, see
    /// [`Contract`](crate::Contract#versions). Its own queues are consumed too. Settings by its attributes hold for all; two
    /// processors that set one differently are an error.
    pub fn and<P: MessageProcessor>(mut self, processor: P) -> Self {
        self.processors.push(Arc::new(processor));
        self.setup.merge(P::setup());
        self
    }

    /// Consumes one more queue, bound to an exchange by a key or pattern: for names that are known
    /// only at run time.
    pub fn bind(
        mut self,
        exchange: Exchange,
        queue: Queue,
        key: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.setup = self.setup.bind(exchange, queue, key);
        self
    }

    /// Consumes one more queue, bound as the binding says: to a headers exchange, say. The queue's
    /// own name counts, whatever the binding has.
    ///
    /// ```
    /// # use postage_core::prelude::*;
    /// # use postage_core::{Binding, MatchHeaders};
    /// # struct Europe;
    /// # #[message_processor]
    /// # impl Europe {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = Broker::memory();
    /// let events = Exchange::new("events", ExchangeKind::Headers);
    /// let binding = Binding::new(events, "europe", "").headers(MatchHeaders::All, [("region", "eu")]);
    /// let serving = broker.serve(Europe).bind_with(Queue::new("europe"), binding).await?;
    /// # Ok(()) }
    /// ```
    pub fn bind_with(mut self, queue: Queue, binding: Binding) -> Self {
        self.setup = self.setup.bind_with(queue, binding);
        self
    }

    /// Consumes one more queue, which the default exchange reaches by its name.
    pub fn queue(mut self, queue: Queue) -> Self {
        self.setup = self.setup.queue(queue);
        self
    }

    /// How many unsettled messages each queue may have out here; 0 for 1,024.
    pub fn prefetch(mut self, messages: u16) -> Self {
        self.setup = self.setup.prefetch(messages);
        self
    }

    /// How many handlers may run at once, over all queues.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.setup = self.setup.concurrency(handlers);
        self
    }

    /// How often a message whose handler failed is tried again. Once only, unless set.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.setup = self.setup.retry(retry);
        self
    }

    /// How long a handler may run, its layers included: 10 min unless set. One that takes longer is
    /// dropped: a caller gets the exception `HandlerTimeout`, a message has failed.
    ///
    /// RabbitMQ has a limit of its own, `consumer_timeout`, 30 min unless set: it closes the channel
    /// of a consumer that has not acknowledged a message by then, and delivers all that are out there
    /// again. Raise it there where handlers run longer.
    pub fn handler_time(mut self, limit: Duration) -> Self {
        self.setup.handler_time = limit;
        self
    }

    /// How much time lies at least between one progress of a call and the next, see
    /// [`Context::progress`](crate::Context::progress): 100 ms unless set. The last one before the
    /// answer does not wait.
    pub fn progress_every(mut self, time: Duration) -> Self {
        self.setup.progress_every = time;
        self
    }

    /// Whether handlers say by [`Context::accept`](crate::Context::accept) that a call is accepted
    /// and has started. Unless set, it is accepted when it is here, and started when its handler
    /// begins.
    pub fn accepted_by_handlers(mut self, by_handlers: bool) -> Self {
        self.setup.accepted_by_handlers = by_handlers;
        self
    }

    /// Which reply addresses the service answers to: any, unless set.
    pub fn reply_to(mut self, policy: ReplyTo) -> Self {
        self.setup.reply_to = policy;
        self
    }

    /// Where it is remembered which messages were handled: a message that comes again under its id
    /// is not handled again, and a call is answered as before. Unless set, that is
    /// [`RecentMessages`](crate::RecentMessages) of the service's own.
    pub fn dedup(mut self, store: impl DedupStore) -> Self {
        self.setup.dedup = Dedup::Store(Arc::new(store));
        self
    }

    /// Handles a message however often it comes.
    pub fn no_dedup(mut self) -> Self {
        self.setup = self.setup.dedup(false);
        self
    }

    /// Who the service says it is, in the dead letters that it makes: a
    /// [`Fingerprint`](crate::Fingerprint), or any type that serializes to a map. Unless set, its
    /// name is that of the processor's type. Dead letters do not say who made them where it is of another
    /// form, or longer than 2,048 bytes of JSON.
    pub fn fingerprint(mut self, fingerprint: impl Serialize) -> Self {
        self.setup.identity = Some(Identity::new(fingerprint, self.broker.transport().vhost()));
        self
    }

    /// Whether the message command `quit` stops the service.
    pub fn quit(mut self, quit: bool) -> Self {
        self.setup = self.setup.quit(quit);
        self
    }

    /// Whether the message command `restart` stops the service with
    /// [`Stopped::Restart`](crate::Stopped::Restart).
    pub fn restart(mut self, restart: bool) -> Self {
        self.setup = self.setup.restart(restart);
        self
    }

    /// Whether callers are told the trace of an exception or an error, the texts of its causes, and
    /// the module that its class is of: they are, unless set. Class, text and a documented error's
    /// typed form are told in any case, and so are the state and the arguments of an exception,
    /// which a handler gives by intent.
    pub fn traces(mut self, traces: bool) -> Self {
        self.setup = self.setup.traces(traces);
        self
    }
}

impl Serve {
    /// Serves a processor that is no annotated `impl`.
    #[cfg(feature = "testing")]
    pub(crate) fn of(
        broker: &Broker,
        processor: Arc<dyn AnyProcessor>,
        setup: ServiceSetup,
    ) -> Self {
        Self { broker: broker.clone(), processors: vec![processor], setup }
    }

    pub(crate) fn into_parts(self) -> (Broker, Vec<Arc<dyn AnyProcessor>>, ServiceSetup) {
        (self.broker, self.processors, self.setup)
    }
}

impl IntoFuture for Serve {
    type Output = Result<Serving, ServeError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(serve(self))
    }
}

async fn serve(serve: Serve) -> Result<Serving, ServeError> {
    let Serve { broker, processors, setup } = serve;
    // The first gives the service its name.
    let name = processors.first().map_or("", |processor| processor.name());
    setup.check(name)?;
    if setup.queues.is_empty() {
        return Err(ServeError::NoQueue { service: name.to_owned() });
    }
    let (running, added) = Running::new(Arc::clone(broker.link()), &setup);
    let service = Service::new(name, running, processors, &setup)?;
    start(Arc::new(service), added, &setup).await
}
