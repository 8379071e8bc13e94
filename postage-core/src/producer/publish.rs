use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::timeout;
use tracing::Instrument;
use uuid::Uuid;

use super::options::{Outgoing, at_least_a_millisecond, shared_options};
use crate::error::SendError;
use crate::layers;
use crate::telemetry::SendWatch;
use crate::topology::{Exchange, Route};
use crate::transport::{BoxFuture, Properties};

/// A message about to be sent: a future that resolves when the broker has taken responsibility
/// for it.
///
/// Nothing is sent before it is first polled; from then on the setters change nothing. It can be
/// spawned: it borrows nothing. Dropping it while it waits may or may not have sent the message.
#[must_use = "nothing is sent before it is awaited"]
pub struct Publish {
    state: State,
}

enum State {
    Ready(Box<Outgoing>),
    Running(BoxFuture<'static, Result<(), SendError>>),
    Done,
}

impl Publish {
    pub(crate) fn new(outgoing: Outgoing) -> Self {
        Self { state: State::Ready(Box::new(outgoing)) }
    }

    fn outgoing(&mut self, change: impl FnOnce(&mut Outgoing)) {
        if let State::Ready(outgoing) = &mut self.state {
            change(outgoing);
        }
    }

    shared_options!();

    /// Sends to exactly these exchanges and keys; [`Publish::key`] is passed over then.
    pub fn eks<K: Into<Cow<'static, str>>>(
        mut self,
        eks: impl IntoIterator<Item = (Exchange, K)>,
    ) -> Self {
        self.outgoing(|outgoing| outgoing.set_eks(eks));
        self
    }

    /// How long the message may wait in a queue. Whole milliseconds on the wire.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        let ttl = at_least_a_millisecond(ttl);
        self.outgoing(|outgoing| outgoing.properties.expiration = Some(ttl));
        self
    }

    /// How long to wait for the broker's confirm, over losses of the connection: 30 s unless set.
    /// After that it is not known whether the message was taken. Unconfirmed, how long to wait until
    /// the connection takes it: a broker that runs out of memory or disk space reads from nobody who
    /// publishes.
    pub fn within(mut self, limit: Duration) -> Self {
        self.outgoing(|outgoing| outgoing.within = limit);
        self
    }

    /// Does not wait for the broker: it resolves when the message is handed to the connection, and
    /// neither a loss nor a missing queue is heard of. Where the connection takes none,
    /// [`Publish::within`] bounds the wait.
    pub fn unconfirmed(mut self) -> Self {
        self.outgoing(|outgoing| outgoing.confirm = false);
        self
    }
}

async fn run(mut outgoing: Outgoing, watch: SendWatch) -> Result<(), SendError> {
    let sent = match outgoing.layers.take() {
        Some(layers) => layers::send(layers, outgoing).await,
        None => outgoing.send().await,
    };
    watch.ended(&sent);
    sent
}

impl Outgoing {
    /// Sends it to all its exchanges and keys.
    pub(crate) async fn send(&self) -> Result<(), SendError> {
        let body = self.body()?;
        let targets = self.targets();
        if targets.is_empty() {
            return Err(SendError::NoRoute);
        }
        let copies = targets.len();
        if copies > 1 {
            self.span.record("messaging.batch.message_count", copies);
        }
        let sent = targets.into_iter().map(|(exchange, key)| {
            let mut properties = self.properties.clone();
            // Each copy has its own id, since a returned one is recognised by it.
            let id = Uuid::new_v4().to_string();
            if copies == 1 {
                self.span.record("messaging.message.id", &*id);
            }
            properties.message_id = Some(id.into());
            send(self, exchange, key, body.clone(), properties)
        });
        for result in join_all(sent).await {
            result?;
        }
        Ok(())
    }
}

/// Sends one copy, and again under the same id when the connection was lost before the confirm.
async fn send(
    outgoing: &Outgoing,
    exchange: &Exchange,
    key: Cow<'static, str>,
    body: Bytes,
    properties: Properties,
) -> Result<(), SendError> {
    let once = || outgoing.publish_to(exchange, key.clone(), body.clone(), properties.clone());
    let sending = async {
        if outgoing.confirm { outgoing.link.through_losses(once).await } else { once().await }
    };
    match timeout(outgoing.within, sending).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(out_of_time(outgoing, exchange, key.clone())),
    }
}

/// Why the message was not sent in time: the connection is gone, or it takes no messages.
fn out_of_time(outgoing: &Outgoing, exchange: &Exchange, key: Cow<'static, str>) -> SendError {
    let state = outgoing.link.transport.state();
    state.borrow().error().map_or_else(
        || SendError::TimedOut {
            route: Route::new(exchange.name.clone(), key),
            waited: outgoing.within,
        },
        SendError::from,
    )
}

impl Future for Publish {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Ready(mut outgoing) => {
                    let watch = SendWatch::begin(&mut outgoing);
                    let span = watch.span().clone();
                    self.state = State::Running(Box::pin(run(*outgoing, watch).instrument(span)));
                }
                State::Running(mut running) => {
                    let polled = running.as_mut().poll(cx);
                    if polled.is_pending() {
                        self.state = State::Running(running);
                    }
                    return polled;
                }
                State::Done => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish").finish_non_exhaustive()
    }
}
