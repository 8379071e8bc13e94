//! Publishing: one task for each lane writes what all publishers give it, so that many messages
//! share a system call and nobody waits for another's confirm.

mod link;
mod open;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use self::link::{Events, Link, Slot};
use self::open::Open;
use super::address::Address;
use super::{confirms, convert, fault};
use crate::transport::{MANDATORY_NEEDS_ID, Publication, TransportError};

/// How many messages may be with the broker, unconfirmed.
const WINDOW: usize = 1024;
/// How many may wait for a place in the window. Who comes then waits: back-pressure.
const WAITING: usize = 256;

/// A way for messages over a connection of its own and one channel at a time, with confirms or
/// without.
#[derive(Debug)]
pub(super) struct Lane {
    jobs: mpsc::Sender<Job>,
    confirm: bool,
    connection: Arc<Mutex<Slot>>,
    /// Why the lane ended, once it has.
    ended: Ended,
    task: JoinHandle<()>,
}

/// Why a lane ended, once it has. The first reason counts.
#[derive(Clone, Debug)]
struct Ended(watch::Sender<Option<TransportError>>);

impl Default for Ended {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Ended {
    fn because(&self, reason: TransportError) -> TransportError {
        let mut first = reason;
        self.0.send_if_modified(|ended| match ended {
            Some(known) => {
                first = known.clone();
                false
            }
            None => {
                *ended = Some(first.clone());
                true
            }
        });
        first
    }
}

/// One publication on its way.
#[derive(Debug)]
struct Job {
    publication: Publication,
    /// Made by the publisher, so that the lane's task need not; taken by the first attempt.
    message: Option<Message>,
    /// With how many channels it went down already.
    attempts: u32,
    /// Whether the broker sent it back.
    returned: bool,
    done: oneshot::Sender<Result<(), TransportError>>,
}

/// A publication in lapin's terms.
#[derive(Debug)]
struct Message {
    exchange: ShortString,
    key: ShortString,
    mandatory: bool,
    properties: BasicProperties,
    body: Bytes,
}

/// Why a channel is no longer published on.
enum Over {
    NoMoreJobs,
    ChannelGone(Option<lapin::Error>),
}

impl Lane {
    pub(super) fn confirmed(address: &Address, connection: Connection) -> Self {
        Self::new(address, "postage: publish", Some(connection), true)
    }

    /// It connects when it is first used.
    pub(super) fn unconfirmed(address: &Address) -> Self {
        Self::new(address, "postage: publish unconfirmed", None, false)
    }

    fn new(
        address: &Address,
        name: &'static str,
        connection: Option<Connection>,
        confirm: bool,
    ) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let ended = Ended::default();
        let connection = Arc::new(Mutex::new(Slot::Open(connection.map(Arc::new))));
        let link = Link::new(address.clone(), name, Arc::clone(&connection));
        let task = tokio::spawn(serve(link, confirm, waiting, ended.clone()));
        Self { jobs, confirm, connection, ended, task }
    }

    /// Closes the connection, in at most `patience`. What is under way fails.
    pub(super) async fn close(&self, patience: Duration) {
        self.ended.because(fault::closed());
        link::close(&self.connection, patience).await;
    }

    /// Publishes; with confirms, until the broker has confirmed. When the future is dropped, the
    /// message may be sent or not.
    pub(super) async fn publish(&self, mut publication: Publication) -> Result<(), TransportError> {
        // Without a confirm nobody waits for what comes back.
        publication.mandatory &= self.confirm;
        let message = Message::new(&publication).map_err(|reason| {
            fault::refused(format!("publish to {}", publication.route), reason)
        })?;
        let (done, outcome) = oneshot::channel();
        let message = Some(message);
        let job = Job { publication, message, attempts: 0, returned: false, done };
        self.jobs.send(job).await.map_err(|_| self.gone())?;
        outcome.await.unwrap_or_else(|_| Err(self.gone()))
    }

    fn gone(&self) -> TransportError {
        self.ended.0.borrow().clone().unwrap_or_else(fault::closed)
    }

    /// Waits until the lane has ended, and says why.
    pub(super) async fn ended(&self) -> TransportError {
        let mut ended = self.ended.0.subscribe();
        let ended = ended.wait_for(Option::is_some).await;
        ended.ok().and_then(|ended| ended.clone()).unwrap_or_else(fault::closed)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Message {
    fn new(publication: &Publication) -> Result<Self, String> {
        if publication.mandatory && publication.properties.message_id.is_none() {
            return Err(MANDATORY_NEEDS_ID.to_owned());
        }
        Ok(Self {
            exchange: convert::short("the exchange's name", publication.route.exchange())?,
            key: convert::short("the routing key", publication.route.key())?,
            mandatory: publication.mandatory,
            properties: convert::to_basic(&publication.properties)?,
            body: publication.body.clone(),
        })
    }
}

impl Job {
    fn finish(self, outcome: Result<(), TransportError>) {
        // Whoever waited for it may have left.
        let _ = self.done.send(outcome);
    }
}

/// The lane's task: one channel after the other, until the connection is gone.
async fn serve(mut link: Link, confirm: bool, mut jobs: mpsc::Receiver<Job>, ended: Ended) {
    let Some(first) = jobs.recv().await else { return };
    let mut again = VecDeque::from([first]);
    let mut why = None;
    let reason = loop {
        let channel = match link.channel(confirm, why).await {
            Ok(channel) => channel,
            Err(error) => break error,
        };
        match over(&channel, link.events(), &mut jobs, &mut again).await {
            Over::NoMoreJobs => return,
            Over::ChannelGone(error) => why = error,
        }
    };
    let reason = ended.because(reason);
    jobs.close();
    again.into_iter().for_each(|job| job.finish(Err(reason.clone())));
    while let Some(job) = jobs.recv().await {
        job.finish(Err(reason.clone()));
    }
}

/// Publishes over one channel for as long as it is open.
async fn over(
    channel: &Channel,
    events: &mut Events,
    jobs: &mut mpsc::Receiver<Job>,
    again: &mut VecDeque<Job>,
) -> Over {
    let mut under_way = FuturesUnordered::new();
    let mut open = Open::default();
    loop {
        let window = window(again, &open);
        while open.takes_more(window) {
            let Some(job) = again.pop_front().or_else(|| jobs.try_recv().ok()) else { break };
            if let Some((slot, message)) = open.admit(job) {
                under_way.push(send(channel, slot, message));
            }
        }
        if open.is_over() {
            return Over::ChannelGone(open.abandon(again));
        }
        tokio::select! {
            biased;
            batch = confirms::next_batch(&mut under_way, channel), if !under_way.is_empty() => {
                open.judge(batch);
            }
            job = jobs.recv(), if open.takes_more(window) => match job {
                Some(job) => again.push_back(job),
                None => return Over::NoMoreJobs,
            },
            () = events.watch() => {}
        }
    }
}

/// What is sent again goes one by one: the broker does not say which message it refused, so the
/// one that it refuses when it is alone is the one.
fn window(again: &VecDeque<Job>, open: &Open) -> usize {
    let careful = open.sends_again() || again.front().is_some_and(|job| job.attempts > 0);
    if careful { 1 } else { WINDOW }
}

/// Publishes and waits for the confirm. Polled by one task only: lapin numbers a message and
/// queues its frames in two steps, which must not mix with another's.
async fn send(
    channel: &Channel,
    slot: u64,
    message: Message,
) -> (u64, lapin::Result<Confirmation>) {
    let Message { exchange, key, mandatory, properties, body } = message;
    let options = BasicPublishOptions { mandatory, immediate: false };
    let published = channel.basic_publish(exchange, key, options, &body, properties).await;
    let outcome = match published {
        Ok(confirm) => confirm.await,
        Err(error) => Err(error),
    };
    (slot, outcome)
}
