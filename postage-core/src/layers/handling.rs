use std::fmt;
use std::sync::Arc;

use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceExt as _, service_fn};

use super::Failure;
use super::stack::stacked;
use crate::contract::Method;
use crate::message::Fingerprint;
use crate::processor::{Context, Entry, Held, Outcome, Serve};
use crate::transport::Headers;

/// What the layers of a service wrap: the handlers, and the layers added before.
pub type HandlerService = BoxCloneSyncService<Handling, Outcome, BoxError>;

/// A message about to be handled: the request of the layers of a service, see [`Serve::layer`].
///
/// It is not `Clone`: what failed is tried again as the service's [`Retry`](crate::Retry) says, and
/// a call is answered once.
pub struct Handling {
    held: Arc<Held>,
    handler: Entry,
}

impl Handling {
    /// What the service is called.
    #[must_use]
    pub fn service(&self) -> &str {
        self.held.service()
    }

    /// The handler: its name in Rust and on the wire, whether it is called or told.
    #[must_use]
    pub const fn method(&self) -> &'static Method {
        self.handler.method
    }

    /// The handler's name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.method().name()
    }

    /// What else is known of the message: its route, its attempt, how long its caller still waits.
    #[must_use]
    pub fn context(&self) -> &Context {
        self.held.context()
    }

    /// Who sent the message, when it says so in the usual six texts. The message is read for it.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.context().fingerprint()
    }

    /// The message's headers.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        self.context().headers()
    }

    async fn run(self) -> Result<Outcome, BoxError> {
        Ok(self.held.run(self.handler).await)
    }
}

impl fmt::Debug for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handling")
            .field("service", &self.service())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

impl Serve {
    /// Runs each handler within one more [`tower`] layer (feature `tower`): a time limit, a limit
    /// of concurrency or rate, load shedding, one of your own.
    ///
    /// The layer added last is the outermost, the first that a message meets; in a
    /// [`tower::ServiceBuilder`], which is a layer too, the first written is. A message meets the
    /// layers after it was found to be new and once for each of its handlers. It waits for a layer
    /// in a handler's place, so [`Serve::concurrency`] and the prefetch bound how many wait, and
    /// [`Serve::handler_time`] bounds how long.
    ///
    /// What an [`Application`](crate::Application) answers by itself, like `ping`, goes past them, and
    /// takes no handler's place: a busy application says who it is.
    ///
    /// The handler's [`Outcome`] is what a layer gets back. An error of a layer becomes an
    /// exception to a caller, and a message has failed as by its handler, so
    /// [`Serve::retry`] counts for it: without one, a message that was shed is rejected.
    ///
    /// | error, or a cause of it | exception |
    /// |---|---|
    /// | [`RemoteException`](crate::RemoteException), of a layer of your own | as it says |
    /// | [`tower::timeout::error::Elapsed`] | `HandlerTimeout` |
    /// | [`tower::load_shed::error::Overloaded`] | `Overloaded`; the call is no dead letter |
    /// | any other | `LayerError` |
    ///
    /// A layer's service is cloned for each message, so clones share what they count, as those of
    /// [`tower::limit::ConcurrencyLimit`](https://docs.rs/tower/latest/tower/limit/struct.ConcurrencyLimit.html)
    /// do. One that is not `Clone`, like a limit of the rate, goes under a buffer, which must be
    /// made within a Tokio runtime. A panic in a layer harms its own message only; under a buffer
    /// it ends the buffer, and with it all that comes after.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use postage_core::Handling;
    /// use postage_core::prelude::*;
    /// use tower::ServiceBuilder;
    ///
    /// # struct Desk;
    /// # #[message_processor(queue = "desk")]
    /// # impl Desk {
    /// #     #[rpc_handler]
    /// #     async fn count(&self) -> u32 { 4 }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = Broker::memory();
    /// // At most 100 messages each second; of these, 10 at once; each in 2 s.
    /// let layers = ServiceBuilder::new()
    ///     .buffer(64)
    ///     .rate_limit(100, Duration::from_secs(1))
    ///     .concurrency_limit(10)
    ///     .map_request(|handling: Handling| {
    ///         println!("{} for {:?}", handling.name(), handling.fingerprint());
    ///         handling
    ///     })
    ///     .timeout(Duration::from_secs(2));
    /// let desk = broker.serve(Desk).layer(layers).await?;
    /// # let caller = Producer::new(&broker, Fingerprint::default()).eks([(Exchange::DEFAULT, "desk")]);
    /// # assert_eq!(caller.rpc::<u32>("count", ()).await?, 4);
    /// # Ok(()) }
    /// ```
    #[allow(clippy::needless_pass_by_value, reason = "as every other library takes a layer")]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<HandlerService>,
        L::Service: Service<Handling, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<Handling>>::Error: Into<BoxError> + 'static,
        <L::Service as Service<Handling>>::Future: Send + 'static,
    {
        let inner = self.setup.layers.take();
        let inner = inner.unwrap_or_else(|| BoxCloneSyncService::new(service_fn(Handling::run)));
        self.setup.layers = Some(stacked(inner, &layer));
        self
    }
}

/// Passes a message through the layers to its handler.
pub(crate) async fn handle(
    layers: &HandlerService,
    held: Arc<Held>,
    handler: Entry,
) -> Result<Outcome, Failure> {
    let passed = layers.clone().oneshot(Handling { held, handler }).await;
    passed.map_err(|error| Failure::of(&*error))
}
