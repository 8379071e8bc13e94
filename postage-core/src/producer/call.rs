use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use super::answers::Answers;
use super::attempt::Request;
use super::events::{Events, run_with_progress};
use super::options::{Outgoing, shared_options};
use super::ticket::{Detach, Started};
use crate::contract::Peer;
use crate::error::{CallFault, CallOutcome};
use crate::headers;
use crate::layers;
use crate::link::Link;
use crate::message::{EncodeError, Message, Progress, RemoteException, ResultContent, shorten};
use crate::telemetry::CallWatch;
use crate::topology::Exchange;
use crate::transport::{BoxFuture, Delivery};

/// A call about to be made: a future of `Result<T, X>`, where `X` is [`CallFault`], or
/// [`CallError<E>`](crate::CallError) where the contract documents an error `E`.
///
/// Nothing is sent before it is first polled; from then on the setters change nothing. It can be
/// spawned and joined: it borrows nothing.
/// Dropping it gives the call up: an answer that still comes is dropped.
///
/// ```
/// # use postage_core::{Call, CallFault};
/// # use std::time::Duration;
/// # fn shown(call: Call<u64>) -> Call<u64> {
/// call.timeout(Duration::from_secs(1)).max_retry(0)
/// # }
/// ```
#[must_use = "nothing is sent before it is awaited"]
pub struct Call<T, X = CallFault> {
    state: State<T, X>,
    /// What hears how far the service has come.
    on_progress: Option<OnProgress>,
    answer: PhantomData<fn() -> (T, X)>,
}

type OnProgress = Box<dyn FnMut(Progress) + Send>;

enum State<T, X> {
    Ready(Box<Request>),
    Running(BoxFuture<'static, Result<T, X>>),
    Done,
}

impl<T, X> Call<T, X> {
    pub(crate) fn new(request: Request) -> Self {
        Self { state: State::Ready(Box::new(request)), on_progress: None, answer: PhantomData }
    }

    fn request(&mut self, change: impl FnOnce(&mut Request)) {
        if let State::Ready(request) = &mut self.state {
            change(request);
        }
    }

    /// The request, unless the call is under way.
    pub(super) fn into_request(self) -> Option<Box<Request>> {
        match self.state {
            State::Ready(request) => Some(request),
            State::Running(_) | State::Done => None,
        }
    }

    fn outgoing(&mut self, change: impl FnOnce(&mut Outgoing)) {
        self.request(|request| change(&mut request.outgoing));
    }

    shared_options!();

    /// Calls the first of these exchanges and keys; [`Call::key`] is passed over then.
    pub fn eks<K: Into<Cow<'static, str>>>(
        mut self,
        eks: impl IntoIterator<Item = (Exchange, K)>,
    ) -> Self {
        self.outgoing(|outgoing| outgoing.set_eks(eks));
        self
    }

    /// How long each attempt waits for the answer; the request expires in its queue by then.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request(|request| request.timeout = timeout);
        self
    }

    /// How often the request is sent again when no answer came in time. 0: it is sent once.
    pub fn max_retry(mut self, retries: u32) -> Self {
        self.request(|request| request.max_retry = retries);
        self
    }

    /// How long the call may take in all its attempts.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.request(|request| request.deadline = Some(deadline));
        self
    }

    /// Tells the services when the call is dropped unanswered, or its time is up: a handler that is
    /// marked as cancellable is stopped then, or hears of it by
    /// [`Context::cancelled`](crate::Context::cancelled); one that has not begun never does. A method
    /// of a contract that is marked so does it by itself.
    ///
    /// Services are told over losses of the connection, for as long as the request may come to one.
    /// The request says how long the call lasts in all its attempts, so that a handler ends also where
    /// nobody tells, as when the caller is killed. A service that was not there when the call was
    /// dropped asks the caller before the handler begins: for one round trip, and a second at most
    /// where no answer comes; then the handler begins. It asks about requests that are sent before it
    /// has been there for twice the time of an attempt, no others.
    ///
    /// A program that drops calls and ends awaits [`Broker::close`](crate::Broker::close), which sees
    /// to it that services are told.
    ///
    /// Callers say it over the fanout exchange `postage-cancelled`, which both sides declare: in
    /// RabbitMQ they need the permissions to configure and to write to it, services those to configure
    /// and to read from it. Who has not is warned once in the log, and handlers end with the call's
    /// time.
    pub fn cancellable(mut self) -> Self {
        self.request(|request| request.cancellable = true);
        self
    }

    /// Asks the service for a sign of life this often, 100 ms at least, from when it has the request
    /// until it answers. After three that are missed the call ends with [`CallFault::Silent`]: so a
    /// service that has died is told apart from slow work long before the call's time is up.
    ///
    /// A request that waits in its queue is nobody's yet; neither that nor a connection of the
    /// caller's own that is lost, or that the broker does not answer on, counts as silence. What does
    /// count, besides a death: a handler that blocks the only thread of its service, and a broker that
    /// takes no messages of the service, being short of memory or disk space.
    ///
    /// It does not prolong the call: set the [`timeout`](Call::timeout) to the longest work. The
    /// [`answers`](Call::answers) of many have no heartbeats.
    pub fn heartbeat(mut self, every: Duration) -> Self {
        let every = every.clamp(headers::SHORTEST_HEARTBEAT, headers::LONGEST_HEARTBEAT);
        let millis = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        self.request(|request| {
            request.heartbeat = Some(every);
            request.statuses.get_or_insert_default();
            request.outgoing.properties.set_header(headers::HEARTBEAT, millis);
        });
        self
    }

    /// Data of the caller's own that comes back with each status of the call, see
    /// [`Progress::data`]; the other [`Event`](crate::Event)s do not show them. It travels in a
    /// header, so a few kilobytes are much.
    pub fn data(mut self, data: impl Serialize) -> Self {
        let json = serde_json::to_string(&data);
        self.outgoing(|outgoing| match json {
            Ok(json) => outgoing.properties.set_header(headers::DATA, json),
            Err(error) => outgoing.fail(EncodeError::Content {
                name: "the data of a call".to_owned(),
                reason: error.to_string(),
            }),
        });
        self
    }

    /// Calls this with each progress that the service reports; the call stays a future of its
    /// value. A ticket and the answers of many have no progress, and the [`events`](Call::events)
    /// tell of it by themselves: there this is not called.
    ///
    /// ```
    /// # use postage_core::Call;
    /// # fn shown(call: Call<u64>) -> Call<u64> {
    /// call.on_progress(|progress| println!("{} of {}", progress.completed, progress.total))
    /// # }
    /// ```
    pub fn on_progress(mut self, heard: impl FnMut(Progress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(heard));
        self
    }

    /// Who answers: [`Peer::Python`] gives the call a reply address of its own.
    pub fn peer(mut self, peer: Peer) -> Self {
        self.request(|request| request.peer = peer);
        self
    }
}

impl<T, X> Call<T, X>
where
    T: DeserializeOwned + Send + 'static,
    X: CallOutcome,
{
    /// Sends the request and answers a [`Ticket`](crate::Ticket) for the answer, to be awaited
    /// later. One that has been polled gives [`CallFault::UnderWay`].
    pub fn detach(self) -> Detach<T, X> {
        self.into_request().map_or_else(Detach::under_way, Detach::new)
    }

    /// Makes the call and tells what becomes of it: accepted, started, how far it has come, ended.
    /// One that has been polled gives [`CallFault::UnderWay`].
    ///
    /// ```no_run
    /// # use postage_core::prelude::*;
    /// # use postage_core::Event;
    /// # async fn example(backups: Producer) {
    /// let mut events = backups.rpc::<u64>("back_up", "orders").events();
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         Event::Progress(progress) => println!("{} of {}", progress.completed, progress.total),
    ///         Event::Ended(result) => println!("{result:?}"),
    ///         other => println!("{other:?}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn events(self) -> Events<T, X> {
        self.into_request().map_or_else(Events::under_way, Events::new)
    }

    /// Sends the request once and collects what everybody answers within this time: for an
    /// [`Address`](crate::Address) that several have. (Without it, such a call ends with the first
    /// answer.) Where nobody has the address, one item says so:
    /// [`CallFault::Unroutable`]. The call has a reply address of its own. One
    /// that has been polled gives [`CallFault::UnderWay`].
    ///
    /// ```no_run
    /// # use postage_core::prelude::*;
    /// # use postage_core::Address;
    /// # use std::time::Duration;
    /// # async fn example(monitors: Producer) {
    /// let load = monitors.rpc::<f64>("load", ()).to(Address::name("monitor"));
    /// let mut answers = load.answers(Duration::from_millis(500));
    /// while let Some(answer) = answers.next().await {
    ///     println!("{:?}: {:?}", answer.from, answer.result);
    /// }
    /// # }
    /// ```
    pub fn answers(self, within: Duration) -> Answers<T, X> {
        let answers = |request| Answers::new(request, within);
        self.into_request().map_or_else(Answers::under_way, answers)
    }
}

/// Makes the call, through the layers where there are some.
pub(super) fn start<T: DeserializeOwned, X: CallOutcome>(
    mut request: Box<Request>,
) -> BoxFuture<'static, Result<T, X>> {
    let watch = CallWatch::begin(&mut request.outgoing);
    let span = watch.span().clone();
    let answer = async move {
        let reply = match request.outgoing.layers.take() {
            Some(layers) => Box::pin(layers::call(layers, request, None)).await,
            None => request.ask(None).await,
        };
        let answer = reply.map_err(X::from).and_then(|reply| read_reply(&reply));
        watch.ended(&answer);
        answer
    };
    Box::pin(answer.instrument(span))
}

impl Request {
    /// Makes the call; the answer is the JSON of the reply. Who has detached it is told when it is
    /// sent.
    pub(crate) async fn ask(
        self: Box<Self>,
        started: Option<&Started>,
    ) -> Result<Bytes, CallFault> {
        let mut pending = self.begin()?;
        if let Some(started) = started {
            Box::pin(started.by(&mut pending)).await?;
        }
        let reply = pending.finish().await?;
        open_reply(pending.link(), &reply)
    }
}

/// The JSON of a reply.
pub(super) fn open_reply(link: &Link, reply: &Delivery) -> Result<Bytes, CallFault> {
    let opened = link.open(reply);
    let (_, json) = opened.map_err(|error| CallFault::Malformed { reason: error.to_string() })?;
    Ok(json)
}

/// What a reply says, in the caller's types.
pub(super) fn read_reply<T: DeserializeOwned, X: CallOutcome>(json: &[u8]) -> Result<T, X> {
    let malformed = |reason| X::from(CallFault::Malformed { reason });
    let message = Message::from_json(json).map_err(|error| malformed(error.to_string()))?;
    read_result(&message)
}

/// What a message that bears a result says, in the caller's types.
pub(crate) fn read_result<T: DeserializeOwned, X: CallOutcome>(
    message: &Message<'_>,
) -> Result<T, X> {
    let malformed = |reason: String| X::from(CallFault::Malformed { reason });
    // As nearly all results are: then no more than the value need be read.
    if let Some(value) = ResultContent::only_value(message)
        && let Ok(value) = serde_json::from_str(value)
    {
        return Ok(value);
    }
    match ResultContent::of(message).map_err(|error| malformed(error.to_string()))? {
        ResultContent::Success { value } => serde_json::from_str(value.get()).map_err(|error| {
            let wanted = std::any::type_name::<T>();
            malformed(format!("the value is no `{wanted}`: {}", shorten(&error.to_string())))
        }),
        ResultContent::Error { message: text } => Err(X::documented(text, message)),
        ResultContent::Exception { message: reason, .. } if message.is_rejection() => {
            Err(CallFault::Rejected { reason }.into())
        }
        ResultContent::Exception { message: reason, .. } if message.is_incompatible() => {
            Err(CallFault::Incompatible { reason }.into())
        }
        ResultContent::Exception { name, message: text } => {
            let raised = RemoteException::told(name, text, message);
            Err(CallFault::Exception(Box::new(raised)).into())
        }
    }
}

impl<T, X> Future for Call<T, X>
where
    T: DeserializeOwned + Send + 'static,
    X: CallOutcome,
{
    type Output = Result<T, X>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Ready(request) => {
                    self.state = State::Running(match self.on_progress.take() {
                        Some(heard) => Box::pin(run_with_progress(request, heard)),
                        None => start(request),
                    });
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

impl<T, X> fmt::Debug for Call<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
