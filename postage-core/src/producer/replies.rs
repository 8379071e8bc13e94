//! The way of a reply back: one reply queue and one consumer for all calls of a connection, and
//! an address of its own for a call whose peer returns no correlation id.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::inbox::{Inbox, Reader, read_own};
use super::leaving::{Asked, Guard, Leaving};
use super::statuses::{Statuses, is_status, question};
use crate::contract::Peer;
use crate::link::Link;
use crate::own_ids::ByOwnId;
use crate::topology::Queue;
use crate::transport::{Delivery, SharedText, Source, Subscription, TransportError};

/// How many calls at once have a reply address of their own: each takes a channel, of which a
/// connection has some two thousand. The others wait, within their time.
const MOST_OWN: usize = 256;
/// A reply queue goes with its consumer. One that never had one, since its call was dropped before,
/// goes after this time.
const UNUSED_QUEUE_GOES: Duration = Duration::from_secs(60);

/// In a box, since it goes from hand to hand.
pub(super) type Reply = Result<Box<Delivery>, TransportError>;

/// The replies of one connection.
#[derive(Debug)]
pub(crate) struct Replies {
    link: Arc<Link>,
    /// Replaced when its reader has ended, so that the next call opens another.
    shared: Mutex<Arc<OnceCell<SharedAddress>>>,
    uncorrelated: Arc<AtomicU64>,
    own: Arc<Semaphore>,
    leaving: Arc<Leaving>,
}

/// The address that all calls of a connection share. Its reader goes with it.
#[derive(Debug)]
struct SharedAddress {
    queue: SharedText,
    waiting: Arc<Waiting>,
    reader: JoinHandle<()>,
}

impl Drop for SharedAddress {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// The calls that wait at a shared address.
#[derive(Debug)]
struct Waiting {
    /// None once its reader has ended.
    calls: Mutex<Option<Calls>>,
    uncorrelated: Arc<AtomicU64>,
    asked: Asked,
}

#[derive(Debug, Default)]
struct Calls {
    by_id: ByOwnId<u128, Call>,
    /// Counts the calls, so that a loss is told to the oldest first.
    count: u64,
}

#[derive(Debug)]
struct Call {
    number: u64,
    reply: oneshot::Sender<Reply>,
    /// Where what comes before the reply is put; it is dropped where that is nowhere.
    statuses: Option<Arc<Statuses>>,
}

impl Calls {
    fn insert(&mut self, id: Uuid, reply: oneshot::Sender<Reply>, statuses: Option<Arc<Statuses>>) {
        self.count += 1;
        self.by_id.insert(id.as_u128(), Call { number: self.count, reply, statuses });
    }

    fn remove(&mut self, id: Uuid) -> Option<oneshot::Sender<Reply>> {
        self.by_id.remove(&id.as_u128()).map(|call| call.reply)
    }

    fn statuses(&self, id: Uuid) -> Option<Arc<Statuses>> {
        self.by_id.get(&id.as_u128())?.statuses.clone()
    }

    fn has(&self, id: Uuid) -> bool {
        self.by_id.contains_key(&id.as_u128())
    }

    fn in_order(self) -> impl Iterator<Item = oneshot::Sender<Reply>> {
        let mut calls: Vec<_> = self.by_id.into_values().collect();
        calls.sort_unstable_by_key(|call| call.number);
        calls.into_iter().map(|call| call.reply)
    }
}

/// Where the reply to one call arrives. Dropping it forgets the call.
#[derive(Debug)]
pub(crate) struct ReplyAddress {
    pub(super) reply_to: SharedText,
    pub(super) inbox: Inbox,
}

/// A place among the waiting calls, given up when it is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    id: Uuid,
    waiting: Arc<Waiting>,
    /// Whether its reply has come, with which it has gone.
    pub(super) gone: bool,
}

impl Replies {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self::sharing(link, Arc::new(Semaphore::new(MOST_OWN)), Arc::default())
    }

    /// As these over another link of the same connection, whose channels they share, and whose
    /// callers leave together.
    pub(crate) fn over(&self, link: Arc<Link>) -> Self {
        Self::sharing(link, Arc::clone(&self.own), Arc::clone(&self.leaving))
    }

    fn sharing(link: Arc<Link>, own: Arc<Semaphore>, leaving: Arc<Leaving>) -> Self {
        Self { link, shared: Mutex::default(), uncorrelated: Arc::default(), own, leaving }
    }

    fn asked(&self) -> Asked {
        Asked { link: Arc::clone(&self.link), leaving: Arc::clone(&self.leaving) }
    }

    /// A guard that tells the services when the call of this id is dropped unanswered.
    pub(crate) fn guard(&self, id: &str) -> Guard {
        self.leaving.guard(&self.link, id)
    }

    /// Waits until the services are told of the calls that were dropped so far.
    pub(crate) async fn last_words(&self) {
        self.leaving.last_words().await;
    }

    /// A place at the address that all calls share, where it is open already.
    pub(super) fn enter(
        &self,
        id: Uuid,
        peer: Peer,
        statuses: &Option<Arc<Statuses>>,
    ) -> Option<ReplyAddress> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let address = shared.get().filter(|_| peer == Peer::Postage)?;
        address.enter(id, statuses.clone())
    }

    /// An address for the reply to the call of this id, and for its statuses. Where it is one of
    /// the call's own, it may have to wait for a place.
    pub(crate) async fn open(
        &self,
        id: Uuid,
        peer: Peer,
        statuses: Option<Arc<Statuses>>,
    ) -> Result<ReplyAddress, TransportError> {
        match peer {
            Peer::Postage => self.open_shared(id, statuses).await,
            Peer::Python => {
                let place = Arc::clone(&self.own).acquire_owned().await;
                // It is never closed.
                let place = place
                    .map_err(|error| TransportError::Disconnected { reason: error.to_string() })?;
                let (reply_to, replies) = self.consume_fresh_queue().await?;
                let asked = self.asked();
                let inbox = match statuses {
                    None => Inbox::Own { replies, asked, _place: place },
                    Some(statuses) => {
                        let (sender, reply) = oneshot::channel();
                        let reader = tokio::spawn(read_own(replies, statuses, asked, sender));
                        Inbox::Told { reply, _reader: Reader(reader), _place: place }
                    }
                };
                Ok(ReplyAddress { reply_to: reply_to.into(), inbox })
            }
        }
    }

    /// How many calls of such a peer have an address at once, where no more may have one now.
    pub(crate) fn is_full_for(&self, peer: Peer) -> Option<usize> {
        (peer == Peer::Python && self.own.available_permits() == 0).then_some(MOST_OWN)
    }

    /// How many replies without a correlation id have come to the shared address so far.
    pub(crate) fn uncorrelated(&self) -> u64 {
        self.uncorrelated.load(Ordering::Relaxed)
    }

    async fn open_shared(
        &self,
        id: Uuid,
        statuses: Option<Arc<Statuses>>,
    ) -> Result<ReplyAddress, TransportError> {
        let current = self.current();
        let address = current.get_or_try_init(|| self.start_reader()).await?;
        if let Some(open) = address.enter(id, statuses.clone()) {
            return Ok(open);
        }
        self.forget(&current);
        let fresh = self.current();
        let address = fresh.get_or_try_init(|| self.start_reader()).await?;
        address.enter(id, statuses).ok_or_else(|| TransportError::Disconnected {
            reason: "the reply consumer ended as soon as it began".to_owned(),
        })
    }

    fn current(&self) -> Arc<OnceCell<SharedAddress>> {
        Arc::clone(&self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn forget(&self, ended: &Arc<OnceCell<SharedAddress>>) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&shared, ended) {
            *shared = Arc::default();
        }
    }

    async fn start_reader(&self) -> Result<SharedAddress, TransportError> {
        let (queue, replies) = self.consume_fresh_queue().await?;
        let waiting = Arc::new(Waiting {
            calls: Mutex::new(Some(Calls::default())),
            uncorrelated: Arc::clone(&self.uncorrelated),
            asked: self.asked(),
        });
        let reader = tokio::spawn(read(replies, Arc::clone(&waiting)));
        Ok(SharedAddress { queue: SharedText::from(queue).shared(), waiting, reader })
    }

    async fn consume_fresh_queue(&self) -> Result<(String, Subscription), TransportError> {
        let transport = &self.link.transport;
        let queue = Queue::server_named().expires(UNUSED_QUEUE_GOES);
        let queue = transport.declare_queue(&queue).await?;
        let source = Source::new(queue.clone()).exclusive(true).auto_ack(true);
        let replies = transport.consume(source).await?;
        Ok((queue, replies))
    }
}

impl SharedAddress {
    /// Waits for the reply to this id; `None` when nobody reads the replies any more.
    fn enter(&self, id: Uuid, statuses: Option<Arc<Statuses>>) -> Option<ReplyAddress> {
        let (sender, reply) = oneshot::channel();
        self.waiting.lock().as_mut()?.insert(id, sender, statuses);
        let entry = Entry { id, waiting: Arc::clone(&self.waiting), gone: false };
        Some(ReplyAddress { reply_to: self.queue.clone(), inbox: Inbox::Shared { reply, entry } })
    }
}

impl Waiting {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Calls>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_over(&self, reply: Delivery) {
        let Some(id) = reply.properties.correlation_id.as_deref() else {
            self.uncorrelated.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                "a reply without a correlation id came to the shared reply address and belongs to \
                 no call; if the service is Python Postage, call it with `peer = \"python\"`"
            );
            return;
        };
        // An id that is no UUID, however written, is of no call here.
        let own = Uuid::try_parse(id).ok();
        if let Some(queue) = question(&reply.properties) {
            let has = |calls: &Calls| own.is_some_and(|own| calls.has(own));
            let wanted = self.lock().as_ref().is_some_and(has);
            return self.asked.answer(queue, id, wanted);
        }
        if is_status(&reply.properties) {
            let statuses =
                self.lock().as_ref().zip(own).and_then(|(calls, own)| calls.statuses(own));
            if let Some(statuses) = statuses {
                statuses.put(reply);
            }
            return;
        }
        // Its own statement, so that nobody is woken while the lock is held.
        let call = self.lock().as_mut().zip(own).and_then(|(calls, own)| calls.remove(own));
        match call {
            // The call may have gone between the look-up and here; its reply is not wanted then.
            Some(call) => drop(call.send(Ok(Box::new(reply)))),
            None => tracing::debug!(correlation_id = id, "a reply came that no call waits for"),
        }
    }

    fn end(&self, error: &TransportError) {
        let calls = self.lock().take().unwrap_or_default();
        for call in calls.in_order() {
            drop(call.send(Err(error.clone())));
        }
    }
}

/// Reads the shared address until its consumer ends.
async fn read(mut replies: Subscription, waiting: Arc<Waiting>) {
    let error = loop {
        match replies.next().await {
            Ok(Some(reply)) => waiting.hand_over(reply),
            Ok(None) => {
                break TransportError::Disconnected { reason: "the reply consumer ended".into() };
            }
            Err(error) => break error,
        }
    };
    waiting.end(&error);
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        if let Some(calls) = self.waiting.lock().as_mut() {
            calls.remove(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::message::{Codecs, STATUS};
    use crate::topology::Route;
    use crate::transport::{MemoryTransport, Properties, Publication};

    #[tokio::test]
    async fn statuses_at_an_address_of_the_calls_own_are_read_though_nobody_waits() {
        let memory: Arc<MemoryTransport> = Arc::new(MemoryTransport::new());
        let link = Link::new(memory, Codecs::default(), Limits::default(), false);
        let link = Arc::new(link);
        let replies = Replies::new(Arc::clone(&link));
        let statuses = Arc::new(Statuses::default());
        let told = Some(Arc::clone(&statuses));
        let mut address = replies.open(Uuid::new_v4(), Peer::Python, told).await.unwrap();
        let send = async |kind: Option<&'static str>, body: &'static str| {
            let route = Route::to_queue(address.reply_to.to_string());
            let properties = Properties { kind: kind.map(Into::into), ..Properties::default() };
            link.publish(Publication::new(route, properties, body).mandatory(false)).await.unwrap();
        };
        for number in ["1", "2", "3"] {
            send(Some(STATUS), number).await;
        }
        for number in ["1", "2", "3"] {
            let came = async {
                loop {
                    match statuses.take() {
                        Some(status) => return status.body.clone(),
                        None => statuses.more().await,
                    }
                }
            };
            let came = tokio::time::timeout(Duration::from_secs(10), came).await;
            assert_eq!(came.unwrap(), number);
        }
        send(None, "the reply").await;
        assert_eq!(address.inbox.reply().await.unwrap().body, "the reply");
    }
}
