use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use futures_util::{Stream, StreamExt, stream};
use serde::de::DeserializeOwned;

use super::attempt::Request;
use super::call::start;
use super::statuses::Statuses;
use crate::error::{CallFault, CallOutcome};
use crate::headers;
use crate::link::Link;
use crate::message::{Progress, Status};
use crate::topology::FieldValue;
use crate::transport::{BoxFuture, Delivery};

/// What becomes of a call, from its acceptance to its end; made by
/// [`Call::events`](crate::Call::events).
///
/// The order is always the same: accepted and started at most once each, any number of progresses,
/// and at last the end, which always comes, after all that the service said before it. Who is slow
/// to look sees the newest progress, not all. One may be repeated, and where a service begins anew,
/// since another died or failed, progress goes back. Dropping it gives the call up, as dropping the
/// call does.
///
/// A call to an [`Address`](crate::Address) that several have hears of all of them, mixed, until the
/// first answers, and nobody stops the others then: for long work ask one of them, in turn.
#[must_use = "nothing is sent before it is polled"]
pub struct Events<T, X = CallFault> {
    events: Pin<Box<dyn Stream<Item = Event<T, X>> + Send>>,
    item: PhantomData<fn() -> (T, X)>,
}

/// What a caller hears of its call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<T, X = CallFault> {
    /// A service has the request, and will begin when it is its turn.
    Accepted,
    /// Its handler has begun.
    Started,
    /// The handler says how far it has come.
    Progress(Progress),
    /// The call has ended. No event comes after this one.
    Ended(Result<T, X>),
}

impl<T, X> Events<T, X>
where
    T: DeserializeOwned + Send + 'static,
    X: CallOutcome,
{
    pub(super) fn new(request: Box<Request>) -> Self {
        let watched = Watched::new(request);
        Self { events: stream::unfold(watched, next).boxed(), item: PhantomData }
    }

    pub(super) fn under_way() -> Self {
        let ended = Event::Ended(Err(CallFault::UnderWay.into()));
        Self { events: stream::once(std::future::ready(ended)).boxed(), item: PhantomData }
    }

    /// The next event; `None` after the end. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event<T, X>> {
        self.events.next().await
    }
}

/// Makes a call, and hands each progress on.
pub(super) async fn run_with_progress<T, X>(
    request: Box<Request>,
    mut on_progress: Box<dyn FnMut(Progress) + Send>,
) -> Result<T, X>
where
    T: DeserializeOwned + Send + 'static,
    X: CallOutcome,
{
    let mut watched = Watched::new(request);
    loop {
        match watched.next().await {
            Event::Progress(progress) => on_progress(progress),
            Event::Ended(result) => return result,
            Event::Accepted | Event::Started => {}
        }
    }
}

async fn next<T, X>(mut watched: Watched<T, X>) -> Option<(Event<T, X>, Watched<T, X>)> {
    if watched.over {
        return None;
    }
    let event = watched.next().await;
    Some((event, watched))
}

/// A call under way with its statuses.
struct Watched<T, X> {
    link: Arc<Link>,
    statuses: Arc<Statuses>,
    answer: BoxFuture<'static, Result<T, X>>,
    /// The answer, once it is here. What was said before it comes before it.
    ended: Option<Result<T, X>>,
    over: bool,
    heard: Heard,
}

impl<T, X> Watched<T, X> {
    fn new(mut request: Box<Request>) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        X: CallOutcome,
    {
        request.outgoing.properties.set_header(headers::STATUSES, true);
        let statuses = Arc::clone(request.statuses.get_or_insert_default());
        let link = Arc::clone(&request.outgoing.link);
        let answer = Box::pin(async move { start(request).await });
        Self { link, statuses, answer, ended: None, over: false, heard: Heard::default() }
    }

    /// The next event. After the end it waits for ever. Cancel-safe.
    async fn next(&mut self) -> Event<T, X> {
        loop {
            if let Some(news) = self.heard.next() {
                return news.into();
            }
            if let Some(status) = self.statuses.take() {
                self.heard.hear(&self.link, &status);
                continue;
            }
            if let Some(result) = self.ended.take() {
                self.over = true;
                return Event::Ended(result);
            }
            tokio::select! {
                biased;
                result = &mut self.answer, if !self.over => self.ended = Some(result),
                () = self.statuses.more() => {}
            }
        }
    }
}

/// What was heard of the service, put in order: who has started was accepted, and a service that
/// begins anew, after a loss or on a retry, does not say so twice.
#[derive(Debug, Default)]
struct Heard {
    reached: Stage,
    news: VecDeque<News>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
enum Stage {
    #[default]
    Sent,
    Accepted,
    Started,
}

#[derive(Debug)]
enum News {
    Accepted,
    Started,
    Progress(Progress),
}

impl Heard {
    fn next(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    fn hear(&mut self, link: &Link, status: &Delivery) {
        let data = status.properties.header(headers::DATA).and_then(FieldValue::as_str);
        let read = link.open(status).map_err(|error| error.to_string());
        let read = read.and_then(|(_, json)| Status::read(&json, data).map_err(|e| e.to_string()));
        match read {
            Ok(Status::Accepted) => self.reach(Stage::Accepted),
            Ok(Status::Started) => self.reach(Stage::Started),
            Ok(Status::Progress(progress)) => {
                self.reach(Stage::Started);
                self.news.push_back(News::Progress(progress));
            }
            Ok(Status::Other) => {}
            Err(reason) => tracing::debug!(%reason, "a status that cannot be read is passed over"),
        }
    }

    fn reach(&mut self, stage: Stage) {
        if self.reached < Stage::Accepted && stage >= Stage::Accepted {
            self.news.push_back(News::Accepted);
        }
        if self.reached < Stage::Started && stage >= Stage::Started {
            self.news.push_back(News::Started);
        }
        if self.reached < stage {
            self.reached = stage;
        }
    }
}

impl<T, X> From<News> for Event<T, X> {
    fn from(news: News) -> Self {
        match news {
            News::Accepted => Self::Accepted,
            News::Started => Self::Started,
            News::Progress(progress) => Self::Progress(progress),
        }
    }
}

impl<T, X> Stream for Events<T, X> {
    type Item = Event<T, X>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(cx)
    }
}

impl<T, X> fmt::Debug for Events<T, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}
