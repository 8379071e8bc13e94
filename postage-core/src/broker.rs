use std::sync::Arc;

use tokio::sync::watch;

use crate::config::{Config, Scheme, debug_by_environment};
use crate::limits::Limits;
use crate::link::Link;
use crate::message::{Codec, Codecs};
use crate::producer::Replies;
use crate::telemetry;
use crate::topology::{Binding, Exchange, Queue};
use crate::transport::memory::MemoryTransport;
use crate::transport::{ConnectionState, Transport, TransportError};

/// A connection to a broker, to serve and to call over. Cloning it shares the connection.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use postage_core::Broker;
///
/// // A RabbitMQ is at "amqp://user:password@host:5672/vhost"; this one is in the process itself.
/// let broker = Broker::connect("memory://shop").await?;
/// broker.close().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Broker {
    link: Arc<Link>,
    replies: Arc<Replies>,
}

impl Broker {
    /// Connects to the broker at an address: `amqp://…`, `amqps://…` (feature `tls`), or
    /// `memory://name` for one within this process. Parts that the address leaves out come from
    /// the environment, as in [`Config`].
    ///
    /// # Errors
    /// [`TransportError::Address`] or [`TransportError::Connect`].
    pub async fn connect(url: &str) -> Result<Self, TransportError> {
        Self::connect_with(Config::new(url)).await
    }

    /// Connects to where the environment says: `POSTAGE_URL` and the others of [`Config`].
    ///
    /// # Errors
    /// As [`Broker::connect`].
    pub async fn from_env() -> Result<Self, TransportError> {
        Self::connect_with(Config::from_env()).await
    }

    /// Connects as the configuration says.
    ///
    /// # Errors
    /// As [`Broker::connect`].
    pub async fn connect_with(config: Config) -> Result<Self, TransportError> {
        let transport = open(&config).await?;
        Ok(Self::assemble(transport, Codecs::default(), Limits::default(), config.is_debug()))
    }

    /// A broker within this process that nobody else can reach. `POSTAGE_DEBUG_MODE` counts here
    /// too.
    #[must_use]
    pub fn memory() -> Self {
        Self::over(MemoryTransport::new())
    }

    /// A broker over a transport of your own. `POSTAGE_DEBUG_MODE` counts here too.
    #[must_use]
    pub fn over(transport: impl Transport) -> Self {
        let debug = debug_by_environment();
        Self::assemble(Arc::new(transport), Codecs::default(), Limits::default(), debug)
    }

    /// The same connection, sending with another codec. It understands that and JSON; a reply is
    /// made in the codec of its request. Reply addresses are opened anew.
    #[must_use]
    pub fn with_codec(&self, codec: impl Codec) -> Self {
        self.rebuilt(Codecs::new(Arc::new(codec)), self.limits(), self.link.is_debug())
    }

    /// The same connection with another limit to a body, in bytes. 16 MiB unless set. A larger one
    /// is an error to its sender, and is rejected by its receiver. Reply addresses are opened anew.
    #[must_use]
    pub fn with_max_body(&self, bytes: usize) -> Self {
        self.with_limits(self.limits().with_body(bytes))
    }

    /// The same connection with another limit to how deep the lists and maps of a body may be
    /// nested, the message's own included; a command takes three levels for itself. 127 unless
    /// set, and at most: it is what the JSON parser follows. A body that is nested deeper is an
    /// error to its sender, and is rejected by its receiver. Reply addresses are opened anew.
    #[must_use]
    pub fn with_max_depth(&self, levels: usize) -> Self {
        self.with_limits(self.limits().with_depth(levels))
    }

    /// The same connection with another limit to how many calls may be pending: sent and neither
    /// answered nor given up, tickets among them. 32,768 unless set. One more call ends at once
    /// with [`CallFault::TooManyCalls`](crate::CallFault::TooManyCalls). The calls of all producers
    /// of this handle count together, and those of the handles that are made from it. Reply
    /// addresses are opened anew.
    #[must_use]
    pub fn with_max_calls(&self, calls: usize) -> Self {
        self.with_limits(self.limits().with_calls(calls))
    }

    /// The same connection, with or without the debug mode: every message in and out is shown
    /// through `tracing`; [`Config::debug`] says what is hidden and what is not. Reply addresses are opened anew.
    #[must_use]
    pub fn with_debug(&self, on: bool) -> Self {
        self.rebuilt(self.link.codecs.clone(), self.limits(), on)
    }

    /// The transport underneath.
    #[must_use]
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.link.transport
    }

    /// Makes sure that an exchange exists. Services and producers do so for their own.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when one of that name exists with other properties.
    pub async fn declare_exchange(&self, exchange: &Exchange) -> Result<(), TransportError> {
        self.link.declare(exchange).await
    }

    /// Makes sure that a queue exists, and answers its name. Services do so for their own.
    ///
    /// # Errors
    /// As [`Broker::declare_exchange`].
    pub async fn declare_queue(&self, queue: &Queue) -> Result<String, TransportError> {
        self.link.transport.declare_queue(queue).await
    }

    /// Binds a queue to an exchange, which is declared where that is still to be done.
    ///
    /// # Errors
    /// [`TransportError::Refused`] when the queue does not exist.
    pub async fn bind(&self, binding: &Binding) -> Result<(), TransportError> {
        self.link.declare(binding.exchange()).await?;
        self.link.transport.bind(binding).await
    }

    /// Takes a binding back.
    ///
    /// # Errors
    /// As [`Broker::bind`].
    pub async fn unbind(&self, binding: &Binding) -> Result<(), TransportError> {
        self.link.transport.unbind(binding).await
    }

    /// Whether the broker is connected, to be watched: for a health check.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.link.transport.state()
    }

    /// Closes the connection. Calls under way end with
    /// [`CallFault::Disconnected`](crate::CallFault::Disconnected); services are told of those that
    /// were dropped before, over this handle of the connection or another, for a second at most. A
    /// connection that goes with its last handle does so too, where the program runs on.
    ///
    /// # Errors
    /// [`TransportError::Disconnected`] when it could not be closed in good order.
    pub async fn close(&self) -> Result<(), TransportError> {
        self.replies.last_words().await;
        self.link.transport.close().await
    }

    pub(crate) const fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(crate) const fn replies(&self) -> &Arc<Replies> {
        &self.replies
    }

    fn limits(&self) -> Limits {
        self.link.limits.clone()
    }

    fn with_limits(&self, limits: Limits) -> Self {
        self.rebuilt(self.link.codecs.clone(), limits, self.link.is_debug())
    }

    fn rebuilt(&self, codecs: Codecs, limits: Limits, debug: bool) -> Self {
        let transport = Arc::clone(&self.link.transport);
        let link = Arc::new(Link::new(transport, codecs, limits, debug));
        let replies = Arc::new(self.replies.over(Arc::clone(&link)));
        Self { link, replies }
    }

    fn assemble(
        transport: Arc<dyn Transport>,
        codecs: Codecs,
        limits: Limits,
        debug: bool,
    ) -> Self {
        telemetry::describe();
        let link = Arc::new(Link::new(transport, codecs, limits, debug));
        let replies = Arc::new(Replies::new(Arc::clone(&link)));
        Self { link, replies }
    }
}

async fn open(config: &Config) -> Result<Arc<dyn Transport>, TransportError> {
    match config.scheme()? {
        Scheme::Memory => Ok(Arc::new(MemoryTransport::named(config.memory_name()))),
        #[cfg(feature = "amqp")]
        Scheme::Amqp => Ok(Arc::new(crate::transport::AmqpTransport::connect(config).await?)),
    }
}
