use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{self, Poll};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::attempt::{Pending, Request};
use super::call::{open_reply, read_reply};
use super::leaving::Staying;
use crate::error::{CallFault, CallOutcome};
use crate::layers::{self, SendingService};
use crate::telemetry::CallWatch;
use crate::transport::BoxFuture;

/// A call about to be sent whose answer is awaited later: a future of a [`Ticket`], made by
/// [`Call::detach`](crate::Call::detach).
#[must_use = "nothing is sent before it is awaited"]
pub struct Detach<T, X = CallFault> {
    sending: BoxFuture<'static, Result<Ticket<T, X>, CallFault>>,
}

impl<T: DeserializeOwned + Send + 'static, X: CallOutcome> Detach<T, X> {
    pub(crate) fn new(request: Box<Request>) -> Self {
        Self { sending: Box::pin(detach(request)) }
    }

    /// What comes of detaching a call that has been polled before.
    pub(crate) fn under_way() -> Self {
        Self { sending: Box::pin(ready(Err(CallFault::UnderWay))) }
    }
}

async fn detach<T: DeserializeOwned + Send + 'static, X: CallOutcome>(
    mut request: Box<Request>,
) -> Result<Ticket<T, X>, CallFault> {
    let watch = CallWatch::begin(&mut request.outgoing);
    let sent = match request.outgoing.layers.take() {
        Some(layers) => send_in_layers(layers, request).instrument(watch.span().clone()).await,
        None => send(request).instrument(watch.span().clone()).await,
    };
    match sent {
        Ok((sent, reply)) => Ok(Ticket::new(sent, reply, watch)),
        Err(fault) => {
            watch.failed(&fault);
            Err(fault)
        }
    }
}

/// The JSON of a reply that is to come.
type Reply = BoxFuture<'static, Result<Bytes, CallFault>>;

async fn send(request: Box<Request>) -> Result<(Sent, Reply), CallFault> {
    let mut pending = request.begin()?;
    let sent = Sent::now(&mut pending).await?;
    let reply = async move {
        let reply = pending.finish().await?;
        open_reply(pending.link(), &reply)
    };
    Ok((sent, Box::pin(reply)))
}

/// The layers go on with the call when it is sent, while the ticket is awaited.
async fn send_in_layers(
    layers: SendingService,
    request: Box<Request>,
) -> Result<(Sent, Reply), CallFault> {
    let (started, mut sent) = Started::new();
    let mut reply: Reply = Box::pin(layers::call(layers, request, Some(started)));
    tokio::select! {
        biased;
        Ok(sent) = &mut sent => Ok((sent, reply)),
        reply = &mut reply => match sent.try_recv() {
            Ok(sent) => Ok((sent, Box::pin(ready(reply)))),
            Err(_) => Ok((Sent::default(), Box::pin(ready(Ok(reply?))))),
        },
    }
}

/// The request of a detached call, when it is sent.
#[derive(Debug, Default)]
struct Sent {
    id: String,
    reply_to: String,
    staying: Staying,
}

impl Sent {
    /// Sends the first attempt. The service need not be told when the ticket is dropped.
    async fn now(pending: &mut Pending) -> Result<Self, CallFault> {
        let (reply_to, staying) = pending.start_detached().await?;
        Ok(Self { id: pending.id().to_string(), reply_to, staying })
    }
}

/// Tells who has detached a call that it is sent: the first time, where layers send it again.
#[derive(Debug)]
pub(crate) struct Started(Mutex<Option<oneshot::Sender<Sent>>>);

impl Started {
    fn new() -> (Self, oneshot::Receiver<Sent>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Mutex::new(Some(sender))), receiver)
    }

    /// Sends the first attempt, and says so.
    pub(super) async fn by(&self, pending: &mut Pending) -> Result<(), CallFault> {
        let sent = Sent::now(pending).await?;
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Nobody listens when the call was given up meanwhile.
        drop(sender.map(|sender| sender.send(sent)));
        Ok(())
    }
}

/// The claim to the answer of a call that was sent: a future of the answer.
///
/// The attempt's time runs from the sending; further attempts are made only while the ticket is
/// awaited. Dropping it does not take the request back; [`Ticket::cancel`] does, where the call is
/// marked as [cancellable](crate::Call::cancellable).
#[must_use = "the answer is lost unless the ticket is awaited"]
pub struct Ticket<T, X = CallFault> {
    id: String,
    reply_to: String,
    staying: Staying,
    answer: BoxFuture<'static, Result<T, X>>,
}

impl<T: DeserializeOwned + 'static, X: CallOutcome> Ticket<T, X> {
    fn new(sent: Sent, reply: Reply, watch: CallWatch) -> Self {
        let Sent { id, reply_to, staying } = sent;
        let span = watch.span().clone();
        let answer = async move {
            let answer = reply.await.map_err(X::from).and_then(|reply| read_reply(&reply));
            watch.ended(&answer);
            answer
        };
        Self { id, reply_to, staying, answer: Box::pin(answer.instrument(span)) }
    }
}

impl<T, X> Ticket<T, X> {
    /// The request's id: its message id and its correlation id. Empty where a layer answered the
    /// call in the service's place.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The queue that the answer will come to. Empty where [`Ticket::id`] is.
    #[must_use]
    pub fn reply_to(&self) -> &str {
        &self.reply_to
    }

    /// Gives the call up. Where it is marked as [cancellable](crate::Call::cancellable), the services
    /// are told, as by dropping such a call that was not detached.
    pub fn cancel(self) {
        self.staying.set(false);
    }
}

impl<T, X> Future for Detach<T, X> {
    type Output = Result<Ticket<T, X>, CallFault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        self.sending.as_mut().poll(cx)
    }
}

impl<T, X> Future for Ticket<T, X> {
    type Output = Result<T, X>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        self.answer.as_mut().poll(cx)
    }
}

impl<T, X> fmt::Debug for Detach<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detach").finish_non_exhaustive()
    }
}

impl<T, X> fmt::Debug for Ticket<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("id", &self.id)
            .field("reply_to", &self.reply_to)
            .finish_non_exhaustive()
    }
}
