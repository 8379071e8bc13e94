//! The address that one application alone has.

use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use crate::link::Link;
use crate::message::Fingerprint;
use crate::topology::{Address, Queue};
use crate::transport::TransportError;

/// How many suffixes are tried. Each is one of four thousand million.
const MOST_TRIED: usize = 4;

/// Whether an application of this process goes by the plain process id.
static PLAIN_TAKEN: AtomicBool = AtomicBool::new(false);

/// That this application has its `pid@host` alone.
#[derive(Debug)]
pub(super) struct Claim {
    fingerprint: Fingerprint,
    plain: bool,
}

impl Claim {
    /// Claims `pid@host`, where it is still free, or one with a suffix to the process id. The
    /// broker is the judge: the queue of that name is exclusive, so that only one connection can
    /// have it.
    pub(super) async fn make(
        link: &Link,
        fingerprint: Fingerprint,
    ) -> Result<Self, TransportError> {
        let mut claim = Self { fingerprint, plain: !PLAIN_TAKEN.swap(true, Ordering::AcqRel) };
        if claim.plain {
            match claim.declare(link).await {
                Err(TransportError::Refused { .. }) => claim.give_up_plain(),
                declared => return declared.map(|()| claim),
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
                declared => return declared.map(|()| claim),
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
    async fn declare(&self, link: &Link) -> Result<(), TransportError> {
        let queue = self.queue();
        link.through_losses(|| link.transport.declare_queue(&queue)).await.map(drop)
    }

    fn give_up_plain(&mut self) {
        if std::mem::take(&mut self.plain) {
            PLAIN_TAKEN.store(false, Ordering::Release);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.give_up_plain();
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

    // One test, since one application of a process has the plain process id.
    #[tokio::test]
    async fn the_plain_address_is_anothers_only_when_all_of_the_first_has_gone() {
        let broker = Broker::memory();
        let start =
            async |name: &str| broker.serve(Silent).application(name).await.expect("it is started");
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
