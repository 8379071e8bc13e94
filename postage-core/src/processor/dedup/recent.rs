//! The store that a service has by itself: what it handled lately, in memory.

use std::collections::hash_map::RandomState;
use std::future::poll_fn;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use hashbrown::HashTable;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::handled::{Handled, size};
use super::{Answer, Claim, DedupStore};
use crate::transport::BoxFuture;

/// The messages handled lately, in memory, bounded in number, age and bytes.
///
/// By default these are 100,000 messages, 5 min and 64 MiB, whichever is reached first; the oldest is
/// forgotten then. A call may be repeated for 2.5 min, unless set otherwise. So a service that
/// answers 500 calls a second must remember 75,000; 64 MiB have room for 100,000 with answers of 400
/// bytes, since each takes 130 bytes beside its id and its answer. Memory is taken as messages come,
/// 64 KiB at once.
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
    /// Peers choose the ids: whoever does not know the keys of this cannot make them collide.
    hashes: RandomState,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    running: HashTable<Run>,
    handled: Handled,
}

/// A message that is handled now.
#[derive(Debug)]
struct Run {
    hash: u64,
    id: Box<str>,
    /// Its end wakes those who wait for it, the first to come first; nothing before there are any.
    end: Option<Arc<Notify>>,
}

impl Run {
    fn is(&self, hash: u64, id: &str) -> bool {
        self.hash == hash && *self.id == *id
    }

    fn end(&mut self) -> OwnedNotified {
        Arc::clone(self.end.get_or_insert_default()).notified_owned()
    }

    /// Wakes those who wait.
    fn has_ended(&self) {
        self.end.iter().for_each(|end| end.notify_waiters());
    }
}

impl RecentMessages {
    /// Remembers this many messages at most, for 5 min, in 64 MiB, unless set.
    #[must_use]
    pub fn new(messages: usize) -> Self {
        Self {
            messages: messages.min(u32::MAX as usize),
            age: Duration::from_secs(300),
            bytes: 64 * 1024 * 1024,
            hashes: RandomState::new(),
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

    /// How many bytes the messages may take: each takes 130, its id, and its answer. One that would
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
    fn claimed(&self, id: &str) -> Result<Claim, OwnedNotified> {
        let hash = self.hashes.hash_one(id);
        let mut known = self.known();
        if let Some(answer) = known.answer(hash, id, self.age) {
            return Ok(Claim::Handled(answer));
        }
        match known.running.find_mut(hash, |run| run.is(hash, id)) {
            Some(run) => Err(run.end()),
            None => {
                let run = Run { hash, id: id.into(), end: None };
                known.running.insert_unique(hash, run, |run| run.hash);
                Ok(Claim::New)
            }
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
    /// What was answered to the message of this id, where it was handled and is not too old. Who is
    /// new, as nearly all are, needs no clock.
    fn answer(&mut self, hash: u64, id: &str, age: Duration) -> Option<Option<Answer>> {
        if !self.handled.has(hash, id) {
            return None;
        }
        self.handled.forget_old(Instant::now(), age);
        self.handled.answer(hash, id)
    }

    /// Takes out the one that runs under this id, if one does.
    fn ended(&mut self, hash: u64, id: &str) -> Option<Run> {
        let entry = self.running.find_entry(hash, |run| run.is(hash, id)).ok()?;
        Some(entry.remove().0)
    }
}

impl DedupStore for RecentMessages {
    fn claim<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Claim> {
        Box::pin(async move {
            loop {
                match self.claimed(id) {
                    Ok(claim) => return claim,
                    Err(end) => end.await,
                }
            }
        })
    }

    fn try_claim(&self, id: &str) -> Option<Claim> {
        self.claimed(id).ok()
    }

    fn remember<'a>(&'a self, id: &'a str, answer: Option<Answer>) -> BoxFuture<'a, ()> {
        // One that has no room at all is not remembered, and the others are.
        if size(id, answer.as_ref()) > self.bytes {
            self.release(id);
        } else {
            let (hash, now) = (self.hashes.hash_one(id), Instant::now());
            let mut known = self.known();
            let ended = known.ended(hash, id);
            let handled = &mut known.handled;
            handled.forget_old(now, self.age);
            handled.add(now, hash, id, answer);
            while handled.len() > self.messages || handled.bytes() > self.bytes {
                handled.forget_oldest();
            }
            drop(known);
            ended.iter().for_each(Run::has_ended);
        }
        // A box of nothing costs nothing.
        Box::pin(poll_fn(|_| Poll::Ready(())))
    }

    fn release(&self, id: &str) {
        let hash = self.hashes.hash_one(id);
        let ended = self.known().ended(hash, id);
        ended.iter().for_each(Run::has_ended);
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use bytes::Bytes;
    use futures_util::{FutureExt, StreamExt};

    use super::*;
    use crate::processor::dedup::Claimed;
    use crate::processor::dedup::handled::PLACE;

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
        let recent = RecentMessages::default();
        assert_eq!(recent.claim("a").await, Claim::New);
        let mut second = recent.claim("a");
        assert!((&mut second).now_or_never().is_none());
        drop(Claimed::new(&recent, "a".into()));
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
        assert_eq!(recent.known().handled.len(), 9);
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
        assert_eq!(recent.known().handled.bytes(), size("b", None));
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
        assert_eq!(recent.known().handled.bytes(), 0);
    }
}
