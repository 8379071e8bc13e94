use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceExt as _, service_fn};

use super::stack::stacked;
use crate::contract::Method;
use crate::error::{CallFault, SendError};
use crate::limits::after;
use crate::message::{Category, Fingerprint, Message, MessageError};
use crate::producer::{Outgoing, Pending, Producer, Request, Started};
use crate::topology::Route;
use crate::transport::Headers;

/// What the layers of a producer wrap: sending itself, and the layers added before.
pub type SendingService = BoxCloneSyncService<Sending, Receipt, BoxError>;

/// A message about to be sent or a call about to be made: the request of the layers of a producer,
/// see [`Producer::layer`].
///
/// A clone that is sent too is another message, or another call, with an id of its own.
#[derive(Clone)]
pub struct Sending {
    what: What,
    shared: Arc<Shared>,
}

#[derive(Clone)]
enum What {
    Message(Box<Outgoing>),
    Call(Box<Request>),
    /// A call that any number may answer.
    CallMany(Box<Request>),
}

/// What the clones of a request share.
struct Shared {
    /// When the layers got it.
    begun: Instant,
    /// How often they have let it through.
    through: AtomicU32,
    /// Who waits for the request of a call to be sent.
    started: Option<Started>,
}

impl Sending {
    fn new(what: What, started: Option<Started>) -> Self {
        let through = AtomicU32::new(0);
        Self { what, shared: Arc::new(Shared { begun: Instant::now(), through, started }) }
    }

    /// The message's type, `command` for one; empty for a body that is forwarded.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.outgoing().kind()
    }

    /// The name on the wire; empty for a body that is forwarded.
    #[must_use]
    pub fn name(&self) -> &str {
        self.outgoing().name()
    }

    /// Whether it is a call or a message.
    #[must_use]
    pub const fn category(&self) -> Category {
        match self.what {
            What::Message(_) => Category::Message,
            What::Call(_) | What::CallMany(_) => Category::Rpc,
        }
    }

    /// The method of the contract; none for what is sent by its name.
    #[must_use]
    pub fn method(&self) -> Option<&'static Method> {
        self.outgoing().method
    }

    /// The exchanges and keys: all of a message's, the one of a call.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let routes = self.outgoing().targets();
        let routes = routes.map(|(_, route)| route);
        match self.what {
            What::Message(_) => routes.collect(),
            What::Call(_) | What::CallMany(_) => routes.take(1).collect(),
        }
    }

    /// The whole message, its fingerprint included. It is read for it.
    ///
    /// # Errors
    /// [`MessageError`] for a forwarded body that is none.
    pub fn message(&self) -> Result<Message<'_>, MessageError> {
        // One that could not be made is not sent through layers.
        Message::from_json(self.outgoing().json().unwrap_or_default())
    }

    /// Who sends it, where it says so in the usual six texts. The message is read for it.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.message().ok()?.fingerprint()
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.outgoing().properties.headers
    }

    /// Its headers, to add some. The names that begin with `postage-` are the framework's own.
    #[must_use]
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.outgoing_mut().properties.headers
    }

    /// How long a call with a deadline may still take; none where there is no deadline.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        match &self.what {
            What::Message(_) => None,
            What::Call(request) | What::CallMany(request) => {
                request.deadline.map(|all| all.saturating_sub(self.shared.begun.elapsed()))
            }
        }
    }

    fn outgoing(&self) -> &Outgoing {
        match &self.what {
            What::Message(outgoing) => outgoing,
            What::Call(request) | What::CallMany(request) => &request.outgoing,
        }
    }

    fn outgoing_mut(&mut self) -> &mut Outgoing {
        match &mut self.what {
            What::Message(outgoing) => outgoing,
            What::Call(request) | What::CallMany(request) => &mut request.outgoing,
        }
    }

    async fn go(self) -> Result<Receipt, BoxError> {
        let time_left = self.time_left();
        self.shared.through.fetch_add(1, Ordering::Relaxed);
        match self.what {
            What::Message(mut outgoing) => {
                outgoing.send().await?;
                Ok(Receipt(Came::Nothing))
            }
            What::Call(mut request) => {
                request.deadline = time_left;
                let reply = request.ask(self.shared.started.as_ref()).await?;
                Ok(Receipt(Came::Reply(reply)))
            }
            What::CallMany(mut request) => {
                request.deadline = time_left;
                Ok(Receipt(Came::Listening(request.ask_many().await?)))
            }
        }
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending")
            .field("kind", &self.kind())
            .field("name", &self.name())
            .field("category", &self.category())
            .finish_non_exhaustive()
    }
}

/// What came of a [`Sending`]: nothing more of a message that was taken, the reply of a call.
#[derive(Debug)]
pub struct Receipt(Came);

#[derive(Debug)]
enum Came {
    Nothing,
    /// The JSON of the reply.
    Reply(Bytes),
    /// A call that any number may answer was sent.
    Listening(Box<Pending>),
}

impl Receipt {
    /// The reply of a call; none of a message, or of a call to many: its content is a [`ResultContent`](crate::ResultContent), and its
    /// [`Message::truth`] is false for a documented error or an exception.
    ///
    /// # Errors
    /// [`MessageError`] for a reply that is no message.
    pub fn reply(&self) -> Result<Option<Message<'_>>, MessageError> {
        match &self.0 {
            Came::Reply(json) => Message::from_json(json).map(Some),
            Came::Nothing | Came::Listening(_) => Ok(None),
        }
    }
}

impl Producer {
    /// Sends and calls through one more [`tower`] layer (feature `tower`): a limit of concurrency
    /// or rate, load shedding, one of your own that adds a header.
    ///
    /// The layer added last is the outermost, the first that a message meets; in a
    /// [`tower::ServiceBuilder`], which is a layer too, the first written is. Messages and calls
    /// go through the same layers, a call once for all its attempts; a call to many has passed them
    /// when it is sent. The producer's clones
    /// share what its layers count; so do the layers' services, which are cloned for each message.
    /// One that is not `Clone`, like a limit of the rate, goes under a buffer, which must be made
    /// within a Tokio runtime.
    ///
    /// An error of a layer is [`CallFault::Layer`] or [`SendError::Layer`], with the layer's own
    /// error as its source. A layer gets back a [`Receipt`], or the [`CallFault`] or [`SendError`]
    /// as its error; so a layer that tries again can look at it. Each of its attempts is a call
    /// with an id of its own, which a service does once more: where that matters, use
    /// [`Call::max_retry`](crate::Call::max_retry).
    ///
    /// The timeout of a call's attempt, and the time to confirm, begin when the layers let it
    /// through; its [`Call::deadline`](crate::Call::deadline), where it has one, bounds the layers
    /// too.
    ///
    /// ```
    /// use postage_core::prelude::*;
    /// use postage_core::Sending;
    /// use tower::ServiceBuilder;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = Broker::memory();
    /// # struct Desk;
    /// # #[message_processor(queue = "desk")]
    /// # impl Desk {
    /// #     #[rpc_handler]
    /// #     async fn badge(&self, #[context] cx: &Context) -> bool { cx.header("badge").is_some() }
    /// # }
    /// # let _desk = broker.serve(Desk).await?;
    /// // No more than 10 at once, each with one more header.
    /// let layers = ServiceBuilder::new()
    ///     .load_shed()
    ///     .concurrency_limit(10)
    ///     .map_request(|mut sending: Sending| {
    ///         sending.headers_mut().insert("badge", "7/12");
    ///         sending
    ///     });
    /// let caller = Producer::new(&broker, Fingerprint::new("shop", "front-end"))
    ///     .eks([(Exchange::DEFAULT, "desk")])
    ///     .layer(layers);
    /// assert!(caller.rpc::<bool>("badge", ()).await?);
    /// # Ok(()) }
    /// ```
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "as every other library takes a layer")]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<SendingService>,
        L::Service: Service<Sending, Response = Receipt> + Clone + Send + Sync + 'static,
        <L::Service as Service<Sending>>::Error: Into<BoxError> + 'static,
        <L::Service as Service<Sending>>::Future: Send + 'static,
    {
        let inner = self.layers.take();
        let inner = inner.unwrap_or_else(|| BoxCloneSyncService::new(service_fn(Sending::go)));
        self.layers = Some(stacked(inner, &layer));
        self
    }
}

/// Sends a message through the layers. One that could not be made never meets them.
pub(crate) async fn send(layers: SendingService, outgoing: Box<Outgoing>) -> Result<(), SendError> {
    outgoing.json()?;
    if outgoing.targets().len() == 0 {
        return Err(SendError::NoRoute);
    }
    let sending = Sending::new(What::Message(outgoing), None);
    match layers.oneshot(sending).await {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.downcast::<SendError>() {
            Ok(own) => *own,
            Err(error) => SendError::Layer { source: Arc::new(error) },
        }),
    }
}

/// Makes a call through the layers; the answer is the JSON of the reply.
pub(crate) async fn call(
    layers: SendingService,
    request: Box<Request>,
    started: Option<Started>,
) -> Result<Bytes, CallFault> {
    match pass(layers, Sending::new(What::Call(request), started)).await? {
        Receipt(Came::Reply(reply)) => Ok(reply),
        _ => Err(of_another()),
    }
}

/// Makes a call to many through the layers; their answers do not pass them.
pub(crate) async fn call_many(
    layers: SendingService,
    request: Box<Request>,
) -> Result<Box<Pending>, CallFault> {
    match pass(layers, Sending::new(What::CallMany(request), None)).await? {
        Receipt(Came::Listening(pending)) => Ok(pending),
        _ => Err(of_another()),
    }
}

/// Passes a call through the layers, until its deadline.
async fn pass(layers: SendingService, sending: Sending) -> Result<Receipt, CallFault> {
    sending.outgoing().json()?;
    let route = sending.routes().into_iter().next().ok_or(CallFault::NoRoute)?;
    let shared = Arc::clone(&sending.shared);
    let time_left = sending.time_left();
    let passed = layers.oneshot(sending);
    let Some(all) = time_left else { return passed.await.map_err(fault) };
    let ended = timeout_at(after(shared.begun, all), passed).await;
    ended.map(|ended| ended.map_err(fault)).unwrap_or_else(|_| {
        let attempts = shared.through.load(Ordering::Relaxed);
        let waited = shared.begun.elapsed();
        Err(CallFault::TimedOut { route, attempts, waited, uncorrelated: 0 })
    })
}

/// What a layer's error is to the caller: what went wrong inside stays what it is.
fn fault(error: BoxError) -> CallFault {
    match error.downcast::<CallFault>() {
        Ok(own) => *own,
        Err(error) => CallFault::Layer { source: Arc::new(error) },
    }
}

/// Layers get receipts of others only by sending them too.
fn of_another() -> CallFault {
    let reason = "a layer answered the call with the receipt of another message".to_owned();
    CallFault::Malformed { reason }
}
