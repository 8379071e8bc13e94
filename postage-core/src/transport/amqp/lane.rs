//! Publishing: one task for each lane sends what all publishers give it, so that many messages
//! share a system call and nobody waits for another's confirm.

mod link;
mod open;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::Channel;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use self::link::{Events, Link, Slot};
use self::open::Open;
use super::address::Address;
use super::direct::Outbox;
use super::fault::{self, Loss};
use super::wire::Wire;
use crate::transport::{MANDATORY_NEEDS_ID, Publication, TransportError};

/// How many messages may be with the broker, unconfirmed.
const WINDOW: usize = 1024;
/// How many may wait for a place in the window. Who comes then waits: back-pressure.
const WAITING: usize = 256;

/// A way for messages over a connection of its own and one channel at a time, with confirms or
/// without.
#[derive(Debug)]
pub(super) struct Lane {
    jobs: mpsc::Sender<Box<Job>>,
    confirm: bool,
    /// The channel of now, for what needs no confirm: that need not wait for the task.
    now: Now,
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

/// Where a lane without confirms has its channel, while it has one.
type Now = Arc<Mutex<Option<Arc<Outbox>>>>;

/// One publication on its way.
#[derive(Debug)]
struct Job {
    publication: Publication,
    /// With how many channels it went down already.
    attempts: u32,
    /// Whether the broker sent it back.
    returned: bool,
    done: oneshot::Sender<Result<(), TransportError>>,
}

/// A channel to publish on. It is closed when this is dropped.
struct Publishing {
    outbox: Arc<Outbox>,
    _channel: Channel,
}

/// Why a channel is no longer published on.
enum Over {
    NoMoreJobs,
    ChannelGone(Loss),
}

impl Lane {
    pub(super) fn confirmed(address: &Address, connection: Wire) -> Self {
        Self::new(address, "postage: publish", Some(connection), true)
    }

    /// It connects when it is first used.
    pub(super) fn unconfirmed(address: &Address) -> Self {
        Self::new(address, "postage: publish unconfirmed", None, false)
    }

    fn new(address: &Address, name: &'static str, connection: Option<Wire>, confirm: bool) -> Self {
        let (jobs, waiting) = mpsc::channel(WAITING);
        let ended = Ended::default();
        let connection = Arc::new(Mutex::new(Slot::Open(connection.map(Arc::new))));
        let link = Link::new(address.clone(), name, Arc::clone(&connection));
        let now = Now::default();
        let for_task = (!confirm).then(|| Arc::clone(&now));
        let task = tokio::spawn(serve(link, for_task, waiting, ended.clone()));
        Self { jobs, confirm, now, connection, ended, task }
    }

    /// Closes the connection, in at most `patience`; false where the broker did not answer. What is
    /// under way fails.
    pub(super) async fn close(&self, patience: Duration) -> bool {
        self.ended.because(fault::closed());
        link::close(&self.connection, patience).await
    }

    /// Publishes; with confirms, until the broker has confirmed. When the future is dropped, the
    /// message may be sent or not.
    pub(super) async fn publish(&self, mut publication: Publication) -> Result<(), TransportError> {
        let refused = |publication: &Publication, reason: String| {
            fault::refused(format!("publish to {}", publication.route), reason)
        };
        if !self.confirm {
            // Nobody waits for what comes back.
            publication.mandatory = false;
            if let Some(outbox) = self.outbox()
                && outbox.publish(&publication).map_err(|reason| refused(&publication, reason))?
            {
                return Ok(());
            }
        }
        if publication.mandatory && publication.properties.message_id.is_none() {
            return Err(refused(&publication, MANDATORY_NEEDS_ID.to_owned()));
        }
        let (done, outcome) = oneshot::channel();
        let job = Box::new(Job { publication, attempts: 0, returned: false, done });
        self.jobs.send(job).await.map_err(|_| self.gone())?;
        outcome.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// The channel of now, where it takes more.
    fn outbox(&self) -> Option<Arc<Outbox>> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.as_ref().filter(|outbox| outbox.has_room()).cloned()
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

impl Job {
    fn finish(self, outcome: Result<(), TransportError>) {
        // Whoever waited for it may have left.
        let _ = self.done.send(outcome);
    }

    /// The broker has said whether it has taken it.
    fn confirm(self, taken: bool) {
        let outcome = match (self.returned, taken) {
            (true, _) => Err(TransportError::Unroutable { route: self.publication.route.clone() }),
            (false, true) => Ok(()),
            (false, false) => {
                Err(TransportError::NotConfirmed { route: self.publication.route.clone() })
            }
        };
        self.finish(outcome);
    }
}

/// The lane's task: one channel after the other, until the connection is gone. Where there is a place
/// for it, others find the channel there: it needs no confirms then.
async fn serve(mut link: Link, now: Option<Now>, mut jobs: mpsc::Receiver<Box<Job>>, ended: Ended) {
    let Some(first) = jobs.recv().await else { return };
    let mut again = VecDeque::from([first]);
    let mut why = None;
    // Closed by the broker before lapin has heard of it; it is dropped when lapin has, lest both close
    // it: by then the next one is open.
    let mut last: Option<Publishing> = None;
    let show = |outbox: Option<&Arc<Outbox>>| {
        if let Some(now) = &now {
            *now.lock().unwrap_or_else(PoisonError::into_inner) = outbox.cloned();
        }
    };
    let reason = loop {
        let publishing = match link.channel(now.is_none(), why).await {
            Ok(publishing) => publishing,
            Err(error) => break error,
        };
        let outbox = &last.insert(publishing).outbox;
        let over = over(outbox, link.events(), &mut jobs, &mut again, &show).await;
        show(None);
        match over {
            Over::NoMoreJobs => return,
            Over::ChannelGone(loss) => why = Some(loss),
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
    outbox: &Arc<Outbox>,
    events: &mut Events,
    jobs: &mut mpsc::Receiver<Box<Job>>,
    again: &mut VecDeque<Box<Job>>,
    show: &impl Fn(Option<&Arc<Outbox>>),
) -> Over {
    let mut open = Open::default();
    loop {
        let window = window(again, &open);
        let mut room = outbox.has_room();
        while room && open.takes_more(window) {
            let Some(job) = again.pop_front().or_else(|| jobs.try_recv().ok()) else { break };
            if let Some(job) = open.admit(job, outbox) {
                again.push_front(job);
            }
            room = outbox.has_room();
        }
        // Who comes later shall not pass those that wait.
        show(Some(outbox).filter(|_| again.is_empty() && jobs.is_empty()));
        tokio::select! {
            biased;
            said = poll_fn(|cx| outbox.poll(cx, room)) => match said {
                Ok(outcomes) => open.judge(outcomes),
                Err(loss) => {
                    open.abandon(&loss, again);
                    return Over::ChannelGone(loss);
                }
            },
            job = jobs.recv(), if room && open.takes_more(window) => match job {
                Some(job) => again.push_back(job),
                None => return Over::NoMoreJobs,
            },
            () = events.watch() => {}
        }
    }
}

/// What is sent again goes one by one: the broker does not say which message it refused, so the
/// one that it refuses when it is alone is the one.
fn window(again: &VecDeque<Box<Job>>, open: &Open) -> usize {
    let careful = open.sends_again() || again.front().is_some_and(|job| job.attempts > 0);
    if careful { 1 } else { WINDOW }
}
