use std::borrow::Cow;
use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::timeout;
use tracing::Instrument;
use uuid::Uuid;

use super::options::{Outgoing, as_text, at_least_a_millisecond, shared_options, unix_millis};
use crate::error::SendError;
use crate::headers;
use crate::layers;
use crate::telemetry::SendWatch;
use crate::topology::{Exchange, Route};
use crate::transport::{BoxFuture, SharedText};

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

    /// What comes of sending a call that has been polled before.
    pub(super) fn under_way() -> Self {
        Self { state: State::Running(Box::pin(ready(Err(SendError::UnderWay)))) }
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
    ///
    /// That is the time in the queue alone. A message that must not be late is a
    /// [`Publish::signal`]; of one that is, this sets the time.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        let ttl = at_least_a_millisecond(ttl);
        self.outgoing(|outgoing| match &mut outgoing.lives {
            Some(lives) => *lives = ttl,
            None => outgoing.properties.expiration = Some(ttl),
        });
        self
    }

    /// Makes it a signal: it reaches a handler within this time or not at all, wherever it waits:
    /// for the connection, in a queue, for a place at the service, for another attempt. What is late
    /// is dropped, without a dead letter of the service's. It is not kept over a restart of the
    /// broker, unless [`Publish::persistent`] says so. Whole milliseconds.
    ///
    /// From when the service has it, its time is told by the clocks of both machines: where they
    /// differ, so does it. A broker that drops it from a queue with a dead-letter exchange sends it
    /// there.
    ///
    /// ```
    /// # use postage_core::{Producer, Publish};
    /// # use std::time::Duration;
    /// fn tick(clock: &Producer, time: u64) -> Publish {
    ///     clock.command("tick", time).signal(Duration::from_secs(2))
    /// }
    /// ```
    pub fn signal(mut self, ttl: Duration) -> Self {
        self.outgoing(|outgoing| outgoing.become_signal(ttl));
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
    /// [`Publish::within`] bounds the wait. A program that ends awaits
    /// [`Broker::close`](crate::Broker::close) first, lest the last ones are not written.
    pub fn unconfirmed(mut self) -> Self {
        self.outgoing(|outgoing| outgoing.confirm = false);
        self
    }
}

async fn run(mut outgoing: Box<Outgoing>, watch: SendWatch) -> Result<(), SendError> {
    let sent = match outgoing.layers.take() {
        Some(layers) => Box::pin(layers::send(layers, outgoing)).await,
        None => outgoing.send().await,
    };
    watch.ended(&sent);
    sent
}

impl Outgoing {
    /// Sends it to all its exchanges and keys.
    pub(crate) async fn send(&mut self) -> Result<(), SendError> {
        let body = self.take_body()?;
        let mut targets = self.targets();
        let copies = targets.len();
        match targets.next() {
            None => Err(SendError::NoRoute),
            Some(target) if copies == 1 => self.send_copy(target, &body, true).await,
            Some(_) => Box::pin(self.send_copies(copies, &body)).await,
        }
    }

    async fn send_copies(&self, copies: usize, body: &Bytes) -> Result<(), SendError> {
        self.span.record("messaging.batch.message_count", copies);
        let sent = self.targets().map(|target| self.send_copy(target, body, false));
        for result in join_all(sent).await {
            result?;
        }
        Ok(())
    }

    /// Sends one copy, and again under the same id when the connection was lost before the confirm.
    async fn send_copy(
        &self,
        (exchange, route): (&Arc<Exchange>, Route),
        body: &Bytes,
        only: bool,
    ) -> Result<(), SendError> {
        // Each copy has its own id, since a returned one is recognised by it.
        let (id, deadline) = (Uuid::new_v4(), self.lives.map(unix_millis));
        if only && !self.span.is_disabled() {
            self.span.record("messaging.message.id", &*self.id_or(id));
        }
        let publication = || {
            let mut properties = self.properties.clone();
            properties.message_id = Some(self.id_or(id));
            if let Some((left, deadline)) = self.lives.zip(deadline) {
                properties.expiration = Some(left);
                properties.set_header(headers::DEADLINE, deadline);
            }
            self.publication(&route, properties, body)
        };
        let once = async || {
            if let Some(elsewhere) = &self.elsewhere {
                Box::pin(elsewhere.declare(&self.link)).await?;
            }
            self.link.publish_to(exchange, &publication).await
        };
        let within = self.lives.map_or(self.within, |lives| lives.min(self.within));
        let sending = async {
            if self.confirm { self.link.through_losses(once).await } else { once().await }
        };
        match timeout(within, sending).await {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(out_of_time(self, route, within)),
        }
    }

    /// The id of a copy: that of the call where its answer goes elsewhere.
    fn id_or(&self, id: Uuid) -> SharedText {
        let elsewhere = self.elsewhere.as_ref().map(|elsewhere| elsewhere.id.clone().into());
        elsewhere.unwrap_or_else(|| as_text(id))
    }
}

/// Why the message was not sent in time: the connection is gone, or it takes no messages.
fn out_of_time(outgoing: &Outgoing, route: Route, waited: Duration) -> SendError {
    let state = outgoing.link.transport.state();
    state.borrow().error().map_or_else(|| SendError::TimedOut { route, waited }, SendError::from)
}

impl Future for Publish {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Ready(mut outgoing) => {
                    let watch = SendWatch::begin(&mut outgoing);
                    let span = watch.span().clone();
                    self.state = State::Running(Box::pin(run(outgoing, watch).instrument(span)));
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
