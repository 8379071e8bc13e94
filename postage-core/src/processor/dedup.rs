//! A message that comes again under its id is not handled again: a call is answered from memory.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use crate::transport::BoxFuture;

/// Remembers which messages were handled, and what calls were answered, by their ids.
///
/// A service claims the id of a message before its handlers run, and says afterwards what was
/// answered, or that another may handle it. The default is [`RecentMessages`], which lives and dies
/// with the service; one in an [`Arc`] can be shared by several, and a store of your own can last.
pub trait DedupStore: fmt::Debug + Send + Sync + 'static {
    /// Claims an id. While another has claimed it, this waits for what becomes of that.
    ///
    /// Cancel-safe: a future that is dropped has claimed nothing.
    fn claim<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Claim>;

    /// The message of this id was handled, and this was answered.
    fn remember<'a>(&'a self, id: &'a str, answer: Option<Answer>) -> BoxFuture<'a, ()>;

    /// The message of this id was not handled to its end: it may be claimed again.
    fn release(&self, id: &str);
}

impl<S: DedupStore + ?Sized> DedupStore for Arc<S> {
    fn claim<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Claim> {
        (**self).claim(id)
    }

    fn remember<'a>(&'a self, id: &'a str, answer: Option<Answer>) -> BoxFuture<'a, ()> {
        (**self).remember(id, answer)
    }

    fn release(&self, id: &str) {
        (**self).release(id);
    }
}

/// What becomes of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// The message is new, and now the claimant's to handle.
    New,
    /// The message was handled before, and this was answered.
    Handled(Option<Answer>),
}

/// What a call was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The content type of the body.
    pub content_type: Cow<'static, str>,
    /// The body of the reply.
    pub body: Bytes,
}

/// What a remembered message takes beside its id and its answer, in bytes: its places in two
/// collections and what is allocated for it, as measured with 100,000 of them.
const PLACE: usize = 300;

/// The messages handled lately, in memory, bounded in number, age and bytes.
///
/// By default these are 100,000 messages, 5 min and 64 MiB, whichever is reached first; the oldest is
/// forgotten then. A call may be repeated for 2.5 min, unless set otherwise. So a service that
/// answers 500 calls a second must remember 75,000; 64 MiB have room for 85,000 with answers of 400
/// bytes, since each takes 300 bytes beside its id and its answer. Memory is taken as messages come.
///
/// ```
/// use std::time::Duration;
/// use postage_core::RecentMessages;
///
/// let an_hour = RecentMessages::new(1_000).age(Duration::from_secs(3600));
/// ```
#[derive(Debug)]
pub struct RecentMessages {
    messages: usize,
    age: Duration,
    bytes: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_id: HashMap<Arc<str>, Entry>,
    /// The handled ones, the oldest first.
    handled: VecDeque<(Instant, Arc<str>)>,
    /// How many bytes these take.
    bytes: usize,
}

#[derive(Debug)]
enum Entry {
    Running(Runs),
    Handled(Option<Answer>),
}

/// A message that is handled now.
#[derive(Debug)]
struct Runs {
    id: Arc<str>,
    /// Its end wakes those who wait for it, the first to come first; nothing before there are any.
    end: Option<Arc<Notify>>,
}

impl Runs {
    fn end(&mut self) -> OwnedNotified {
        Arc::clone(self.end.get_or_insert_default()).notified_owned()
    }

    /// Wakes those who wait, and answers the id.
    fn has_ended(&self) -> Arc<str> {
        self.end.iter().for_each(|end| end.notify_waiters());
        Arc::clone(&self.id)
    }
}

impl RecentMessages {
    /// Remembers this many messages at most, for 5 min, in 64 MiB, unless set.
    #[must_use]
    pub fn new(messages: usize) -> Self {
        Self {
            messages,
            age: Duration::from_secs(300),
            bytes: 64 * 1024 * 1024,
            known: Mutex::default(),
        }
    }

    /// How long a message is remembered. It should be longer than a call goes on, which is 2.5 min
    /// unless set.
    #[must_use]
    pub const fn age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// How many bytes the messages may take: each takes 300, its id, and its answer. One that would
    /// take more alone is not remembered.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One try at a claim; else what to wait for.
    fn try_claim(&self, id: &str) -> Result<Claim, OwnedNotified> {
        let mut known = self.known();
        known.forget_old(Instant::now(), self.age);
        match known.by_id.get_mut(id) {
            None => {
                let id: Arc<str> = id.into();
                let runs = Runs { id: Arc::clone(&id), end: None };
                known.by_id.insert(id, Entry::Running(runs));
                Ok(Claim::New)
            }
            Some(Entry::Handled(answer)) => Ok(Claim::Handled(answer.clone())),
            Some(Entry::Running(runs)) => Err(runs.end()),
        }
    }
}

impl Default for RecentMessages {
    /// 100,000 messages.
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl Known {
    fn remember(&mut self, id: &str, answer: Option<Answer>) {
        self.bytes += size(id, answer.as_ref());
        let handled = Entry::Handled(answer);
        let id = match self.by_id.get_mut(id) {
            Some(entry) => match std::mem::replace(entry, handled) {
                Entry::Running(runs) => runs.has_ended(),
                Entry::Handled(before) => {
                    // It was said twice.
                    self.bytes -= size(id, before.as_ref());
                    id.into()
                }
            },
            None => {
                let id: Arc<str> = id.into();
                self.by_id.insert(Arc::clone(&id), handled);
                id
            }
        };
        self.handled.push_back((Instant::now(), id));
    }

    fn forget_old(&mut self, now: Instant, age: Duration) {
        while self.handled.front().is_some_and(|(since, _)| now.duration_since(*since) >= age) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, id)) = self.handled.pop_front() else { return };
        if let Some(Entry::Handled(answer)) = self.by_id.remove(&id) {
            self.bytes -= size(&id, answer.as_ref());
        }
    }
}

fn size(id: &str, answer: Option<&Answer>) -> usize {
    let answer = answer.map_or(0, |answer| answer.content_type.len() + answer.body.len());
    PLACE + id.len() + answer
}

impl DedupStore for RecentMessages {
    fn claim<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Claim> {
        Box::pin(async move {
            loop {
                match self.try_claim(id) {
                    Ok(claim) => return claim,
                    Err(end) => end.await,
                }
            }
        })
    }

    fn remember<'a>(&'a self, id: &'a str, answer: Option<Answer>) -> BoxFuture<'a, ()> {
        // One that has no room at all is not remembered, and the others are.
        if size(id, answer.as_ref()) > self.bytes {
            self.release(id);
        } else {
            let mut known = self.known();
            known.remember(id, answer);
            while known.handled.len() > self.messages || known.bytes > self.bytes {
                known.forget_oldest();
            }
        }
        // A box of nothing costs nothing.
        Box::pin(poll_fn(|_| Poll::Ready(())))
    }

    fn release(&self, id: &str) {
        let mut known = self.known();
        if let Some(Entry::Running(runs)) = known.by_id.get_mut(id) {
            drop(runs.has_ended());
            known.by_id.remove(id);
        }
    }
}

/// A claimed id, released when it is dropped before it is said that the message was handled.
#[derive(Debug)]
pub(super) struct Claimed {
    store: Arc<dyn DedupStore>,
    id: Box<str>,
    open: bool,
}

impl Claimed {
    pub(super) const fn new(store: Arc<dyn DedupStore>, id: Box<str>) -> Self {
        Self { store, id, open: true }
    }

    /// The message was handled, and this was answered.
    pub(super) fn remember(&mut self, answer: Option<Answer>) -> BoxFuture<'_, ()> {
        self.open = false;
        self.store.remember(&self.id, answer)
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if self.open {
            self.store.release(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    fn answer(text: &'static str) -> Option<Answer> {
        Some(Answer { content_type: "application/json".into(), body: text.into() })
    }

    #[tokio::test]
    async fn an_id_is_new_once_and_then_answered_from_memory() {
        let recent = RecentMessages::default();
        assert_eq!(recent.claim("a").await, Claim::New);
        recent.remember("a", answer("1")).await;
        assert_eq!(recent.claim("a").await, Claim::Handled(answer("1")));
        assert_eq!(recent.claim("b").await, Claim::New);
    }

    #[tokio::test]
    async fn who_claims_what_another_handles_waits_for_its_end() {
        let recent = RecentMessages::default();
        assert_eq!(recent.claim("a").await, Claim::New);
        let mut second = recent.claim("a");
        assert!((&mut second).now_or_never().is_none());
        recent.remember("a", answer("1")).await;
        assert_eq!(second.await, Claim::Handled(answer("1")));
    }

    #[tokio::test]
    async fn what_was_released_or_dropped_is_new_again() {
        let recent = Arc::new(RecentMessages::default());
        assert_eq!(recent.claim("a").await, Claim::New);
        let mut second = recent.claim("a");
        assert!((&mut second).now_or_never().is_none());
        drop(Claimed::new(Arc::clone(&recent) as _, "a".into()));
        assert_eq!(second.await, Claim::New);
    }

    #[tokio::test]
    async fn those_who_wait_for_an_id_get_it_in_turn() {
        let recent = RecentMessages::default();
        assert_eq!(recent.claim("a").await, Claim::New);
        let order = Mutex::new(Vec::new());
        let waiter = |number| {
            let (recent, order) = (&recent, &order);
            async move {
                recent.claim("a").await;
                order.lock().unwrap().push(number);
                recent.release("a");
            }
        };
        let mut waiters: futures_util::stream::FuturesUnordered<_> = (0..20).map(waiter).collect();
        assert!(waiters.next().now_or_never().is_none());
        recent.release("a");
        while waiters.next().await.is_some() {}
        assert!(order.lock().unwrap().iter().copied().eq(0..20), "{order:?}");
    }

    #[tokio::test]
    async fn messages_without_an_answer_are_bounded_in_bytes_too() {
        let recent = RecentMessages::default().bytes(10 * PLACE);
        for number in 0..100 {
            let id = number.to_string();
            recent.claim(&id).await;
            recent.remember(&id, None).await;
        }
        assert_eq!(recent.known().by_id.len(), 9);
        assert_eq!(recent.claim("99").await, Claim::Handled(None));
    }

    #[tokio::test]
    async fn an_answer_larger_than_all_the_room_is_not_remembered_and_the_others_are() {
        let recent = RecentMessages::default().bytes(10 * PLACE);
        recent.claim("a").await;
        recent.remember("a", answer("1")).await;
        recent.claim("b").await;
        let body = Bytes::from(vec![b'1'; 10 * PLACE]);
        recent.remember("b", Some(Answer { content_type: Cow::default(), body })).await;
        assert_eq!(recent.claim("a").await, Claim::Handled(answer("1")));
        assert_eq!(recent.claim("b").await, Claim::New);
    }

    #[tokio::test]
    async fn what_is_remembered_twice_counts_once() {
        let recent = RecentMessages::new(1);
        recent.remember("a", answer("12345")).await;
        recent.remember("a", answer("1")).await;
        recent.remember("b", None).await;
        assert_eq!(recent.known().bytes, size("b", None));
    }

    #[tokio::test(start_paused = true)]
    async fn number_age_and_bytes_are_bounded() {
        let place = size("a", answer("").as_ref());
        let recent = RecentMessages::new(2).age(Duration::from_secs(10)).bytes(2 * place + 6);
        for id in ["a", "b", "c"] {
            recent.claim(id).await;
            recent.remember(id, answer("12")).await;
        }
        assert_eq!(recent.claim("a").await, Claim::New);
        assert_eq!(recent.claim("b").await, Claim::Handled(answer("12")));
        recent.remember("a", answer("12345")).await;
        assert_eq!(recent.claim("c").await, Claim::New, "the bytes of `a` need its place");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(recent.claim("b").await, Claim::New);
        assert_eq!(recent.claim("a").await, Claim::New);
        assert_eq!(recent.known().bytes, 0);
    }
}
