//! A call to many: one request, and the answers of all who got it.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::attempt::{Pending, Request};
use super::call::{open_reply, read_reply};
use crate::contract::Peer;
use crate::error::{CallFault, CallOutcome};
use crate::telemetry::CallWatch;
use crate::topology::{Address, FieldValue};
use crate::{headers, layers};

/// The answers to a call to many, made by [`Call::answers`](crate::Call::answers): a stream that
/// ends when its time is up. Dropping it gives the call up.
///
/// A request that no queue took is one item, [`CallFault::Unroutable`]; so is a lost connection,
/// which ends the stream. Nobody having answered is no item at all.
#[must_use = "nothing is sent before it is polled"]
pub struct Answers<T, X = CallFault> {
    answers: Pin<Box<dyn Stream<Item = Answered<T, X>> + Send>>,
    item: PhantomData<fn() -> (T, X)>,
}

/// One of the answers to a call to many.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answered<T, X = CallFault> {
    /// Who answered: the address of this one application. `None` where it does not say, as Python
    /// Postage does not.
    pub from: Option<Address>,
    /// Which of its starts answered.
    pub(crate) start: Option<FieldValue>,
    /// What it answered.
    pub result: Result<T, X>,
}

impl<T, X> Answered<T, X> {
    /// Of nobody: why there are no more.
    fn fault(fault: impl Into<X>) -> Self {
        Self { from: None, start: None, result: Err(fault.into()) }
    }
}

enum State {
    Ready(Box<Request>),
    Listening(Box<Pending>, Instant, CallWatch),
    Over,
}

impl<T, X> Answers<T, X>
where
    T: DeserializeOwned + Send + 'static,
    X: CallOutcome,
{
    pub(super) fn new(mut request: Box<Request>, within: Duration) -> Self {
        request.timeout = within;
        // Layers wait in that time, too.
        request.deadline = Some(request.deadline.map_or(within, |all| all.min(within)));
        request.max_retry = 0;
        // Several replies have one correlation id, and those of Python Postage have none.
        request.peer = Peer::Python;
        request.outgoing.properties.headers.remove(headers::HEARTBEAT);
        request.heartbeat = None;
        request.statuses = None;
        let answers = stream::unfold(State::Ready(request), next);
        Self { answers: answers.boxed(), item: PhantomData }
    }

    pub(super) fn under_way() -> Self {
        let fault = Answered::fault(CallFault::UnderWay);
        Self { answers: stream::once(std::future::ready(fault)).boxed(), item: PhantomData }
    }

    /// The next answer; `None` when the time is up. Cancel-safe.
    pub async fn next(&mut self) -> Option<Answered<T, X>> {
        self.answers.next().await
    }

    /// All answers that come in time.
    pub async fn all(self) -> Vec<Answered<T, X>> {
        self.answers.collect().await
    }

    /// The first so many answers, or fewer when the time is up before.
    pub async fn first(self, count: usize) -> Vec<Answered<T, X>> {
        self.answers.take(count).collect().await
    }
}

async fn next<T: DeserializeOwned, X: CallOutcome>(
    state: State,
) -> Option<(Answered<T, X>, State)> {
    let failed = |fault: CallFault| Some((Answered::fault(fault), State::Over));
    let (mut pending, until, mut watch) = match state {
        State::Over => return None,
        State::Listening(pending, until, watch) => (pending, until, watch),
        State::Ready(mut request) => {
            let watch = CallWatch::begin(&mut request.outgoing);
            match begin(request).instrument(watch.span().clone()).await {
                Ok((pending, until)) => (pending, until, watch),
                Err(fault) => {
                    watch.failed(&fault);
                    return failed(fault);
                }
            }
        }
    };
    let next = timeout_at(until, pending.next_reply()).instrument(watch.span().clone());
    match next.await {
        Err(_) => {
            watch.over();
            None
        }
        Ok(Err(fault)) => {
            watch.failed(&fault);
            failed(fault)
        }
        Ok(Ok(reply)) => {
            watch.answered();
            let from = reply.properties.app_id.as_deref();
            let from = from.map(|key| Address::of_key(key.to_owned()));
            let start = reply.properties.header(headers::START).cloned();
            let opened = open_reply(pending.link(), &reply);
            let result = opened.map_err(X::from).and_then(|json| read_reply(&json));
            Some((Answered { from, start, result }, State::Listening(pending, until, watch)))
        }
    }
}

async fn begin(mut request: Box<Request>) -> Result<(Box<Pending>, Instant), CallFault> {
    let pending = match request.outgoing.layers.take() {
        Some(layers) => layers::call_many(layers, request).await?,
        None => request.ask_many().await?,
    };
    let until = pending.attempt_ends();
    Ok((pending, until))
}

impl Request {
    /// Sends the request; any number of replies may come.
    pub(crate) async fn ask_many(self: Box<Self>) -> Result<Box<Pending>, CallFault> {
        let mut pending = Box::new(self.begin()?);
        pending.start().await?;
        Ok(pending)
    }
}

impl<T, X> Stream for Answers<T, X> {
    type Item = Answered<T, X>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        self.answers.as_mut().poll_next(cx)
    }
}

impl<T, X> fmt::Debug for Answers<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}
