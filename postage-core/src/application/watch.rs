//! Applications that come and go.

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::commands::ApplicationCommandsProducer;
use super::directory::Applications;
use super::running::{OFFLINE, ONLINE};
use super::start::check_name;
use crate::error::CallFault;
use crate::headers;
use crate::link::{Link, SERVED_AGAIN_WITHIN};
use crate::message::{Fingerprint, Message};
use crate::pauses::Pauses;
use crate::producer::Answered;
use crate::topology::{APPLICATIONS, Address, FieldValue};
use crate::transport::{BoxFuture, Delivery, Subscription, TransportError};

/// How often a watch looks who is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a look waits for answers.
const LOOK_FOR: Duration = Duration::from_millis(500);

/// How many changes may wait for the one who watches; more make the watch wait.
const MOST_CHANGES: usize = 256;

/// How many applications a watch knows at once. Whoever may send can say that one is there.
const MOST_KNOWN: usize = 10_000;

/// How many of the silent are asked at once whether they are still there.
const ASKED_AT_ONCE: usize = 32;

/// How often in a row the broker may refuse to let the news be heard.
const MOST_REFUSALS: u32 = 5;

/// How long a text of a fingerprint that is in no address may be.
const LONGEST_TEXT: usize = 255;

/// An application came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It was there before anybody told so.
    Found(Fingerprint),
    /// It says that it has started.
    Started(Fingerprint),
    /// It says that it has stopped.
    Stopped(Fingerprint),
    /// It has gone without a word: killed, or cut off.
    Vanished(Fingerprint),
}

/// Applications that come and go, as they do, made by [`Applications::watch`]. Dropping it ends
/// the watch.
#[derive(Debug)]
pub struct Watch {
    changes: mpsc::Receiver<Change>,
    error: Arc<OnceLock<TransportError>>,
    task: JoinHandle<()>,
}

impl Watch {
    pub(super) fn of(applications: Applications) -> Self {
        let (sender, changes) = mpsc::channel(MOST_CHANGES);
        let error = Arc::new(OnceLock::new());
        let watcher = Watcher::new(applications, sender);
        Self { changes, error: Arc::clone(&error), task: tokio::spawn(watcher.run(error)) }
    }

    /// The next change; `None` when the watch has ended: the broker was closed, or it refuses to let
    /// the news be heard. [`Watch::error`] says which. Cancel-safe.
    pub async fn next(&mut self) -> Option<Change> {
        self.changes.recv().await
    }

    /// Why the watch has ended; `None` while it goes on.
    #[must_use]
    pub fn error(&self) -> Option<&TransportError> {
        self.error.get()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Who has an address.
#[derive(Clone, Debug)]
struct Known {
    fingerprint: Fingerprint,
    /// Which of its starts this is: after another the fingerprint may be the same. Not every
    /// application says so.
    start: Option<String>,
}

impl Known {
    /// One that can have an address of its own.
    fn new(fingerprint: Fingerprint, start: Option<&FieldValue>) -> Option<Self> {
        let Fingerprint { name, kind, pid, host, user, vhost } = &fingerprint;
        let addressed = [name, host, pid].iter().all(|part| check_name("part", part).is_ok());
        let vhost = vhost.as_deref().unwrap_or_default();
        let others = [kind, user, vhost].iter().all(|text| text.len() <= LONGEST_TEXT);
        let sound = addressed && others;
        let start = start.and_then(FieldValue::as_str).filter(|id| id.len() <= LONGEST_TEXT);
        let start = start.map(ToOwned::to_owned);
        sound.then_some(Self { fingerprint, start })
    }

    fn address(&self) -> Address {
        Address::unique(&self.fingerprint)
    }

    /// Whether both are one application, started once.
    fn is(&self, other: &Self) -> bool {
        let started_twice = matches!((&self.start, &other.start), (Some(a), Some(b)) if a != b);
        self.fingerprint == other.fingerprint && !started_twice
    }
}

/// The task of a watch.
struct Watcher {
    applications: Applications,
    known: HashMap<Address, Known>,
    /// Who has stopped since the last look began, by address and start: an answer of before may
    /// come after.
    stopped: HashSet<(Address, Option<String>)>,
    /// When the connection was made again, after a loss.
    back: Option<Instant>,
    changes: mpsc::Sender<Change>,
}

/// Nobody watches any more.
struct Unwatched;

/// A look at who is there, while the news are heard.
enum Look {
    Over,
    /// Everyone was asked.
    Asking(BoxFuture<'static, Vec<Known>>),
    /// Those who were silent are asked one by one.
    Missing(BoxStream<'static, Known>),
}

/// What a look has seen.
enum Seen {
    There(Vec<Known>),
    Gone(Known),
}

impl Look {
    /// What it sees next; nothing when it is over. Cancel-safe.
    async fn next(&mut self) -> Seen {
        match self {
            Self::Over => {}
            Self::Asking(answers) => {
                let there = answers.await;
                *self = Self::Over;
                return Seen::There(there);
            }
            Self::Missing(gone) => match gone.next().await {
                Some(gone) => return Seen::Gone(gone),
                None => *self = Self::Over,
            },
        }
        pending().await
    }
}

impl Watcher {
    fn new(applications: Applications, changes: mpsc::Sender<Change>) -> Self {
        let (known, stopped) = (HashMap::new(), HashSet::new());
        Self { applications, known, stopped, back: None, changes }
    }

    async fn run(mut self, ended: Arc<OnceLock<TransportError>>) {
        if let Err(error) = self.watch_on().await {
            // It ends once.
            drop(ended.set(error));
        }
    }

    /// Watches over losses of the connection, until nobody watches any more.
    async fn watch_on(&mut self) -> Result<(), TransportError> {
        let link = Arc::clone(self.applications.link());
        let (mut pauses, mut refusals) = (Pauses::new(), 0);
        loop {
            let session = link.session();
            let lost = match link.listen(APPLICATIONS, Address::news().key().to_owned()).await {
                Ok((_, mut news)) => {
                    (pauses, refusals) = (Pauses::new(), 0);
                    match self.watch(&link, &mut news).await {
                        Ok(lost) => lost,
                        Err(Unwatched) => return Ok(()),
                    }
                }
                Err(error) => error,
            };
            if let TransportError::Disconnected { .. } = lost {
                link.after_loss(session, lost).await?;
                self.back = Some(Instant::now());
            } else {
                refusals += 1;
                tracing::warn!(error = %lost, refusals, "who comes and goes cannot be heard");
                if refusals == MOST_REFUSALS {
                    return Err(lost);
                }
            }
            sleep(pauses.next()).await;
        }
    }

    /// Watches until the news are lost.
    async fn watch(
        &mut self,
        link: &Link,
        news: &mut Subscription,
    ) -> Result<TransportError, Unwatched> {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = Look::Over;
        loop {
            tokio::select! {
                biased;
                heard = news.next() => match heard {
                    Ok(Some(delivery)) => self.hear(link, &delivery).await?,
                    Ok(None) => {
                        let reason = "the consumer of the news ended".to_owned();
                        return Ok(TransportError::Disconnected { reason });
                    }
                    Err(lost) => return Ok(lost),
                },
                // Those that have stopped since have said so: the news come first.
                seen = look.next() => match seen {
                    Seen::There(there) => look = self.find(there).await?,
                    Seen::Gone(gone) => self.miss(gone).await?,
                },
                _ = looks.tick(), if matches!(look, Look::Over) => {
                    self.stopped.clear();
                    look = Look::Asking(Box::pin(ask(self.applications.commands().clone())));
                }
            }
        }
    }

    async fn hear(&mut self, link: &Link, delivery: &Delivery) -> Result<(), Unwatched> {
        let Some((status, who)) = read(link, delivery) else { return Ok(()) };
        match &*status {
            ONLINE => self.note(who, Change::Started).await,
            OFFLINE => {
                let address = who.address();
                if self.stopped.len() < MOST_KNOWN {
                    self.stopped.insert((address.clone(), who.start.clone()));
                }
                if self.known.get(&address).is_none_or(|known| !known.is(&who)) {
                    return Ok(());
                }
                self.known.remove(&address);
                self.tell(Change::Stopped(who.fingerprint)).await
            }
            _ => Ok(()),
        }
    }

    /// Notes those who answered, and answers how to go on: those who were known and are silent may
    /// have gone.
    async fn find(&mut self, there: Vec<Known>) -> Result<Look, Unwatched> {
        let mut silent = self.known.clone();
        for one in there {
            let address = one.address();
            silent.remove(&address);
            if !self.stopped.contains(&(address, one.start.clone())) {
                self.note(one, Change::Found).await?;
            }
        }
        if silent.is_empty() || self.back.is_some_and(|back| back.elapsed() < SERVED_AGAIN_WITHIN) {
            return Ok(Look::Over);
        }
        Ok(Look::Missing(missing(self.applications.commands().clone(), silent).boxed()))
    }

    /// Misses one who has gone, unless it has come again meanwhile.
    async fn miss(&mut self, gone: Known) -> Result<(), Unwatched> {
        let address = gone.address();
        if self.known.get(&address).is_none_or(|known| !known.is(&gone)) {
            return Ok(());
        }
        self.known.remove(&address);
        self.tell(Change::Vanished(gone.fingerprint)).await
    }

    /// Notes who has the address now. It may have been another's, who has gone since.
    async fn note(
        &mut self,
        who: Known,
        change: fn(Fingerprint) -> Change,
    ) -> Result<(), Unwatched> {
        let address = who.address();
        if let Some(known) = self.known.get_mut(&address).filter(|known| known.is(&who)) {
            known.start = known.start.take().or(who.start);
            return Ok(());
        }
        if self.known.len() >= MOST_KNOWN && !self.known.contains_key(&address) {
            tracing::warn!(%address, "an application is not watched: too many are known");
            return Ok(());
        }
        let fingerprint = who.fingerprint.clone();
        if let Some(gone) = self.known.insert(address, who) {
            self.tell(Change::Vanished(gone.fingerprint)).await?;
        }
        self.tell(change(fingerprint)).await
    }

    async fn tell(&self, change: Change) -> Result<(), Unwatched> {
        self.changes.send(change).await.map_err(|_| Unwatched)
    }
}

/// Asks everyone, and answers who is there.
async fn ask(commands: ApplicationCommandsProducer) -> Vec<Known> {
    let mut answers = commands.ping().to(Address::everyone()).answers(LOOK_FOR);
    let mut there = Vec::new();
    while let Some(Answered { from, start, result }) = answers.next().await {
        match result {
            Ok(fingerprint) if there.len() < MOST_KNOWN => {
                there.extend(Known::new(fingerprint, start.as_ref()));
            }
            Ok(_) => {}
            // What is wrong with the connection shows by the news.
            Err(fault) => tracing::debug!(?from, %fault, "an answer to a look was left out"),
        }
    }
    there
}

/// Those of the silent who have gone.
fn missing(
    commands: ApplicationCommandsProducer,
    silent: HashMap<Address, Known>,
) -> impl stream::Stream<Item = Known> + Send {
    let asked = stream::iter(silent).map(move |(address, who)| {
        let ping = commands.ping().to(address).timeout(LOOK_FOR).max_retry(0);
        async move { has_gone(&ping.await).then_some(who) }
    });
    asked.buffer_unordered(ASKED_AT_ONCE).filter_map(std::future::ready)
}

/// Whether nobody has the address that this is the answer of: its queue goes with its application.
fn has_gone(answer: &Result<Fingerprint, CallFault>) -> bool {
    matches!(
        answer,
        Err(CallFault::Unroutable { .. }
            | CallFault::Encode(_)
            | CallFault::Transport(TransportError::Refused { .. }))
    )
}

fn read(link: &Link, delivery: &Delivery) -> Option<(String, Known)> {
    let (_, json) = link.open(delivery).ok()?;
    let message = Message::from_json(&json).ok()?;
    if message.kind() != "status" {
        return None;
    }
    let who = Known::new(message.fingerprint()?, delivery.properties.header(headers::START))?;
    Some((message.name().to_owned(), who))
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::panic)]
mod tests;
