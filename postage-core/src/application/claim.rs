//! The address that one application alone has.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::link::Link;
use crate::message::Fingerprint;
use crate::topology::{Address, Queue};
use crate::transport::TransportError;

/// How many suffixes are tried. Each is one of four thousand million.
const MOST_TRIED: usize = 4;

/// How long it may take to delete a queue that is not served after all.
const DELETED_WITHIN: Duration = Duration::from_secs(5);

/// Where an application of this process goes by the plain process id: the virtual hosts and hosts.
static PLAIN: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

/// That this application has its `pid@host` alone.
#[derive(Debug)]
pub(super) struct Claim {
    fingerprint: Fingerprint,
    /// Held, as long as the application is there.
    plain: Option<Arc<Plain>>,
}

/// That an application of this process, and no other, goes by the plain process id here.
#[derive(Debug)]
struct Plain((String, String));

/// The queue of a claim, until it is served: a start that fails or is given up deletes it. It
/// would be there as long as the connection.
#[derive(Debug)]
pub(super) struct Unserved {
    link: Arc<Link>,
    queue: Option<String>,
    plain: Option<Arc<Plain>>,
}

impl Claim {
    /// Claims `pid@host`, where it is still free, or one with a suffix to the process id. The
    /// broker is the judge: the queue of that name is exclusive, so that only one connection can
    /// have it.
    pub(super) async fn make(
        link: &Arc<Link>,
        fingerprint: Fingerprint,
    ) -> Result<(Self, Unserved), TransportError> {
        let plain = Plain::take((link.transport.vhost().to_owned(), fingerprint.host.clone()));
        let mut claim = Self { fingerprint, plain };
        if claim.plain.is_some() {
            match claim.declare(link).await {
                Err(TransportError::Refused { .. }) => claim.plain = None,
                declared => return declared.map(|unserved| (claim, unserved)),
            }
        }
        let pid = claim.fingerprint.pid.clone();
        let mut tried = 0;
        loop {
            let (suffix, ..) = Uuid::new_v4().as_fields();
            claim.fingerprint.pid = format!("{pid}-{suffix:08x}");
            tried += 1;
            match claim.declare(link).await {
                Err(TransportError::Refused { .. }) if tried < MOST_TRIED => {}
                declared => return declared.map(|unserved| (claim, unserved)),
            }
        }
    }

    pub(super) const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The queue that is this application's own.
    pub(super) fn queue(&self) -> Queue {
        let name = Address::unique(&self.fingerprint).to_string();
        Queue::new(name).durable(false).exclusive(true).auto_delete(true)
    }

    /// Over losses of the connection: an application may start while there is none.
    async fn declare(&self, link: &Arc<Link>) -> Result<Unserved, TransportError> {
        let queue = self.queue();
        let name = Some(queue.name().to_owned());
        let unserved = Unserved { link: Arc::clone(link), queue: name, plain: self.plain.clone() };
        match link.through_losses(|| link.transport.declare_queue(&queue)).await {
            Ok(_) => Ok(unserved),
            Err(error) => {
                // It is another's, or went with the connection.
                unserved.keep();
                Err(error)
            }
        }
    }
}

impl Plain {
    fn take(place: (String, String)) -> Option<Arc<Self>> {
        let taken = plain_ones().insert(place.clone());
        taken.then(|| Arc::new(Self(place)))
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        plain_ones().remove(&self.0);
    }
}

fn plain_ones() -> MutexGuard<'static, BTreeSet<(String, String)>> {
    PLAIN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Unserved {
    /// From now on it goes with its consumer.
    pub(super) fn keep(mut self) {
        self.queue = None;
    }
}

impl Drop for Unserved {
    fn drop(&mut self) {
        let (Some(queue), Ok(runtime)) = (self.queue.take(), Handle::try_current()) else { return };
        let link = Arc::clone(&self.link);
        // Nobody else of this process may have the address before the queue has gone.
        let plain = self.plain.take();
        runtime.spawn(async move {
            let deleted = timeout(DELETED_WITHIN, link.transport.delete_queue(&queue)).await;
            if !matches!(deleted, Ok(Ok(()))) {
                tracing::debug!(queue, "the queue of an application that did not start was kept");
            }
            drop(plain);
        });
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::panic)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use crate::message::Fingerprint;
    use crate::topology::Address;
    use crate::{ApplicationCommandsProducer, Broker, CallFault, message_processor};

    struct Silent;

    #[message_processor(crate = "crate")]
    impl Silent {}

    #[tokio::test]
    async fn the_plain_address_is_anothers_only_when_all_of_the_first_has_gone() {
        let broker = Broker::memory();
        let start = async |name: &str| {
            let application = broker.serve(Silent).application(name).host("claimed");
            application.await.expect("it is started")
        };
        let first = start("first").await;
        let plain = first.fingerprint().pid.clone();
        assert_eq!(plain, std::process::id().to_string());
        drop(first);
        // Its queue is there for a moment, with its bindings.
        let second = start("second").await;
        let asking = Fingerprint::new("case", "test");
        let commands = ApplicationCommandsProducer::new(&broker, asking);
        let gone = async {
            loop {
                let ping = commands.ping().to(Address::name("first")).max_retry(0);
                match ping.timeout(Duration::from_millis(100)).await {
                    Ok(found) => assert_eq!(found.name, "first"),
                    Err(CallFault::Unroutable { .. }) => return,
                    Err(_) => {}
                }
            }
        };
        timeout(Duration::from_secs(20), gone).await.expect("the first one's queue goes");
        second.drain(Duration::from_secs(1)).await;
        let third = start("third").await;
        assert_eq!(third.fingerprint().pid, plain);
    }
}
