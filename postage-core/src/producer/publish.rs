use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use futures_util::future::join_all;
use uuid::Uuid;

use super::options::{Outgoing, at_least_a_millisecond, shared_options};
use crate::error::SendError;
use crate::topology::Exchange;
use crate::transport::BoxFuture;

/// A message about to be sent: a future that resolves when the broker has taken responsibility
/// for it.
///
/// Nothing is sent before it is first polled. It can be spawned: it borrows nothing. Dropping it
/// while it waits may or may not have sent the message.
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

    /// Does not wait for the broker: it resolves when the message is handed to the connection, and
    /// neither a loss nor a missing queue is heard of.
    pub fn unconfirmed(mut self) -> Self {
        self.outgoing(|outgoing| outgoing.confirm = false);
        self
    }
}

async fn run(outgoing: Outgoing) -> Result<(), SendError> {
    let body = outgoing.body()?;
    let targets = outgoing.targets();
    if targets.is_empty() {
        return Err(SendError::NoRoute);
    }
    let sent = targets.into_iter().map(|(exchange, key)| {
        let mut properties = outgoing.properties.clone();
        // Each copy has its own id, since a returned one is recognised by it.
        properties.message_id = Some(Uuid::new_v4().to_string().into());
        outgoing.publish_to(exchange, key, body.clone(), properties)
    });
    for result in join_all(sent).await {
        result?;
    }
    Ok(())
}

impl Future for Publish {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Ready(outgoing) => self.state = State::Running(Box::pin(run(*outgoing))),
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
