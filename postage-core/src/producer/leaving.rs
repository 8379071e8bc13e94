//! Calls that are dropped before they are answered, or whose time is up, where the service wants to
//! know; and what services ask about calls.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::cancellation::{CANCELLED, Left, Said};
use crate::link::Link;
use crate::message::EncodeError;
use crate::pauses::Pauses;
use crate::topology::Route;
use crate::transport::{Publication, TransportError};

/// How many words may wait to be said: as many as there are pending calls, unless set.
const MOST_UNSAID: usize = 32_768;

/// How many calls one message tells of.
const MOST_TOGETHER: usize = 100;

/// How long a connection that is closed, or that nobody uses any more, waits for the last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// For how long a service that has asked is to remember that nobody waits for the call. Its copies
/// are asked about again.
const NOT_WANTED_FOR: Duration = Duration::from_secs(60);

/// Says that calls have left, by a task that is started with the first that may.
#[derive(Debug, Default)]
pub(crate) struct Leaving(OnceLock<Teller>);

#[derive(Debug)]
struct Teller {
    unsaid: watch::Sender<Unsaid>,
    /// When it goes, the task says what is left to say, and ends.
    _in_use: DropGuard,
}

/// What is to be said, the oldest first. Only the task takes from it.
#[derive(Debug, Default)]
struct Unsaid {
    words: VecDeque<Word>,
    full: bool,
}

#[derive(Debug)]
enum Word {
    /// Nobody waits for the call of this id; its request may come until then.
    Left { id: String, until: Instant },
    /// To a service that has asked about a call, at this queue.
    Answer { queue: String, id: String, wanted: bool },
}

impl Leaving {
    /// A guard that says so when it is dropped.
    pub(crate) fn guard(&self, link: &Arc<Link>, id: &str) -> Guard {
        Guard {
            unsaid: self.teller(link).unsaid.clone(),
            id: id.to_owned(),
            until: Instant::now(),
            staying: Staying::default(),
        }
    }

    fn teller(&self, link: &Arc<Link>) -> &Teller {
        self.0.get_or_init(|| {
            let (unsaid, in_use) = (watch::Sender::default(), CancellationToken::new());
            tokio::spawn(run(Arc::clone(link), unsaid.clone(), in_use.clone()));
            Teller { unsaid, _in_use: in_use.drop_guard() }
        })
    }

    /// Waits until the services are told of all that have left so far, for a second at most.
    pub(crate) async fn last_words(&self) {
        if let Some(teller) = self.0.get() {
            all_is_said(&teller.unsaid).await;
        }
    }
}

async fn all_is_said(unsaid: &watch::Sender<Unsaid>) {
    let mut seen = unsaid.subscribe();
    drop(timeout(LAST_WORDS, seen.wait_for(|unsaid| unsaid.words.is_empty())).await);
}

/// Answers services that ask whether a call is waited for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) link: Arc<Link>,
    pub(super) leaving: Arc<Leaving>,
}

impl Asked {
    /// To the queue that asked about the call of this id.
    pub(super) fn answer(&self, queue: &str, id: &str, wanted: bool) {
        let word = Word::Answer { queue: queue.to_owned(), id: id.to_owned(), wanted };
        say(&self.leaving.teller(&self.link).unsaid, word);
    }
}

/// Says that its call has left, unless it is told not to.
#[derive(Debug)]
pub(crate) struct Guard {
    unsaid: watch::Sender<Unsaid>,
    id: String,
    until: Instant,
    staying: Staying,
}

/// Whether the answer is wanted whatever becomes of the call here.
#[derive(Clone, Debug, Default)]
pub(super) struct Staying(Arc<AtomicBool>);

impl Staying {
    pub(super) fn set(&self, staying: bool) {
        self.0.store(staying, Ordering::Relaxed);
    }
}

impl Guard {
    /// Until when the request may come to a service.
    pub(super) fn matters_until(&mut self, until: Instant) {
        self.until = until;
    }

    /// Whether it says nothing when it is dropped; that may change until then.
    pub(super) const fn staying(&self) -> &Staying {
        &self.staying
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.staying.0.load(Ordering::Relaxed) {
            let id = std::mem::take(&mut self.id);
            say(&self.unsaid, Word::Left { id, until: self.until });
        }
    }
}

/// Adds a word. One that finds no room is left out: handlers end with the whole call's time then.
fn say(unsaid: &watch::Sender<Unsaid>, word: Word) {
    unsaid.send_if_modified(|unsaid| {
        if unsaid.words.len() < MOST_UNSAID {
            unsaid.words.push_back(word);
            return true;
        }
        if !std::mem::replace(&mut unsaid.full, true) {
            tracing::warn!(
                waiting = MOST_UNSAID,
                "services are not told of all callers that leave: too many wait to be told"
            );
        }
        false
    });
}

impl Unsaid {
    /// The next message, and how many words it has.
    fn message(&self, link: &Link) -> Result<(usize, Publication), EncodeError> {
        if let Some(Word::Answer { queue, id, wanted }) = self.words.front() {
            let mut said = Said::default();
            if *wanted {
                said.wanted.push(id.clone());
            } else {
                said.left.push(Left::new(id.clone(), NOT_WANTED_FOR));
            }
            let answer = said.to(Route::to_queue(queue.clone()), link)?;
            return Ok((1, answer.confirm(false)));
        }
        let now = Instant::now();
        let left = self.words.iter().map_while(|word| match word {
            Word::Left { id, until } => {
                Some(Left::new(id.clone(), until.saturating_duration_since(now)))
            }
            Word::Answer { .. } => None,
        });
        let left: Vec<Left> = left.take(MOST_TOGETHER).collect();
        let count = left.len();
        let said = Said { left, ..Said::default() };
        Ok((count, said.to(Route::new(CANCELLED.name().to_owned(), ""), link)?))
    }

    fn said(&mut self, count: usize) {
        self.words.drain(..count);
        self.full &= !self.words.is_empty();
    }

    /// Leaves out what matters no more: after a loss nobody waits for an answer.
    fn forget_old(&mut self) {
        let now = Instant::now();
        self.words.retain(|word| matches!(word, Word::Left { until, .. } if *until > now));
    }
}

/// Says what there is to say, for as long as somebody may add to it, and the rest for a second.
async fn run(link: Arc<Link>, unsaid: watch::Sender<Unsaid>, in_use: CancellationToken) {
    let until_the_end = async {
        in_use.cancelled().await;
        all_is_said(&unsaid).await;
    };
    tokio::select! {
        () = tell(&link, &unsaid) => {}
        () = until_the_end => {}
    }
}

/// Tells the services, over losses of the connection, until it is closed.
async fn tell(link: &Link, unsaid: &watch::Sender<Unsaid>) {
    let (mut seen, mut pauses, mut warned) = (unsaid.subscribe(), Pauses::new(), false);
    // The sender is here, so there is always more to wait for.
    while seen.wait_for(|unsaid| !unsaid.words.is_empty()).await.is_ok() {
        let session = link.session();
        let message = unsaid.borrow().message(link);
        let (count, publication) = match message {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(%error, "services cannot be told that callers have left");
                return;
            }
        };
        let sent = if publication.route.exchange() == CANCELLED.name() {
            link.publish_to(&CANCELLED, || publication.clone()).await
        } else {
            link.publish(publication).await
        };
        match sent {
            Ok(()) => {
                unsaid.send_modify(|unsaid| unsaid.said(count));
                pauses = Pauses::new();
            }
            Err(lost @ TransportError::Disconnected { .. }) => {
                if link.after_loss(session, lost).await.is_err() {
                    return;
                }
                unsaid.send_modify(Unsaid::forget_old);
            }
            Err(error @ TransportError::Refused { .. }) => {
                unsaid.send_modify(|unsaid| unsaid.said(count));
                if !std::mem::replace(&mut warned, true) {
                    tracing::warn!(
                        exchange = CANCELLED.name(),
                        %error,
                        "services cannot be told that callers have left"
                    );
                }
            }
            Err(error) => {
                tracing::debug!(%error, "services could not be told yet that callers have left");
                sleep(pauses.next()).await;
                unsaid.send_modify(Unsaid::forget_old);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::broker::Broker;

    fn left(id: usize) -> Word {
        Word::Left { id: id.to_string(), until: Instant::now() + LAST_WORDS }
    }

    fn answer(id: &str, wanted: bool) -> Word {
        Word::Answer { queue: "asker".to_owned(), id: id.to_owned(), wanted }
    }

    #[tokio::test]
    async fn what_finds_no_room_is_left_out_and_there_is_room_again_when_some_is_said() {
        let unsaid = watch::Sender::new(Unsaid::default());
        for id in 0..MOST_UNSAID + 10 {
            say(&unsaid, left(id));
        }
        assert_eq!(unsaid.borrow().words.len(), MOST_UNSAID);
        unsaid.send_modify(|unsaid| unsaid.said(MOST_TOGETHER));
        say(&unsaid, left(0));
        assert_eq!(unsaid.borrow().words.len(), MOST_UNSAID - MOST_TOGETHER + 1);
    }

    #[tokio::test]
    async fn callers_are_told_of_together_and_each_asker_is_answered_by_itself() {
        let (broker, unsaid) = (Broker::memory(), watch::Sender::new(Unsaid::default()));
        (0..MOST_TOGETHER + 5).for_each(|id| say(&unsaid, left(id)));
        say(&unsaid, answer("a", true));
        say(&unsaid, answer("b", false));
        say(&unsaid, left(0));
        let mut messages = Vec::new();
        while !unsaid.borrow().words.is_empty() {
            let message = unsaid.borrow().message(broker.link());
            let (count, publication) = message.expect("it is said");
            unsaid.send_modify(|unsaid| unsaid.said(count));
            messages.push((count, publication.route.key().to_owned(), publication.confirm));
        }
        let to_all = |count| (count, String::new(), true);
        let to_one = || (1, "asker".to_owned(), false);
        assert_eq!(messages, [to_all(MOST_TOGETHER), to_all(5), to_one(), to_one(), to_all(1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_matters_no_more_is_forgotten_after_a_loss() {
        let unsaid = watch::Sender::new(Unsaid::default());
        say(&unsaid, left(0));
        say(&unsaid, answer("a", true));
        tokio::time::advance(LAST_WORDS / 2).await;
        say(&unsaid, left(1));
        tokio::time::advance(LAST_WORDS * 3 / 4).await;
        unsaid.send_modify(Unsaid::forget_old);
        let of_now =
            unsaid.borrow().words.iter().map(|word| format!("{word:?}")).collect::<String>();
        assert!(of_now.contains(r#"id: "1""#) && unsaid.borrow().words.len() == 1, "{of_now}");
    }
}
