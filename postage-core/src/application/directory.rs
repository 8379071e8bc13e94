//! Who is there.

use std::collections::HashMap;
use std::future::ready;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::commands::ApplicationCommandsProducer;
use super::description::Description;
use super::running::{OFFLINE, ONLINE};
use crate::broker::Broker;
use crate::error::CallFault;
use crate::link::{Link, SERVED_AGAIN_WITHIN};
use crate::message::{Fingerprint, Message};
use crate::pauses::Pauses;
use crate::producer::Answered;
use crate::topology::{APPLICATIONS, Address, Binding, Queue};
use crate::transport::{Delivery, Source, Subscription, TransportError};

/// How often a watch looks who is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a look waits for answers.
const LOOK_FOR: Duration = Duration::from_millis(500);

/// How many changes may wait for the one who watches; more make the watch wait.
const MOST_CHANGES: usize = 256;

/// The applications on a broker, made by [`Broker::applications`].
#[derive(Clone, Debug)]
pub struct Applications {
    broker: Broker,
    commands: ApplicationCommandsProducer,
}

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
    task: JoinHandle<()>,
}

impl Broker {
    /// The applications on this broker, in its virtual host: who is there, who comes and goes.
    /// Those of Python Postage are not among them; they answer
    /// [`ping`](crate::ApplicationCommands::ping) under their names.
    #[must_use]
    pub fn applications(&self) -> Applications {
        let asking = Fingerprint::new("applications", "directory");
        let commands = ApplicationCommandsProducer::new(self, asking);
        Applications { broker: self.clone(), commands }
    }
}

impl Applications {
    /// What each application says of itself, of all that answer within this time: half a second
    /// is long on a local network. They are in the order of their names, hosts and processes.
    ///
    /// # Errors
    /// [`CallFault::Disconnected`], or the broker said no. Nobody there is no error.
    pub async fn list(&self, within: Duration) -> Result<Vec<Description>, CallFault> {
        let everyone = self.commands.describe_application().to(Address::everyone());
        let mut list = present(everyone.answers(within).all().await)?;
        list.sort_by(|one, other| order(&one.fingerprint).cmp(&order(&other.fingerprint)));
        Ok(list)
    }

    /// Watches who comes and goes. Those that are there already are the first changes.
    ///
    /// An application that stops in good order says so at once. One that is killed or cut off is
    /// missed within some two seconds of the broker's noticing: at once where the connection was
    /// closed, as it is by a killed process, and after its heartbeats else. One that is only slow
    /// to answer is not missed.
    ///
    /// A watch goes on over losses of the connection. Nobody is missed in the first ten seconds
    /// after one: others may have lost theirs too, and need a moment longer to be back.
    #[must_use]
    pub fn watch(&self) -> Watch {
        let (sender, changes) = mpsc::channel(MOST_CHANGES);
        let watcher = Watcher {
            applications: self.clone(),
            known: HashMap::new(),
            back: None,
            changes: sender,
        };
        Watch { changes, task: tokio::spawn(watcher.run()) }
    }
}

impl Watch {
    /// The next change; `None` when the broker was closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<Change> {
        self.changes.recv().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn order(fingerprint: &Fingerprint) -> (&str, &str, &str) {
    (&fingerprint.name, &fingerprint.host, &fingerprint.pid)
}

/// The good answers. An answer that cannot be read is that of one application only.
fn present<T>(answers: Vec<Answered<T>>) -> Result<Vec<T>, CallFault> {
    let mut good = Vec::new();
    for Answered { from, result } in answers {
        match result {
            Ok(answer) => good.push(answer),
            Err(CallFault::Unroutable { .. }) => {}
            Err(fault) if from.is_none() => return Err(fault),
            Err(fault) => tracing::warn!(?from, %fault, "an application's answer was left out"),
        }
    }
    Ok(good)
}

/// The task of a watch.
struct Watcher {
    applications: Applications,
    /// By their addresses.
    known: HashMap<Address, Fingerprint>,
    /// When the connection was made again, after a loss.
    back: Option<Instant>,
    changes: mpsc::Sender<Change>,
}

/// Nobody watches any more.
struct Unwatched;

impl Watcher {
    /// Watches over losses of the connection.
    async fn run(mut self) {
        let link = Arc::clone(self.applications.broker.link());
        let mut pauses = Pauses::new();
        loop {
            let session = link.session();
            let lost = match hear_news(&link).await {
                Ok(mut news) => {
                    pauses = Pauses::new();
                    match self.watch(&link, &mut news).await {
                        Ok(lost) => lost,
                        Err(Unwatched) => return,
                    }
                }
                Err(error) => error,
            };
            if let TransportError::Disconnected { .. } = lost {
                if link.after_loss(session, lost).await.is_err() {
                    return;
                }
                self.back = Some(Instant::now());
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
        let mut silent = HashMap::new();
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
                () = ready(()), if !silent.is_empty() => self.miss(take(&mut silent)).await?,
                _ = looks.tick() => silent = self.look().await?,
            }
        }
    }

    async fn hear(&mut self, link: &Link, delivery: &Delivery) -> Result<(), Unwatched> {
        let Some((status, fingerprint)) = read(link, delivery) else { return Ok(()) };
        let address = Address::unique(&fingerprint);
        match &*status {
            ONLINE => self.note(address, fingerprint, Change::Started).await,
            OFFLINE if self.known.remove(&address).is_some() => {
                self.tell(Change::Stopped(fingerprint)).await
            }
            _ => Ok(()),
        }
    }

    /// Asks everyone, and answers who was known and is silent.
    async fn look(&mut self) -> Result<HashMap<Address, Fingerprint>, Unwatched> {
        let everyone = self.applications.commands.ping().to(Address::everyone());
        // What is wrong with the connection shows by the news.
        let there = present(everyone.answers(LOOK_FOR).all().await).unwrap_or_default();
        let mut silent = self.known.clone();
        for fingerprint in there {
            let address = Address::unique(&fingerprint);
            silent.remove(&address);
            self.note(address, fingerprint, Change::Found).await?;
        }
        Ok(silent)
    }

    /// Misses those of the silent that have gone.
    async fn miss(&mut self, silent: HashMap<Address, Fingerprint>) -> Result<(), Unwatched> {
        if self.back.is_some_and(|back| back.elapsed() < SERVED_AGAIN_WITHIN) {
            return Ok(());
        }
        for (address, fingerprint) in silent {
            if self.known.get(&address) == Some(&fingerprint) && self.has_gone(&address).await {
                self.known.remove(&address);
                self.tell(Change::Vanished(fingerprint)).await?;
            }
        }
        Ok(())
    }

    /// Notes who has the address now. It may have been another's, who has gone since.
    async fn note(
        &mut self,
        address: Address,
        fingerprint: Fingerprint,
        change: fn(Fingerprint) -> Change,
    ) -> Result<(), Unwatched> {
        match self.known.insert(address, fingerprint.clone()) {
            Some(known) if known == fingerprint => return Ok(()),
            Some(gone) => self.tell(Change::Vanished(gone)).await?,
            None => {}
        }
        self.tell(change(fingerprint)).await
    }

    /// Whether nobody has this address: its queue goes with its application.
    async fn has_gone(&self, address: &Address) -> bool {
        let ping = self.applications.commands.ping().to(address.clone());
        let ping = ping.timeout(LOOK_FOR).max_retry(0);
        matches!(ping.await, Err(CallFault::Unroutable { .. }))
    }

    async fn tell(&self, change: Change) -> Result<(), Unwatched> {
        self.changes.send(change).await.map_err(|_| Unwatched)
    }
}

async fn hear_news(link: &Link) -> Result<Subscription, TransportError> {
    link.declare(&APPLICATIONS).await?;
    let queue = link.transport.declare_queue(&Queue::server_named()).await?;
    let binding = Binding::new(APPLICATIONS, queue.clone(), Address::news().key().to_owned());
    link.transport.bind(&binding).await?;
    link.transport.consume(Source::new(queue).exclusive(true).auto_ack(true)).await
}

fn read(link: &Link, delivery: &Delivery) -> Option<(String, Fingerprint)> {
    let (_, json) = link.open(delivery).ok()?;
    let message = Message::from_json(&json).ok()?;
    (message.kind() == "status")
        .then(|| Some((message.name().to_owned(), message.fingerprint()?)))?
}
